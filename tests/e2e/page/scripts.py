"""Scripts that the tests of the page run, and how they get into the house without the page."""

from pathlib import Path
from typing import Any

import msgspec

from idlehands.bundle import build_bundle
from idlehands.client import Client
from schemas.requests import DeployService
from schemas.specs import JobSpec, ScriptRef, ServiceSpec

#: A row of a table, by its id.
ROW = '.ag-center-cols-container [row-id="{}"]'
#: What somebody might put where text goes, to make it more than text.
HOSTILE = '<img src=x onerror="window.hacked=1"><b>bold</b> \u202egnp.exe'

TRAIN = '''"""Train a little, slowly enough to be watched."""
import argparse, json, os, time
parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=5, help="how many")
parser.add_argument("--pause", type=float, default=0.1)
parser.add_argument("--mode", choices=["fast", "slow"], default="fast")
parser.add_argument("--shuffle", action="store_true")
parser.add_argument("--until", help="a file; the last step waits until it is there")
options = parser.parse_args()
for step in range(1, options.steps + 1):
    while step == options.steps and options.until and not os.path.exists(options.until):
        time.sleep(0.05)
    print(json.dumps({"step": step, "loss": 1 / step, "accuracy": 1 - 1 / (step + 1)}), flush=True)
    print(f"step {step} of {options.steps}", flush=True)
    print(f"{100 * step // options.steps}%|####      | {step}/{options.steps}", flush=True)
    time.sleep(options.pause)
print(json.dumps({"loss": 1 / options.steps, "shuffled": options.shuffle, "mode": options.mode}))
'''

EVIL = r"""
import json, sys
print("\x1b[31mred\x1b[0m <script>window.hacked=1</script> <b>bold</b>")
print("\x1b]8;;http://evil.example\x07link\x1b]8;;\x07 \u202egnp.exe")
print("x" * 1_000_000 + "<i>end</i>")
print(json.dumps({"<b>metric</b>": 0.5}))
print("after the long line", flush=True)
print(json.dumps({"<img src=x onerror=window.hacked=1>": "<script>window.hacked=1</script>"}))
"""

#: Keeps a picture, and two files that would run something in a browser that opened them.
KEEPER = r"""
import base64
png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
open("dot.png", "wb").write(base64.b64decode(png))
open("page.html", "w").write("<script>window.hacked=1</script>")
open("drawing.svg", "w").write("<svg xmlns='http://www.w3.org/2000/svg'><script>window.hacked=1</script></svg>")
"""

#: Keeps files whose names and content try to be more than text.
NAMER = r"""
import json
evil = '<img src=x onerror="window.hacked=1">'
open("<b>evil.csv", "w").write(evil.replace('"', '') + ",b\n" + evil.replace('"', '') + ",2\n")
open("<b>card.md", "w").write("# " + evil + "\n<script>window.hacked=1</script>\n")
print("\x1b[31mred <b>bold</b> \u202egnp.exe\x1b[0m")
print("x" * 1_000_000)
print(json.dumps({"m": 1.0, "<b>note": evil}))
"""

#: A service; its answer turns the direction of what is behind it.
ECHO = r"""
def echo(text: str, times: int = 1):
    return {"said": text * times, "turned": "\u202e"}
"""

SCRIPTS = {"train.py": TRAIN}


def script_of(client: Client, folder: Path, source: str = TRAIN) -> ScriptRef:
    """Store a script as the command line does and return its reference."""
    file = folder / "train.py"
    file.write_text(source)
    bundle = build_bundle(file)
    client.put_blob(bundle.content)
    return ScriptRef(bundle.sha256, bundle.entry, "train")


def submit(client: Client, folder: Path, source: str = TRAIN, **spec: Any) -> str:
    """Submit a script as the command line does and return its job."""
    script = msgspec.to_builtins(script_of(client, folder, source))
    return client.submit([msgspec.convert({"script": script, **spec}, JobSpec)]).jobs[0]


def serve_echo(client: Client, folder: Path, name: str) -> None:
    """Deploy a service that answers what it is given."""
    file = folder / "echo.py"
    file.write_text(ECHO)
    bundle = build_bundle(file)
    client.put_blob(bundle.content)
    script = ScriptRef(bundle.sha256, bundle.entry, "echo")
    client.ask(DeployService(service=ServiceSpec(name, JobSpec(script), "echo")))
