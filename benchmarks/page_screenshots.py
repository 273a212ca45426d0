"""`python -m benchmarks.page_screenshots DIR`: a house at work, and every page of it as a picture.

At 390 and 1440 pixels, light and dark. To look at, and for the documentation.
"""

import sys
import tempfile
import time
from pathlib import Path

import msgspec
from playwright.sync_api import Page, sync_playwright

from bus.settings import BusSettings
from idlehands.bundle import build_bundle
from idlehands.client import Client, connect
from idlehands.house.components import AgentOptions
from idlehands.house.files import write_private
from idlehands.house.home import open_home
from idlehands.house.login import login_link
from idlehands.house.running import RunningHouse, start_house
from schemas.specs import Choice, FloatRange, IntRange, JobSpec, Limits, ScriptRef, SweepSpec

_FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
_SIZES = {"desktop": (1440, 900), "phone": (390, 844)}
_TRIALS = 36
#: Learns nothing, but looks like it: the pictures need curves, not a network.
_SCRIPT = '''"""Train a small network on handwritten digits."""
import argparse, json, math, random, time
parser = argparse.ArgumentParser()
parser.add_argument("--learning-rate", type=float, default=0.01, help="step of the optimiser")
parser.add_argument("--layers", type=int, default=2, help="hidden layers")
parser.add_argument("--optimizer", choices=["adam", "sgd", "rmsprop"], default="adam", help="how it learns")
parser.add_argument("--dropout", type=float, default=0.1, help="share of units left out")
parser.add_argument("--epochs", type=int, default=24, help="times through the data")
parser.add_argument("--pause", type=float, default=0.1, help="seconds per epoch")
parser.add_argument("--augment", action="store_true", help="shift and turn the digits")
options = parser.parse_args()
best = 0.985 * math.exp(-((math.log10(options.learning_rate) + 2.2) ** 2) / 5)
best *= (1 - abs(options.layers - 3) / 12) * (1 - options.dropout / 4)
best *= {"adam": 1.0, "sgd": 0.93, "rmsprop": 0.97}[options.optimizer]
print(f"{options.layers} layers, {options.optimizer}, learning rate {options.learning_rate:.2g}")
for epoch in range(1, options.epochs + 1):
    accuracy = best * (1 - math.exp(-epoch / (options.epochs / 5))) + random.uniform(-0.008, 0.008)
    loss = 2.3 * (1 - accuracy) + random.uniform(0, 0.03)
    held_out = accuracy - 0.02 - random.uniform(0, 0.01)
    metrics = {"step": epoch, "accuracy": accuracy, "loss": loss, "held_out_accuracy": held_out}
    print(json.dumps(metrics), flush=True)
    print(f"epoch {epoch:3d}/{options.epochs}  loss {loss:.4f}  accuracy {accuracy:.4f}", flush=True)
    print(f"{100 * epoch // options.epochs}%|####      | {epoch}/{options.epochs}", flush=True)
    time.sleep(options.pause)
print(json.dumps({"accuracy": accuracy, "loss": loss, "parameters": options.layers * 4160}))
'''


def main(folder: Path) -> None:
    """Write the pictures into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        home = open_home(Path(temporary) / "house")
        named = msgspec.structs.replace(home.settings, machine="workshop")
        write_private(home.path / "house.json", msgspec.json.encode(named))
        with start_house(home.path, AgentOptions(count=4, slots=2), wait_seconds=180) as house:
            pages = _set_the_scene(house)
            _take_all(house, pages, folder)


def _set_the_scene(house: RunningHouse) -> dict[str, str]:
    """Put something of everything into the house; return the addresses to look at."""
    scripts = house.home.path / "scripts"
    scripts.mkdir()
    file = scripts / "train_digits.py"
    file.write_text(_SCRIPT)
    with connect(BusSettings.parse(house.home.broker_address, house.home.client("cli"))) as client:
        bundle = build_bundle(file)
        client.put_blob(bundle.content)
        script = ScriptRef(bundle.sha256, bundle.entry, "train_digits")
        space = {
            "learning_rate": FloatRange(1e-4, 1e-1, log=True),
            "layers": IntRange(1, 6),
            "optimizer": Choice(("adam", "sgd", "rmsprop")),
            "dropout": FloatRange(0.0, 0.5),
        }
        trial = JobSpec(script, {"pause": 0.02})
        changed = client.submit_sweep(
            SweepSpec(trial, space, trials=_TRIALS, metric="accuracy", parallel=6, seed=7, name="Digits")
        )
        sweep = changed.sweep
        client.submit([JobSpec(script, {"layers": "many"}, name="a typo")])
        while client.sweep(sweep, at_least=changed.position)["status"] == "running":
            time.sleep(0.2)
        submitted = client.submit(_long_jobs(script))
        job = submitted.jobs[0]
        _wait_until_running(client, job, submitted.position)
    return {
        "house": "/",
        "jobs": "/jobs",
        "job": f"/jobs/{job}",
        "sweep": f"/sweeps/{sweep}",
        "sweeps": "/sweeps",
        "new": "/new?script=train_digits.py",
        "results": f"/results?sweep={sweep}",
        "data": "/data",
        "events": "/events",
    }


def _long_jobs(script: ScriptRef) -> list[JobSpec]:
    shown = [
        JobSpec(script, {"learning_rate": 0.004, "layers": 3, "epochs": epochs, "pause": 0.5}, name=name)
        for name, epochs in (
            ("Digits, long", 400),
            ("Digits, wide", 700),
            ("Digits, no dropout", 900),
            ("Fold 1 of 5", 500),
            ("Fold 2 of 5", 600),
        )
    ]
    waiting = [
        JobSpec(script, {"epochs": 50}, name=f"Fold {n} of 5", limits=Limits(wall_seconds=3600))
        for n in (3, 4, 5)
    ]
    return [*shown, *waiting]


def _wait_until_running(client: Client, job: str, position: int) -> None:
    while client.job(job, at_least=position)["status"] != "running":
        time.sleep(0.1)
    # Until its curves have something to show.
    while len(client.progress(job)["points"]) < 40:
        time.sleep(0.5)


def _take_all(house: RunningHouse, pages: dict[str, str], folder: Path) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(_FLAGS))
        state = None
        for scheme in ("light", "dark"):
            for size, (width, height) in _SIZES.items():
                context = browser.new_context(
                    viewport={"width": width, "height": height},
                    color_scheme="dark" if scheme == "dark" else "light",
                    storage_state=state,
                )
                page = context.new_page()
                if state is None:
                    page.goto(login_link(house.home))
                    page.wait_for_selector(".head")
                    state = context.storage_state()
                for name, path in pages.items():
                    _take(page, house.home.web_url + path, folder / f"{name}-{size}-{scheme}.png")
                context.close()
        browser.close()


def _take(page: Page, address: str, file: Path) -> None:
    page.goto(address)
    page.wait_for_selector(".head")
    page.wait_for_selector("html[data-live=on]")
    # Figures and fonts settle; nothing else says when they have.
    page.wait_for_timeout(2500)
    page.screenshot(path=file)
    print(file)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "build/page"))
