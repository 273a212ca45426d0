"""Shutting somebody out of a house that runs, and replacing its CA: real processes throughout."""

import json
import queue
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from bus.paho_bus import PahoBus
from bus.port import BusInput, Connected, Disconnected
from bus.settings import BusSettings
from bus.topics import HQ_STATE
from idlehands.house import probe
from idlehands.house.components import AgentOptions
from idlehands.house.login import login_link
from idlehands.house.running import RunningHouse, start_house
from idlehands.house.tokens import TokenRole
from tests.fixtures import commands
from tests.fixtures.broker import eventually

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHouse]:
    folder = tmp_path_factory.mktemp("house") / "house"
    with start_house(folder, AgentOptions(count=1, slots=1), wait_seconds=120) as running:
        yield running


def idlehands(house: RunningHouse, *argv: str) -> subprocess.CompletedProcess[str]:
    """Run the command line of this house."""
    done = subprocess.run(
        [*commands.idlehands(), *argv],
        env={"IDLEHANDS_HOME": str(house.home.path), "PATH": "/usr/bin:/bin:/usr/sbin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done


def issue(house: RunningHouse, name: str, role: str, out: Path) -> Path:
    done = idlehands(house, "cert", "issue", name, "--role", role, "--out", str(out))
    assert done.returncode == 0, done.stderr
    eventually(lambda: probe.accepts(house.home, out))
    return out


def answer(house: RunningHouse, token: str) -> int:
    """Return the status code with which REST answers to this token."""
    given = {"Authorization": f"Bearer {token}"}
    return httpx.get(f"{house.home.rest_url}/status", headers=given, trust_env=False, timeout=60).status_code


def states(house: RunningHouse) -> dict[str, str | None]:
    """Return serial numbers with the time of their revocation, as the command line lists them."""
    rows = json.loads(idlehands(house, "cert", "list", "--json").stdout)
    return {row["serial"]: row["revoked_at"] for row in rows}


def counted(house: RunningHouse) -> dict[str, int]:
    """Return how often each process was restarted, the database apart."""
    return {part.name: part.restarts for part in house.status().components if part.name != "mongod"}


class Visitor:
    """Somebody on the bus, who wants to stay."""

    def __init__(self, house: RunningHouse, folder: Path) -> None:
        self.heard: queue.SimpleQueue[BusInput] = queue.SimpleQueue()
        self.bus = PahoBus(BusSettings.parse(house.home.broker_address, folder), longest_retry_seconds=0.5)
        self.bus.subscribe(HQ_STATE)
        self.bus.start(self.heard.put)

    def await_(self, kind: type[BusInput]) -> float:
        """Return when the next thing of that kind has happened."""
        while not isinstance(self.heard.get(timeout=60), kind):
            pass
        return time.monotonic()


def test_a_revoked_certificate_loses_its_live_connection_and_all_others_come_back(
    house: RunningHouse, tmp_path: Path
) -> None:
    olga, vera = (
        issue(house, "olga", "operator", tmp_path / "olga"),
        issue(house, "vera", "viewer", tmp_path / "vera"),
    )
    login_link(house.home, "olga", TokenRole.OPERATOR)
    token = (olga / "token").read_text().strip()
    assert answer(house, token) == 200
    out, stays = Visitor(house, olga), Visitor(house, vera)
    try:
        for visitor in (out, stays):
            visitor.await_(Connected)

        done = idlehands(house, "cert", "revoke", "olga")

        assert done.returncode == 0, done.stderr
        assert "1 tokens and 1 page sessions" in done.stderr
        out.await_(Disconnected)
        gone = stays.await_(Disconnected)
        assert stays.await_(Connected) - gone < 60
        assert not probe.accepts(house.home, olga)
        house.wait_ready(60)
        assert answer(house, token) == 401
        eventually(lambda: idlehands(house, "hq", "status").returncode == 0, 60)
        # By now everybody else is back; whoever was shut out only ever fails.
        assert not any(isinstance(what, Connected) for what in drained(out.heard))
    finally:
        for visitor in (out, stays):
            visitor.bus.stop()


def drained(heard: "queue.SimpleQueue[BusInput]") -> list[BusInput]:
    return [heard.get() for _ in range(heard.qsize())]


def test_a_revoked_name_comes_back_with_a_new_certificate_only(house: RunningHouse, tmp_path: Path) -> None:
    first = issue(house, "otto", "operator", tmp_path / "first")
    renewed = tmp_path / "renewed"
    shutil.copytree(first, renewed)
    done = idlehands(house, "cert", "issue", "otto", "--role", "operator", "--out", str(renewed), "--renew")
    assert done.returncode == 0, done.stderr
    before = set(states(house))
    assert idlehands(house, "cert", "revoke", "otto").returncode == 0

    again = idlehands(house, "cert", "issue", "otto", "--role", "operator", "--out", str(tmp_path / "again"))

    assert again.returncode == 0, again.stderr
    eventually(lambda: probe.accepts(house.home, tmp_path / "again"), 60)
    # The renewed one and the one before it: both are shut out for ever.
    assert not probe.accepts(house.home, first)
    assert not probe.accepts(house.home, renewed)
    assert len([serial for serial, revoked in states(house).items() if revoked and serial in before]) >= 2


def test_a_process_of_the_house_and_a_stranger_are_not_revoked(house: RunningHouse) -> None:
    for name, words in (("hq", "cert rotate"), ("nobody", "Nobody has a certificate")):
        done = idlehands(house, "cert", "revoke", name)

        assert done.returncode == 1
        assert words in done.stderr


def test_a_command_line_whose_keys_were_copied_gets_new_ones(house: RunningHouse, tmp_path: Path) -> None:
    stolen = shutil.copytree(house.home.client("cli"), tmp_path / "stolen")

    done = idlehands(house, "cert", "revoke", "cli")

    assert "got a new certificate" in done.stderr
    house.wait_ready(60)
    eventually(lambda: idlehands(house, "hq", "status").returncode == 0, 60)
    assert not probe.accepts(house.home, stolen)
    assert answer(house, (stolen / "token").read_text().strip()) == 401


def test_an_agent_of_this_machine_works_no_more_until_it_is_let_in_again(
    house: RunningHouse, tmp_path: Path
) -> None:
    name = house.home.settings.machine
    script = tmp_path / "two.py"
    script.write_text("print('{\"two\": 2}')\n")
    assert idlehands(house, "cert", "revoke", name).returncode == 0
    eventually(lambda: house.component(f"agent-{name}").state != "ready", 60)

    folder = str(house.home.agent(name))
    assert idlehands(house, "cert", "issue", name, "--role", "agent", "--out", folder).returncode == 0

    ran = idlehands(house, "run", str(script))
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {"two": 2}


def test_a_rotation_gives_the_house_a_new_ca_and_shuts_all_others_out(
    house: RunningHouse, tmp_path: Path
) -> None:
    rita = issue(house, "rita", "viewer", tmp_path / "rita")
    before, restarts = (house.home.pki / "ca.pem").read_bytes(), counted(house)
    keys = {name: (house.home.service(name) / "sign.key").read_bytes() for name in ("hq", "web")}
    assert idlehands(house, "cert", "rotate").returncode == 2

    done = idlehands(house, "cert", "rotate", "--yes")

    assert done.returncode == 0, done.stderr
    assert "cert issue rita --role viewer" in done.stderr
    assert (house.home.pki / "ca.pem").read_bytes() != before
    assert {name: (house.home.service(name) / "sign.key").read_bytes() for name in keys} != keys
    assert not probe.accepts(house.home, rita)
    eventually(lambda: all(now > restarts[name] for name, now in counted(house).items()), 60)
    house.wait_ready(60)
    script = tmp_path / "one.py"
    script.write_text("print('{\"one\": 1}')\n")
    ran = idlehands(house, "run", str(script))
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {"one": 1}
    issue(house, "rita", "viewer", tmp_path / "rita-again")
