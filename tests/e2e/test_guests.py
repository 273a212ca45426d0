"""A machine whose owner wants it back: on the machine itself, through HQ, and by what a film night says."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bus.settings import BusSettings
from idlehands.bundle import build_bundle
from idlehands.client import Client, connect
from idlehands.house.components import AgentOptions
from idlehands.house.home import COMMAND_LINE, Home
from idlehands.house.running import start_house
from schemas.specs import JobSpec, ScriptRef
from tests.fixtures import commands
from tests.permissions.line import Line, Will

pytestmark = [pytest.mark.process, pytest.mark.slow]

WORKING = """
import os, time
print("here", os.getpid(), flush=True)
while True:
    time.sleep(0.01)
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A house whose one agent is a guest."""
    folder = tmp_path_factory.mktemp("guests") / "house"
    with start_house(folder, AgentOptions(count=1, slots=1, guest=None), wait_seconds=120) as running:
        yield running.home


@pytest.fixture(scope="module")
def client(home: Home) -> Iterator[Client]:
    with connect(settings_of(home)) as client:
        yield client


def settings_of(home: Home) -> BusSettings:
    return BusSettings.parse(home.broker_address, home.client(COMMAND_LINE))


def idlehands(home: Home, *words: str) -> str:
    done = subprocess.run(
        [*commands.idlehands(), *words],
        env=os.environ | {"IDLEHANDS_HOME": str(home.path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def eventually(is_so: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + 60
    while not (found := is_so()):
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
    return found


def state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "gone"


def guest(client: Client) -> dict[str, Any]:
    (agent,) = client.agents()
    return dict((agent["heard"] or {}).get("guest") or {})


def run(client: Client, folder: Path) -> tuple[str, int]:
    """Run a script and return its job and process."""
    script = folder / "work.py"
    script.write_text(WORKING)
    bundle = build_bundle(script)
    client.put_blob(bundle.content)
    (job,) = client.submit([JobSpec(ScriptRef(bundle.sha256, bundle.entry))]).jobs
    line = eventually(
        lambda: next((w for page in client.logs(job) for w in page["lines"] if w.startswith("here")), None),
        "the script runs",
    )
    return job, int(line.split()[1])


def test_a_pause_on_the_machine_lets_its_job_stand_still_until_it_is_taken_back(
    home: Home, client: Client, tmp_path: Path
) -> None:
    job, pid = run(client, tmp_path)

    assert "until" in idlehands(home, "agent", "pause", "--for", "1h")
    eventually(lambda: state(pid) == "T", "it stands still")
    eventually(lambda: guest(client).get("frozen") == 1, "heartbeats say so")
    assert "its owner wants to be left alone" in guest(client)["reason"]
    assert "wants to be left alone" in idlehands(home, "agents")
    assert "lets jobs stand still" in idlehands(home, "agent", "check")

    idlehands(home, "agent", "resume")
    eventually(lambda: state(pid) not in ("T", "gone"), "it goes on")
    client.cancel([job])
    eventually(lambda: state(pid) in ("gone", "Z"), "it is gone")


def test_the_house_may_ask_for_less_and_take_that_back(home: Home, client: Client, tmp_path: Path) -> None:
    name = client.agents()[0]["name"]
    job, pid = run(client, tmp_path)

    assert "paused from the house" in idlehands(home, "machines", "pause", name, "--for", "1h")
    eventually(lambda: state(pid) == "T", "it stands still")
    client.rest.send("POST", f"/agents/{name}/resume")

    eventually(lambda: state(pid) not in ("T", "gone"), "it goes on")
    client.cancel([job])


def test_jobs_run_only_while_no_film_is_on(home: Home, client: Client, tmp_path: Path) -> None:
    idlehands(home, "agent", "policy", "--set", "only_while=home/film_night == off")
    eventually(lambda: "home/film_night" in guest(client).get("reason", ""), "nothing was heard yet")
    with Line(settings_of(home)) as line:
        line.publish("home/film_night", b"off", retain=True)
        eventually(lambda: guest(client).get("accepting"), "no film is on")
        job, pid = run(client, tmp_path)

        line.publish("home/film_night", b"on", retain=True)

        eventually(lambda: state(pid) == "T", "it stands still")
        client.cancel([job])
        eventually(lambda: state(pid) in ("gone", "Z"), "a cancel ends what stands still")
    idlehands(home, "agent", "policy", "--set", "only_while=usual")
    eventually(lambda: guest(client).get("accepting"), "there is no condition any more")


def test_rules_that_cannot_be_understood_stop_all_jobs_and_name_the_key(home: Home, client: Client) -> None:
    (agent,) = (home.path / "agents").glob("*/home")
    kept = (agent / "guest.json").read_bytes()
    (agent / "guest.json").write_text(json.dumps({"cpu_celsius": "hot"}))

    eventually(lambda: not guest(client).get("accepting", True), "nothing is taken")
    assert "cpu_celsius" in guest(client)["reason"]

    (agent / "guest.json").write_bytes(kept)
    eventually(lambda: guest(client).get("accepting"), "back to the rules")


def test_home_assistant_finds_the_machine_and_switches_it(home: Home, client: Client, tmp_path: Path) -> None:
    name = client.agents()[0]["name"]
    folder = tmp_path / "homeassistant"
    idlehands(home, "cert", "issue", "homeassistant", "--role", "operator", "--out", str(folder))
    topic = f"homeassistant/device/idlehands-{name}/config"
    settings = BusSettings.parse(home.broker_address, folder)

    # As Home Assistant connects: with a last will on its own topic.
    with Line(settings, will=Will("homeassistant/status", b"offline")) as line:
        line.subscribe(["homeassistant/+/+/config"])
        (announced,) = eventually(lambda: [m for m in line.ping() if m.topic == topic], "it is announced")
        switch = json.loads(announced.payload)["components"]["accept_jobs"]
        assert announced.retained

        assert line.publish(switch["command_topic"], switch["payload_off"].encode()) < 0x80
        eventually(lambda: guest(client).get("house_wish") == "pause", "it is off")
        line.publish(switch["command_topic"], switch["payload_on"].encode())
        eventually(lambda: guest(client).get("house_wish") == "", "it is on again")
    with Line(settings_of(home)) as other:
        assert other.publish(switch["command_topic"], switch["payload_off"].encode()) >= 0x80
