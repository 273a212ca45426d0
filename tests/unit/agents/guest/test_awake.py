"""A computer is kept awake while a job runs, and not a moment longer."""

import subprocess
import sys
from pathlib import Path

from agents.guest.awake import AFTER_SECONDS, Awake
from tests.unit.agents.runner.attempts import eventually, is_alive

HOLDING = "import os, sys; open(sys.argv[1], 'w').write(str(os.getpid())); sys.stdin.read()"


def holder(file: Path) -> tuple[str, ...]:
    return (sys.executable, "-I", "-S", "-c", HOLDING, str(file))


def pid_in(file: Path) -> int:
    return int(eventually(lambda: file.exists() and file.read_text(), "it holds the lock", 60))


def test_a_long_job_keeps_the_computer_awake_until_it_ends(tmp_path: Path) -> None:
    awake = Awake(holder(tmp_path / "pid"))
    awake.keep(0.0, wanted=True)
    awake.keep(AFTER_SECONDS - 0.1, wanted=True)
    assert not awake.is_held

    awake.keep(AFTER_SECONDS, wanted=True)
    pid = pid_in(tmp_path / "pid")
    awake.keep(AFTER_SECONDS + 1, wanted=True)
    assert awake.is_held
    assert is_alive(pid)

    awake.keep(AFTER_SECONDS + 2, wanted=False)
    assert not awake.is_held
    assert not is_alive(pid)


def test_short_jobs_one_after_the_other_start_nothing(tmp_path: Path) -> None:
    awake = Awake(holder(tmp_path / "pid"))
    for second in range(0, 100, 5):
        awake.keep(float(second), wanted=True)
        awake.keep(second + 4.0, wanted=False)

    assert not (tmp_path / "pid").exists()


def test_a_system_that_refuses_is_not_asked_all_the_time(tmp_path: Path) -> None:
    counter = tmp_path / "asked"
    awake = Awake(
        (sys.executable, "-I", "-S", "-c", "import sys; open(sys.argv[1], 'a').write('x')", str(counter))
    )
    awake.keep(0.0, wanted=True)
    awake.keep(10.0, wanted=True)
    eventually(lambda: counter.exists() and counter.read_text() == "x", seconds=60)
    process = awake._process
    assert process is not None
    process.wait()

    for second in range(11, 100):
        awake.keep(float(second), wanted=True)

    assert not awake.is_held
    assert counter.read_text() == "x"


def test_without_such_a_program_nothing_happens() -> None:
    for command in ((), ("/does/not/exist",)):
        awake = Awake(command)
        awake.keep(0.0, wanted=True)
        awake.keep(20.0, wanted=True)
        assert not awake.is_held


def test_the_lock_does_not_outlive_a_killed_agent(tmp_path: Path) -> None:
    code = (
        "import sys, time; from agents.guest.awake import Awake; a = Awake(tuple(sys.argv[1:])); "
        "a.keep(0, wanted=True); a.keep(20, wanted=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code, *holder(tmp_path / "pid")]) as agent:
        pid = pid_in(tmp_path / "pid")
        agent.kill()

    eventually(lambda: not is_alive(pid), "the lock is gone", 60)
