"""Starting, restarting and stopping, with real processes that do next to nothing."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from idlehands.house.home import HouseError, open_home
from idlehands.house.status import HouseStatus, read_status
from idlehands.house.up import check_ports

pytestmark = pytest.mark.process

PROGRAM = Path(__file__).with_name("small_house.py")


class Started:
    def __init__(self, folder: Path, *names: str) -> None:
        self.home = open_home(folder)
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM), str(folder), *names],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def status(self) -> HouseStatus:
        return read_status(self.home)

    def wait_ready(self) -> HouseStatus:
        eventually(lambda: self.status().pid == self.process.pid and self.status().ready)
        return self.status()

    def output(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.read()

    def order(self) -> str:
        return (self.home.path / "order").read_text().strip()


def eventually(holds: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def is_alive(pid: int | None) -> bool:
    try:
        # A zombie is dead: who adopted it need not have looked yet.
        return pid is not None and Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Started]]:
    made: list[Started] = []

    def starter(*names: str) -> Started:
        made.append(Started(tmp_path / "house", *names))
        return made[-1]

    yield starter
    for house in made:
        if house.process.poll() is None:
            house.process.terminate()
        house.process.communicate(timeout=60)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_everything_in_the_opposite_order(
    start: Callable[..., Started], number: signal.Signals
) -> None:
    house = start("broker", "hq", "agent")
    status = house.wait_ready()

    house.process.send_signal(number)

    assert house.process.wait(60) == 0
    assert house.order() == "agent hq broker"
    assert not any(is_alive(part.pid) for part in status.components)
    assert not house.status().up


def test_a_killed_process_is_started_again_and_the_others_are_left_alone(
    start: Callable[..., Started],
) -> None:
    house = start("broker", "hq")
    before = {part.name: part for part in house.wait_ready().components}
    pid = before["hq"].pid
    assert pid is not None

    os.kill(pid, signal.SIGKILL)
    eventually(lambda: house.status().components[1].restarts == 1 and house.status().ready)

    after = {part.name: part for part in house.status().components}
    assert after["hq"].pid != pid
    assert after["broker"] == before["broker"]


def test_nothing_outlives_a_killed_supervisor_and_the_house_comes_up_again(
    start: Callable[..., Started],
) -> None:
    house = start("broker", "hq")
    status = house.wait_ready()

    house.process.kill()
    house.process.wait(60)
    again = start("broker", "hq").wait_ready()

    assert not any(is_alive(part.pid) for part in status.components)
    assert again.pid != status.pid


def test_a_killed_supervisor_is_seen_as_down(start: Callable[..., Started]) -> None:
    house = start("broker")
    house.wait_ready()

    house.process.kill()
    house.process.wait(60)

    assert not house.status().up
    assert house.status().components == ()


def test_a_second_house_in_the_same_folder_is_refused(start: Callable[..., Started]) -> None:
    first = start("broker")
    first.wait_ready()

    second = start("broker")

    assert second.process.wait(60) == 1
    assert f"is up already (process {first.process.pid}" in second.output()
    assert first.status().ready


def test_a_process_that_never_gets_ready_stops_the_house_with_its_last_words(
    start: Callable[..., Started],
) -> None:
    house = start("broker", "broken")

    assert house.process.wait(60) == 1
    said = house.output()
    assert "broken does not start: it ended 3 times (exit code 7)" in said
    assert "no such database" in said
    assert house.order() == "broker"


def test_a_process_that_does_not_listen_is_killed(start: Callable[..., Started]) -> None:
    house = start("deaf")
    pid = house.wait_ready().components[0].pid

    house.process.terminate()

    assert house.process.wait(60) == 0
    assert not is_alive(pid)


def test_what_a_process_prints_is_in_its_log(start: Callable[..., Started]) -> None:
    house = start("broken")
    house.process.wait(60)

    assert (house.home.logs / "broken.log").read_text().splitlines() == ["no such database"] * 3


def test_a_taken_port_is_named_before_anything_starts(tmp_path: Path) -> None:
    home = open_home(tmp_path / "house")
    port = home.settings.ports.web

    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(HouseError, match=rf"web cannot listen on 127\.0\.0\.1 port {port}.*house\.json"),
    ):
        check_ports(home)
