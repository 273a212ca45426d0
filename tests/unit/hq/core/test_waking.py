"""Machines that sleep: who is woken, when, and what is said of it."""

import pytest

from hq.core.outputs import Wake
from schemas.facts import MachineFacts
from schemas.requests import Explain
from schemas.specs import Needs
from tests.unit.hq.core.small_house import SmallHouse, spec

CARD = "3c:52:82:00:00:01"
ASLEEP = MachineFacts(gpus=1, wake=(CARD,))
ON_GPU = spec(needs=Needs(gpus=1))


def woken(house: SmallHouse) -> list[str]:
    return [output.agent for output in house.outputs if isinstance(output, Wake)]


@pytest.fixture
def sleeping(house: SmallHouse) -> SmallHouse:
    """A house whose only machine with a GPU sleeps, and another is awake."""
    house.boot("desk", facts=ASLEEP)
    house.wait(120)
    house.boot("attic", facts=MachineFacts())
    return house


def pass_time(house: SmallHouse, seconds: int) -> None:
    for _ in range(0, seconds, 10):
        house.wait(10)
        house.heartbeat("attic")


def test_who_alone_can_do_what_waits_is_woken(sleeping: SmallHouse) -> None:
    (job,) = sleeping.submit(ON_GPU)
    pass_time(sleeping, 20)

    assert woken(sleeping) == ["desk"]
    assert next(o for o in sleeping.outputs if isinstance(o, Wake)).addresses == (CARD,)
    assert "and asked to wake" in sleeping.request(Explain(job=job)).result["why"]


def test_nobody_is_woken_for_what_somebody_awake_can_do(sleeping: SmallHouse) -> None:
    sleeping.heartbeat("attic", accepting=False)
    sleeping.submit(spec())
    pass_time(sleeping, 600)

    assert woken(sleeping) == []


def test_nobody_is_woken_for_nothing(sleeping: SmallHouse) -> None:
    pass_time(sleeping, 600)

    assert woken(sleeping) == []


def test_nobody_is_woken_against_the_owners_will(house: SmallHouse) -> None:
    house.boot("desk", facts=MachineFacts(gpus=1))
    house.wait(120)
    house.submit(ON_GPU)
    pass_time(house, 600)

    assert woken(house) == []


def test_nobody_is_woken_for_what_he_cannot_do(sleeping: SmallHouse) -> None:
    sleeping.submit(spec(needs=Needs(gpus=2)))
    pass_time(sleeping, 600)

    assert woken(sleeping) == []


def test_who_does_not_wake_is_asked_after_longer_and_longer_pauses(sleeping: SmallHouse) -> None:
    sleeping.submit(ON_GPU)
    pass_time(sleeping, 7200)

    # At once, after 1, 5 and 30 minutes, and then every hour.
    assert len(woken(sleeping)) == 5


def test_who_woke_and_went_to_sleep_again_is_woken_at_once(sleeping: SmallHouse) -> None:
    sleeping.submit(ON_GPU)
    pass_time(sleeping, 20)
    sleeping.heartbeat("desk", accepting=False)
    pass_time(sleeping, 50)

    assert woken(sleeping) == ["desk", "desk"]


def test_a_machine_that_slept_before_hq_started_is_woken(sleeping: SmallHouse) -> None:
    (job,) = sleeping.submit(ON_GPU)
    before = len(woken(sleeping))
    sleeping.restart()
    pass_time(sleeping, 20)

    assert len(woken(sleeping)) == before + 1
    assert job in sleeping.authority.state.jobs
