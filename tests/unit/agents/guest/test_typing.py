"""Somebody really types: key events on a real X server, down to jobs that stand still or leave."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from agents.guest.lookout import Lookout, PolicySays
from agents.guest.panorama import Panorama
from agents.guest.sensors.displays import Displays
from agents.guest.settings import settings_file
from agents.runner.port import RunStopped
from agents.runner.tree import read_process
from tests.fixtures.display import VirtualDisplay
from tests.unit.agents.runner.attempts import JOB, Bench, eventually, is_alive

WORKING = """
import os, time
print("pid", os.getpid(), flush=True)
while True:
    time.sleep(0.005)
"""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path / "bench")
    yield bench
    bench.close()


def state(pid: int) -> str:
    """Return the letter of a process's state, ? when it is gone."""
    process = read_process(pid)
    return process.state if process else "?"


def seconds_of(sensor: Displays) -> float | None:
    inputs = sensor.look(time.monotonic()).inputs
    return inputs[0].seconds if inputs else None


def test_a_key_and_a_movement_are_seen(display: VirtualDisplay) -> None:
    sensor = Displays(str(display.sockets))
    for act in (display.press, display.move):
        eventually(lambda: (seconds_of(sensor) or 0) > 1.0, "quiet", 60)
        eventually(lambda act=act: act() or (seconds_of(sensor) or 9) < 1.0, "somebody", 60)

    assert sensor.look(time.monotonic()).values == {"full_screen": False}
    sensor.close()


def test_a_display_that_ends_is_gone_and_takes_nobody_with_it(display: VirtualDisplay) -> None:
    sensor = Displays(str(display.sockets))
    assert seconds_of(sensor) is not None

    display.stop()

    eventually(lambda: not sensor.look(time.monotonic()).inputs, "the display is gone", 60)
    sensor.close()


def test_without_leave_a_display_is_blind_and_not_idle(display: VirtualDisplay) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(display.sockets / "X7777"))
        silent.listen()
        sensor = Displays(str(display.sockets))
        inputs = sensor.look(0.0).inputs
        sensor.close()

    assert sorted(one.seconds is None for one in inputs) == [False, True]


class Owner:
    """Feeds a lookout's decisions to a runner, as the agent's loop does."""

    def __init__(self, home: Path, display: VirtualDisplay, bench: Bench, **rules: object) -> None:
        home.mkdir()
        usual = {"preset": "when-idle", "on_mains": False, "free_disk_gb": 0, "battery_over": 0}
        settings_file(home).write_bytes(msgspec.json.encode(usual | rules))
        self.bench, self.token = bench, 0
        self.says: list[PolicySays] = []
        self.decided = threading.Event()
        self.lookout = Lookout(home, self._take)
        self.lookout._panorama = Panorama([(Displays(str(display.sockets)), lambda _: True)])
        self.lookout.start()

    def _take(self, says: PolicySays) -> None:
        self.says.append(says)
        if self.token:
            if says.decision.cpu == "vacate":
                self.bench.runner.vacate(JOB, self.token, says.decision.grace_seconds)
            else:
                self.bench.runner.freeze(JOB, self.token, still=says.decision.cpu == "freeze")

    def begin(self) -> int:
        """Wait until jobs may run, run one, and return its process."""
        eventually(lambda: self.says[-1].decision.accepting, "nobody has come for a while", 60)
        self.token = self.bench.start(WORKING)
        self.lookout.note_busy(True)
        # What was decided meanwhile: on a busy machine the display may not answer in time.
        self._take(self.says[-1])
        lines = eventually(
            lambda: [line for line in self.bench.lines(self.token) if "pid" in line], "it runs", 60
        )
        return int(lines[0].split()[1])


def test_a_key_lets_a_job_stand_still_and_quiet_lets_it_go_on(
    display: VirtualDisplay, bench: Bench, tmp_path: Path
) -> None:
    owner = Owner(tmp_path / "home", display, bench, start_after_seconds=0.5, resume_after_seconds=2)
    pid = owner.begin()

    # Again and again, as who types does: a busy machine may look late.
    eventually(lambda: display.press() or state(pid) == "T", "it stands still", 60)
    assert "somebody is at this computer" in owner.says[-1].decision.reason
    eventually(lambda: state(pid) in "RSD", "it goes on", 60)

    owner.lookout.close()
    bench.runner.stop(JOB, owner.token)
    eventually(lambda: bench.find(RunStopped, owner.token), "it is gone", 60)


@pytest.mark.slow
def test_a_job_that_stands_still_for_too_long_is_gone(
    display: VirtualDisplay, bench: Bench, tmp_path: Path
) -> None:
    owner = Owner(tmp_path / "home", display, bench, start_after_seconds=0.5, resume_after_seconds=60,
                  vacate_after_seconds=0.5)  # fmt: skip
    pid = owner.begin()

    eventually(lambda: display.press() or bench.find(RunStopped, owner.token), "it is gone", 60)

    assert not is_alive(pid)
    owner.lookout.close()
