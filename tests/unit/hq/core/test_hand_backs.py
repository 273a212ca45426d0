"""Attempts that were given back or interrupted: what it costs a job, and how long it waits."""

import pytest

from hq.core.timing import MAX_INTERRUPTIONS, backoff_seconds
from schemas.events import AttemptInterrupted, AttemptReturned, JobFailed
from schemas.states import JobStatus
from tests.unit.hq.core.small_house import SmallHouse
from tests.unit.hq.core.takeovers import give_up, retake


def test_a_grant_that_is_handed_back_costs_nothing(house: SmallHouse) -> None:
    key = house.start()

    house.decline(key)
    house.settle()

    job = house.job(key[0])
    assert house.of(AttemptReturned) == [AttemptReturned(*key, "no room")]
    assert (job.status, job.starts, job.interruptions, job.attempts) == (JobStatus.QUEUED, 0, 0, ())
    assert key not in house.authority.books.leases


def test_a_hand_back_that_comes_twice_or_from_elsewhere_means_nothing(house: SmallHouse) -> None:
    key = house.start("attic")
    house.boot("den")

    house.decline(key, "den")
    house.settle()
    assert house.job(key[0]).status is JobStatus.RUNNING
    house.decline(key)
    house.decline(key)
    house.settle()

    assert len(house.of(AttemptReturned)) == 1


def test_an_old_attempts_hand_back_does_not_take_the_job_from_its_holder(house: SmallHouse) -> None:
    old = house.start("attic")
    house.boot("den")
    give_up(house, "den")
    new = retake(house, old, "den")

    house.decline(old, "attic", interrupted=True)
    house.settle()

    assert house.job(old[0]).token == new[1]
    assert house.job(old[0]).status is JobStatus.RUNNING


def test_an_interruption_queues_again_with_a_growing_wait_and_costs_no_start(house: SmallHouse) -> None:
    key = house.start()
    waits = []
    for _ in range(8):
        house.decline(key, interrupted=True)
        house.settle()
        waits.append(house.job(key[0]).delay_seconds)
        key = retake(house, key, "attic")

    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert house.job(key[0]).starts == 0


@pytest.mark.parametrize(("count", "failed"), [(MAX_INTERRUPTIONS, False), (MAX_INTERRUPTIONS + 1, True)])
def test_a_job_fails_after_fifty_interruptions(house: SmallHouse, count: int, failed: bool) -> None:
    key = house.start()
    for done in range(count):
        house.decline(key, interrupted=True)
        house.settle()
        if done + 1 < count:
            key = retake(house, key, "attic")

    assert len(house.of(AttemptInterrupted)) == min(count, MAX_INTERRUPTIONS)
    assert bool(house.of(JobFailed)) == failed
    if failed:
        assert house.of(JobFailed)[0].why == "interrupted 50 times, last: no room"
        assert house.authority.books.leases.deadline(key) is None


@pytest.mark.parametrize(
    ("count", "seconds"), [(-1, 0), (0, 0), (1, 1), (2, 2), (6, 32), (7, 60), (8, 60), (10_000, 60)]
)
def test_the_wait_doubles_up_to_a_minute(count: int, seconds: float) -> None:
    assert backoff_seconds(count) == seconds
