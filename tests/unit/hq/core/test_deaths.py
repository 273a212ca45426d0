"""Jobs under which machines go down: when HQ takes the job for the cause."""

import pytest

from schemas.events import JobDied
from schemas.requests import Hold, Release
from schemas.states import JobStatus, Phase
from tests.unit.hq.core.small_house import SmallHouse
from tests.unit.hq.core.takeovers import give_up, retake


@pytest.mark.parametrize("starts", [1, 2])
def test_a_job_is_dead_when_its_starts_are_used_up(house: SmallHouse, starts: int) -> None:
    key = house.start(max_starts=starts)
    for boot in range(2, 2 + starts):
        assert not house.of(JobDied)
        house.heartbeat("attic", (key, Phase.RUNNING), boot=boot - 1)
        house.boot(boot=boot)
        if boot < 1 + starts:
            key = retake(house, key, "attic", boot)

    (died,) = house.of(JobDied)
    assert died.why == f"all {starts} starts are used up, last: attic went down while it ran"
    assert house.authority.state.finished[key[0]].status is JobStatus.DEAD


def test_a_job_under_which_two_machines_went_down_is_dead(house: SmallHouse) -> None:
    key = house.start("attic", max_starts=9)
    house.boot("den")
    house.heartbeat("attic", (key, Phase.RUNNING))
    house.boot("attic", boot=2)
    key = retake(house, key, "den")
    assert not house.of(JobDied)
    house.heartbeat("den", (key, Phase.RUNNING))

    house.boot("den", boot=2)

    assert house.of(JobDied) == [
        JobDied(key[0], "attic and den went down while running it: it may be the cause")
    ]


def test_the_same_machine_going_down_twice_is_not_two_machines(house: SmallHouse) -> None:
    key = house.start(max_starts=9)
    for boot in (2, 3, 4):
        house.heartbeat("attic", (key, Phase.RUNNING), boot=boot - 1)
        house.boot(boot=boot)
        key = retake(house, key, "attic", boot)

    assert not house.of(JobDied)
    assert house.job(key[0]).lost_agents == ("attic",)


def test_a_held_job_whose_starts_are_used_up_dies_when_it_is_released(house: SmallHouse) -> None:
    key = house.start(max_starts=1)
    house.heartbeat("attic", (key, Phase.RUNNING))
    give_up(house)
    house.request(Hold(jobs=(key[0],)))
    house.boot(boot=2)
    assert not house.of(JobDied)

    house.request(Release(jobs=(key[0],)))

    assert len(house.of(JobDied)) == 1
