"""Asking a running job where it is: passed on to its machine, and refused where nobody could answer."""

from bus import topics
from schemas.messages import StacksOrder
from schemas.requests import ShowStacks
from tests.unit.hq.core.small_house import SmallHouse, spec


def test_the_machine_of_a_running_job_is_asked_for_its_attempt(house: SmallHouse) -> None:
    job, token = house.start()

    reply = house.request(ShowStacks(job=job), client="anna")

    assert reply.result == {"job": job, "agent": "attic", "token": token}
    assert house.published_to("attic", topics.STACKS) == [StacksOrder(job, token, "anna")]
    assert not [d for d in house.decisions if d.position == reply.position + 1]


def test_a_job_that_does_not_run_cannot_be_asked(house: SmallHouse) -> None:
    (waiting,) = house.submit(spec())

    for job, why in ((waiting, "it is queued"), ("jaaaaaaaaaaaa", "no such job")):
        reply = house.request(ShowStacks(job=job))
        assert reply.error is not None
        assert reply.error.code == "not_running"
        assert why in reply.error.message
    assert house.published_to("attic", topics.STACKS) == []


def test_a_job_whose_machine_was_not_heard_cannot_be_asked(house: SmallHouse) -> None:
    job, _ = house.start()
    house.restart()

    reply = house.request(ShowStacks(job=job))

    assert reply.error is not None
    assert reply.error.code == "unknown_agent"
