"""`up` with all its real processes: what it says is true, and nothing of it stays."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from idlehands.house import probe
from idlehands.house.components import AgentOptions
from idlehands.house.running import RunningHouse, start_house
from tests.fixtures.broker import eventually

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with start_house(tmp_path_factory.mktemp("up") / "house", AgentOptions(count=1)) as running:
        yield running


def status_json(house: RunningHouse) -> dict[str, Any]:
    """Return what the command line prints, as a program reads it."""
    printed = subprocess.run(
        [sys.executable, "-P", "-m", "idlehands", "status", "--json"],
        env=os.environ | {"IDLEHANDS_HOME": str(house.home.path)},
        capture_output=True,
        check=True,
    )
    read: dict[str, Any] = json.loads(printed.stdout)
    return read


def pid_of(house: RunningHouse, name: str) -> int:
    pid = house.component(name).pid
    assert pid is not None
    return pid


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("Z")
    except OSError:
        return True


def test_every_component_is_ready_and_named(house: RunningHouse) -> None:
    names = [part["name"] for part in status_json(house)["components"] if part["state"] == "ready"]

    assert names[:5] == ["broker", "mongod", "hq", "search", "web"]
    assert [name for name in names[5:] if name.startswith("agent-")] == names[5:]
    assert len(names) == 6


def test_the_page_and_rest_answer_where_the_status_says(house: RunningHouse) -> None:
    status = status_json(house)
    token = (house.home.client("cli") / "token").read_text().strip()
    request = urllib.request.Request(  # noqa: S310 - our own server
        f"{status['rest']}/jobs", headers={"Authorization": f"Bearer {token}"}
    )

    with urllib.request.urlopen(f"{status['page']}healthz") as healthy:  # noqa: S310
        assert healthy.status == 200
    with urllib.request.urlopen(request) as answered:  # noqa: S310
        assert answered.status == 200


def test_the_database_opens_with_the_uri_in_the_status(house: RunningHouse) -> None:
    with MongoClient[dict[str, Any]](status_json(house)["mongodb"]) as client:
        assert "events" in client.get_default_database().list_collection_names()


def test_hq_tells_its_state_to_who_has_a_certificate(house: RunningHouse) -> None:
    host, _, port = status_json(house)["broker"].removeprefix("mqtts://").rpartition(":")
    assert (host, int(port)) == ("127.0.0.1", house.home.settings.ports.broker)

    state = probe.read_retained(house.home, house.home.client("cli"), "idlehands/v1/hq/state")

    assert state is not None
    data = json.loads(state)["data"]
    assert data["online"] is True
    assert f"{data['rest']}/api/v1" == status_json(house)["rest"]


@pytest.mark.parametrize("name", ["broker", "mongod", "hq", "search", "web", "agent"])
def test_whatever_is_killed_comes_back(house: RunningHouse, name: str) -> None:
    name = next(part.name for part in house.status().components if part.name.startswith(name))
    pid, restarts = pid_of(house, name), house.component(name).restarts

    os.kill(pid, signal.SIGKILL)
    eventually(lambda: house.component(name).restarts > restarts, 60)
    house.wait_ready(60)

    assert is_gone(pid)


def test_a_stopped_house_leaves_no_process_and_starts_again_with_the_same_addresses(tmp_path: Path) -> None:
    house = start_house(tmp_path / "house", AgentOptions(count=1))
    before = house.status()

    assert house.stop() == 0

    assert all(is_gone(part.pid) for part in before.components if part.pid)
    with start_house(tmp_path / "house", AgentOptions(count=0)) as again:
        after = again.status()
        assert (after.page, after.broker, after.mongodb) == (before.page, before.broker, before.mongodb)


def test_a_killed_house_leaves_no_process(tmp_path: Path) -> None:
    house = start_house(tmp_path / "house", AgentOptions(count=1))
    pids = [part.pid for part in house.status().components if part.pid]

    house.process.kill()
    house.process.wait(60)

    eventually(lambda: all(is_gone(pid) for pid in pids), 60)
