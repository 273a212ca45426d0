"""Jobs on a machine that somebody wants back: they stand still, go on, leave, and take less."""

import os
import time

import pytest

from agents.runner.port import RunEnded, RunStopped
from agents.runner.tree import read_process
from schemas.specs import Limits
from tests.unit.agents.runner.attempts import JOB, Bench, eventually, is_alive

COUNTING = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time\\nwhile True: time.sleep(0.01)"])
print("pids", os.getpid(), child.pid, flush=True)
while True:
    time.sleep(0.01)
"""
FINISHING = """
import time
print("begun", flush=True)
began = time.monotonic()
while time.monotonic() - began < 0.6:
    time.sleep(0.01)
print('{"done": true}')
"""
CHECKPOINTING = """
import idlehands, pathlib, sys, time
print("begun", flush=True)
while not idlehands.should_stop():
    time.sleep(0.01)
time.sleep(0.5)
pathlib.Path(idlehands.checkpoint_dir(), "step").write_text("7")
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("begun", flush=True)
while True:
    time.sleep(0.01)
"""


def states(pids: list[int]) -> set[str]:
    return {process.state if (process := read_process(pid)) else "gone" for pid in pids}


def wait_for(bench: Bench, token: int, start: str) -> str:
    """Return the line with that beginning; a busy machine starts scripts late."""
    return str(
        eventually(
            lambda: next((line for line in bench.lines(token) if line.startswith(start)), None), start, 60
        )
    )


def wait_gone(bench: Bench, token: int) -> None:
    eventually(lambda: bench.find(RunStopped, token), "the attempt was stopped", 60)
    assert not bench.find(RunEnded, token)


def start_counting(bench: Bench) -> tuple[int, list[int]]:
    token = bench.start(COUNTING)
    return token, [int(word) for word in wait_for(bench, token, "pids").split()[1:]]


def test_a_whole_tree_stands_still_and_goes_on(bench: Bench) -> None:
    token, pids = start_counting(bench)

    bench.runner.freeze(JOB, token, still=True)
    eventually(lambda: states(pids) == {"T"}, seconds=60)
    bench.runner.freeze(JOB, token, still=False)

    eventually(lambda: "T" not in states(pids), seconds=60)
    bench.runner.stop(JOB, token)
    wait_gone(bench, token)


@pytest.mark.slow
def test_time_in_which_a_script_stands_still_is_not_on_its_limit(bench: Bench) -> None:
    token = bench.start(FINISHING, limits=Limits(wall_seconds=3))
    wait_for(bench, token, "begun")
    bench.runner.freeze(JOB, token, still=True)
    time.sleep(3.2)  # longer than the limit
    bench.runner.freeze(JOB, token, still=False)

    result = bench.wait_result(token)

    assert result.result == {"done": True}
    assert result.ended_at - result.started_at - result.duration_seconds > 3.0


def test_one_that_stands_still_can_be_stopped_and_vacated(bench: Bench) -> None:
    for end in (
        lambda token: bench.runner.stop(JOB, token),
        lambda token: bench.runner.vacate(JOB, token, 60),
        lambda token: bench.runner.stop(JOB, token, at_once=True),
    ):
        token, pids = start_counting(bench)
        bench.runner.freeze(JOB, token, still=True)
        eventually(lambda pids=pids: states(pids) == {"T"}, seconds=60)

        end(token)

        wait_gone(bench, token)
        assert not any(is_alive(pid) for pid in pids)


def test_a_vacated_script_that_asks_should_stop_writes_its_checkpoint(bench: Bench) -> None:
    token = bench.start(CHECKPOINTING)
    wait_for(bench, token, "begun")

    bench.runner.vacate(JOB, token, 60)

    wait_gone(bench, token)
    assert (bench.home / "checkpoints" / JOB / "step").read_text() == "7"


def test_a_vacated_script_that_does_not_leave_is_killed_after_its_grace(bench: Bench) -> None:
    token = bench.start(STUBBORN)
    wait_for(bench, token, "begun")

    began = time.monotonic()
    bench.runner.vacate(JOB, token, 0.5)
    wait_gone(bench, token)

    assert time.monotonic() - began >= 0.5


@pytest.mark.slow
def test_a_cancel_does_not_wait_for_the_grace(bench: Bench) -> None:
    token = bench.start(STUBBORN)
    wait_for(bench, token, "begun")
    bench.runner.vacate(JOB, token, 3600)

    bench.runner.stop(JOB, token)

    wait_gone(bench, token)


def test_jobs_take_half_of_the_cores_at_the_lowest_priority_as_long_as_they_must(bench: Bench) -> None:
    _, running = start_counting(bench)
    bench.runner.behave(half_cores=True, lowest_priority=True)
    own = os.sched_getaffinity(0)
    half = max(1, len(own) // 2)

    def has_manners(pids: list[int]) -> bool:
        return all(
            len(os.sched_getaffinity(pid)) == half
            and os.sched_getscheduler(pid) == os.SCHED_IDLE
            and os.getpriority(os.PRIO_PROCESS, pid) == 19
            for pid in pids
        )

    eventually(lambda: has_manners(running), seconds=60)
    _, later = start_counting(bench)
    eventually(lambda: has_manners(later), seconds=60)
    bench.runner.behave(half_cores=False, lowest_priority=True)
    eventually(lambda: all(os.sched_getaffinity(pid) == own for pid in [*running, *later]), seconds=60)
