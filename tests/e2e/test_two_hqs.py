"""A second HQ stands by, takes over from one that stands still, and the first steps down when it wakes."""

import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from hq.log.mongo import MongoLog
from idlehands.house.components import hq_command
from idlehands.house.running import RunningHouse
from tests.e2e.workplace import Workplace
from tests.fixtures.broker import eventually

pytestmark = pytest.mark.process
STEPPED_DOWN = "exit code 3"


@pytest.fixture
def standby(house: RunningHouse, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A second HQ of the same house, which has heard that another leads."""
    log = tmp_path / "standby.log"
    with log.open("wb") as output:
        process = subprocess.Popen(hq_command(house.home), stdout=output, stderr=output)
    try:
        eventually(lambda: "standing by" in log.read_text(), 60)
        yield process
    finally:
        process.kill()
        process.wait()


def read_epochs(work: Workplace) -> list[int]:
    """Return the epoch of every decision of the log."""
    with work.database() as database:
        return [decision.epoch for decision in MongoLog(database).read_after(0)]


def count_step_downs(house: RunningHouse) -> int:
    return (house.home.logs / "up.log").read_text().count(f"hq ended ({STEPPED_DOWN})")


def test_a_standby_takes_over_and_the_old_leader_steps_down_for_good(
    house: RunningHouse, work: Workplace, standby: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    before = work.client.status()["epoch"]
    go = tmp_path / "go"
    jobs = work.submit(4, 0.0, tag="shift", until=go)
    work.wait_begun(jobs)

    with work.frozen("hq"):
        eventually(lambda: max(read_epochs(work)) > before, 60)
        go.touch()
        assert set(work.wait_final(jobs).values()) == {"succeeded"}
        led_by_second = max(read_epochs(work))

    eventually(lambda: count_step_downs(house) == 1, 60)
    more = work.submit(4, 0.1, tag="after")
    assert set(work.wait_final(more).values()) == {"succeeded"}
    house.wait_ready(60)
    # The one that stepped down must not take over again from the one that leads.
    eventually(lambda: (house.home.logs / "hq.log").read_text().count("standing by") == 1, 60)
    assert standby.poll() is None
    assert work.client.status()["epoch"] == led_by_second
    assert Counter(entry.job for entry in work.entries("begin", jobs + more)) == dict.fromkeys(jobs + more, 1)
    assert work.names_of_events(jobs) == {"JobSubmitted", "JobClaimed", "JobSucceeded"}

    standby.kill()
    eventually(lambda: work.client.status()["epoch"] > led_by_second, 60)
    last = work.submit(2, 0.1, tag="last")
    assert set(work.wait_final(last).values()) == {"succeeded"}
    epochs = read_epochs(work)
    assert epochs == sorted(epochs)
    work.check_quiet()
