"""Secrets and sandboxes in a real house: values stay with their scripts, and who asks for strict gets it."""

import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from agents.runner.isolation import find_isolations
from idlehands.house.running import RunningHouse
from tests.e2e.mosquitto import watching
from tests.fixtures import commands
from tests.fixtures.broker import eventually

pytestmark = pytest.mark.process
needs_strict = pytest.mark.skipif(
    "strict" not in find_isolations().levels, reason=find_isolations().why_not_strict
)
VALUE = "correct-horse-battery-staple"
#: Says its secret in every way that it can, and waits to be looked at.
TELL = """
import json, os, sys, time, idlehands
value = os.environ["DEPLOY_KEY"]
print("it is", value, flush=True)
print(value, file=sys.stderr, flush=True)
idlehands.report(step=1, **{value: 1.0})
print("look", flush=True)
while not os.path.exists(os.path.join(idlehands.checkpoint_dir(), "seen")): time.sleep(0.05)
print(json.dumps({"value": value, "letters": len(value), "cwd": os.getcwd()}))
if "--fail" in sys.argv: raise RuntimeError(value)
"""
#: KEY is a path.
LOOK = "import json, os; print(json.dumps({'alone': os.getpid() < 10, 'key': os.path.exists(KEY)}))"


class Line:
    """`idlehands` on the HQ host."""

    def __init__(self, house: RunningHouse, folder: Path) -> None:
        self.house, self.folder = house, folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith("IDLEHANDS_")}
        self.environment = {**kept, "IDLEHANDS_HOME": str(house.home.path)}

    def __call__(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*commands.idlehands(), *words],
            cwd=self.folder, env=self.environment, input=stdin, capture_output=True, text=True, timeout=90,
        )  # fmt: skip

    def start(self, *words: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "idlehands", *words],
            cwd=self.folder, env=self.environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def script(self, text: str) -> str:
        (self.folder / "script.py").write_text(text)
        return "script.py"

    def rows(self, *words: str) -> list[dict[str, Any]]:
        done = self(*words, "--json")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def job(self, job: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self("job", job, "--json").stdout)
        return found

    def wait_final(self, job: str) -> dict[str, Any]:
        eventually(lambda: self.job(job)["status"] in ("succeeded", "failed", "dead"), 60)
        return self.job(job)


@pytest.fixture
def line(house: RunningHouse, tmp_path: Path) -> Line:
    return Line(house, tmp_path)


@pytest.fixture
def secret(line: Line) -> Iterator[str]:
    """A secret of the house."""
    done = line("secret", "set", "DEPLOY_KEY", stdin=f"{VALUE}\n")
    assert done.returncode == 0, done.stderr
    assert VALUE not in done.stdout + done.stderr
    yield "DEPLOY_KEY"
    line("secret", "delete", "DEPLOY_KEY")


def holds_value(content: bytes) -> bool:
    encoded = base64.b64encode(VALUE.encode())
    return VALUE.encode() in content or encoded[:-4] in content


def content_of(path: Path) -> bytes:
    """Return what is in a file; nothing for what is none, or went in this moment: the house is up."""
    try:
        return path.read_bytes() if path.is_file() else b""
    except FileNotFoundError:
        return b""


def command_lines() -> bytes:
    found = b""
    for name in os.listdir("/proc"):
        try:
            found += Path(f"/proc/{name}/cmdline").read_bytes() if name.isdigit() else b""
        except OSError:
            continue
    return found


@pytest.mark.parametrize("fail", [False, True])
@pytest.mark.parametrize("level", ["basic", pytest.param("strict", marks=needs_strict)])
def test_a_secret_is_nowhere_but_in_its_script(
    line: Line, house: RunningHouse, secret: str, tmp_path: Path, level: str, fail: bool
) -> None:
    home = house.home
    with watching(home, home.client("cli"), tmp_path / "heard") as heard:
        flags = ("--secret", secret, "--isolation", level)
        words = ("--argv-marker",) if not fail else ("--fail",)
        submitted = line("submit", *flags, line.script(TELL), "--", *words)
        assert submitted.returncode == 0, submitted.stderr
        job = submitted.stdout.strip()
        eventually(lambda: b'"look"' in heard.read_bytes(), 60)
        assert not holds_value(command_lines())
        # What it says may be faster than what is known of it.
        eventually(lambda: line.job(job).get("agent") is not None, 60)
        found = line.job(job)
        agent = home.agent(found["agent"]) / "home"
        (agent / "checkpoints" / job).mkdir(parents=True, exist_ok=True)
        (agent / "checkpoints" / job / "seen").touch()

        ended = line.wait_final(job)

        assert ended["status"] == ("failed" if fail else "succeeded")
        (row,) = [row for row in ended["results"] if row["verdict"] == "accepted"]
        result = row["result"]["result"]
        assert (result["value"], result["letters"]) == ("***", len(VALUE))
        eventually(lambda: b'"result":{"value":"***"' in heard.read_bytes().replace(b": ", b":"), 60)
        assert not holds_value(heard.read_bytes())
        assert b"sealed" in heard.read_bytes()  # the operator hears the grant, and cannot open it
    eventually(lambda: "it is ***" in line("logs", job).stdout, 60)
    printed = line("logs", job)
    assert not holds_value((printed.stdout + printed.stderr).encode())
    # An attempt's folder goes after its report.
    eventually(lambda: not list(home.path.glob("agents/*/home/attempts/*")), 60)
    # Everything on disk but the database, which is looked into below: its files are compressed.
    files = [path for path in home.path.rglob("*") if home.mongodb not in path.parents]
    assert [path for path in files if holds_value(content_of(path))] == []
    client: MongoClient[dict[str, Any]] = MongoClient(house.status().mongodb)
    with client:
        database = client.get_default_database("idlehands")
        names = database.list_collection_names()
        assert {"events", "jobs", "results", "progress", "logs"} <= set(names)
        for name in names:
            for document in database[name].find():
                assert not holds_value(repr(document).encode()), name


