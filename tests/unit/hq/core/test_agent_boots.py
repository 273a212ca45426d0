"""Agents that start again: what becomes of the attempts that they had."""

import pytest

from schemas.events import AgentBooted, AttemptLost, JobDied
from schemas.states import JobStatus, Phase
from tests.unit.hq.core.small_house import SmallHouse, success
from tests.unit.hq.core.takeovers import give_up, retake


def test_a_new_boot_ends_the_attempts_that_it_does_not_list(house: SmallHouse) -> None:
    key = house.start()
    house.heartbeat("attic", (key, Phase.RUNNING))

    house.boot(boot=2)

    (lost,) = house.of(AttemptLost)
    assert (lost.token, lost.agent, lost.delay_seconds) == (key[1], "attic", 1)
    assert house.job(key[0]).starts == 1
    assert [booted.boot for booted in house.of(AgentBooted)] == [1, 2]


@pytest.mark.parametrize(
    ("phase", "event", "starts"),
    [
        (None, "AttemptLost", 1),
        (Phase.RUNNING, "AttemptLost", 1),
        (Phase.HELD, "AttemptInterrupted", 0),
        (Phase.SPOOLED, "AttemptInterrupted", 0),
    ],
)
def test_a_restart_uses_a_start_up_only_if_the_attempt_may_have_run(
    house: SmallHouse, phase: Phase | None, event: str, starts: int
) -> None:
    key = house.start()
    if phase:
        house.heartbeat("attic", (key, phase))

    house.boot(boot=2)

    assert type(house.events[-1]).__name__ == event
    assert house.job(key[0]).starts == starts


def test_a_spooled_attempt_that_a_new_boot_lists_lives_on(house: SmallHouse) -> None:
    key = house.start()
    house.heartbeat("attic", (key, Phase.RUNNING))

    house.heartbeat("attic", (key, Phase.SPOOLED), boot=2)
    house.settle()
    assert house.job(key[0]).status is JobStatus.RUNNING
    house.deliver(success(key), boot=2)
    house.settle()

    assert not house.of(AttemptLost)
    assert house.authority.state.finished[key[0]].status is JobStatus.SUCCEEDED


def test_a_lost_unheard_attempt_counts_too(house: SmallHouse) -> None:
    key = house.start(max_starts=1)
    house.heartbeat("attic", (key, Phase.RUNNING))
    give_up(house)

    house.boot(boot=2)

    assert house.of(JobDied)[0].why.startswith("all 1 starts are used up")


def test_a_machine_that_goes_down_under_jobs_is_left_alone_longer_each_time(house: SmallHouse) -> None:
    key = house.start(max_starts=9)
    waits = []
    for boot in range(2, 6):
        house.heartbeat("attic", (key, Phase.RUNNING), boot=boot - 1)
        house.boot(boot=boot)
        waits.append(house.authority.books.sightings["attic"].cool_until - house.now)
        key = retake(house, key, "attic", boot)

    assert waits == [1, 2, 4, 8]


def test_a_machine_that_gets_something_done_is_forgiven(house: SmallHouse) -> None:
    key = house.start(max_starts=9)
    for boot in (2, 3):
        house.heartbeat("attic", (key, Phase.RUNNING), boot=boot - 1)
        house.boot(boot=boot)
        key = retake(house, key, "attic", boot)
    house.deliver(success(key), boot=3)
    house.settle()
    (job,) = house.submit()
    key = retake(house, (job, 0), "attic", 3)
    house.heartbeat("attic", (key, Phase.RUNNING), boot=3)

    house.boot(boot=4)

    assert house.authority.books.sightings["attic"].cool_until - house.now == 1