def test_a_job_that_asks_for_an_unknown_secret_is_refused_at_once(line: Line) -> None:
    done = line("run", "--secret", "NOWHERE", line.script("print(1)"))
    assert done.returncode == 125
    assert "There is no secret NOWHERE: `idlehands secret set NAME` on the HQ host keeps one" in done.stderr
    assert "job " not in done.stderr


def test_a_secret_that_is_gone_when_its_job_begins_fails_the_job(line: Line, secret: str) -> None:
    submitted = line("submit", "--secret", secret, "--agent", "nobody-yet", line.script("print(1)"))
    assert submitted.returncode == 0, submitted.stderr
    line("secret", "delete", secret)
    with_agent(line, "nobody-yet", lambda: line.wait_final(submitted.stdout.strip()))
    ended = line.job(submitted.stdout.strip())
    assert ended["status"] == "failed"
    assert "secrets_missing" in json.dumps(ended["results"])
    assert "there is no secret DEPLOY_KEY any more" in ended["why"]


def test_secrets_are_listed_by_name_and_kept_from_names_that_mean_something(line: Line, secret: str) -> None:
    assert [row["name"] for row in json.loads(line("secret", "list", "--json").stdout)] == ["DEPLOY_KEY"]
    assert VALUE not in line("secret", "list").stdout
    for name, code in (("PATH", 2), ("LD_PRELOAD", 2), ("1X", 2), ("a-b", 2), ("IDLEHANDS_JOB", 2)):
        assert line("secret", "set", name, stdin="whatever").returncode == code
    short = line("secret", "set", "SHORT", stdin="abc\n")
    assert (short.returncode, "4 to 8192 bytes, this one has 3" in short.stderr) == (1, True)
    assert line("secret", "delete", "SHORT").returncode == 1


def with_agent(line: Line, name: str, act: Any, *flags: str) -> Any:
    """Run an agent as long as `act` takes."""
    process = line.start("agent", "--name", name, *flags)
    try:
        return act()
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


@needs_strict
def test_an_owner_who_demands_strict_gets_nothing_less(line: Line, house: RunningHouse) -> None:
    def act() -> None:
        eventually(lambda: any(row["name"] == "vault" and row["online"] for row in line.rows("agents")), 60)
        (row,) = [row for row in line.rows("agents") if row["name"] == "vault"]
        assert row["facts"]["isolation"] == ["strict"]
        key = str(house.home.agent("vault") / "key.pem")
        source = LOOK.replace("KEY", repr(key))
        done = line("run", "--agent", "vault", line.script(source))
        assert json.loads(done.stdout) == {"alone": True, "key": False}

    with_agent(line, "vault", act, "--isolation", "strict")


@needs_strict
def test_a_job_gets_the_isolation_that_it_asks_for(line: Line, house: RunningHouse) -> None:
    agent = next(row for row in line.rows("agents") if row["online"])
    assert agent["facts"]["isolation"] == ["basic", "strict"]
    source = LOOK.replace("KEY", repr(str(house.home.agent(agent["name"]) / "key.pem")))
    script = line.script(source)
    here = ("--agent", agent["name"])

    assert json.loads(line("run", *here, script).stdout) == {"alone": False, "key": True}
    strict = line("run", *here, "--isolation", "strict", script)
    assert json.loads(strict.stdout) == {"alone": True, "key": False}


def test_isolation_that_nobody_has_is_waited_for_and_explained(line: Line) -> None:
    assert line("run", "--isolation", "total", line.script("print(1)")).returncode == 2

    def act() -> None:
        eventually(lambda: any(row["name"] == "bare" and row["online"] for row in line.rows("agents")), 60)
        job = line(
            "submit", "--isolation", "strict", "--agent", "bare", line.script("print(1)")
        ).stdout.strip()
        why = "bare: its isolation is basic, the job asks for strict"
        eventually(lambda: why in line("job", job).stdout, 60)
        line("cancel", job)

    line.environment["PATH"] = str(Path(sys.executable).parent)  # no bubblewrap there
    with_agent(line, "bare", act)
