"""Machines that are guests of their owners: GPU jobs apart, and asking a machine for less."""

import pytest

from bus import topics
from schemas.facts import MachineFacts
from schemas.messages import GuestOrder
from schemas.names import GuestCommand
from schemas.requests import AskAgent, Explain
from schemas.specs import Needs
from tests.unit.hq.core.small_house import SmallHouse, spec

GPU = MachineFacts(gpus=1)


def test_gpu_jobs_wait_where_only_the_processor_is_free(house: SmallHouse) -> None:
    house.boot(facts=GPU)
    house.heartbeat(gpu_reason="somebody is at this computer")
    on_gpu, on_cpu = house.submit(spec(needs=Needs(gpus=1)), spec())

    offered = [offer.job for offers in house.published_to("attic", topics.OFFER) for offer in offers.offers]
    why = house.request(Explain(job=on_gpu)).result["why"]

    assert offered == [on_cpu]
    assert why == "attic: somebody is at this computer"


def test_gpu_jobs_go_there_when_the_owner_is_gone(house: SmallHouse) -> None:
    house.boot(facts=GPU)
    house.heartbeat(gpu_reason="somebody is at this computer")
    (job,) = house.submit(spec(needs=Needs(gpus=1)))

    house.heartbeat()
    house.wait(2)

    offers = house.published_to("attic", topics.OFFER)
    assert [offer.job for message in offers for offer in message.offers] == [job]


@pytest.mark.parametrize("command", ["pause", "drain", "resume"])
def test_what_a_machine_is_asked_is_passed_on_with_who_asks(house: SmallHouse, command: GuestCommand) -> None:
    house.boot()

    reply = house.request(AskAgent(agent="attic", command=command, seconds=60.0), client="anna")

    assert reply.ok
    assert house.published_to("attic", topics.GUEST) == [GuestOrder(command, 60.0, "anna")]
    assert not [d for d in house.decisions if d.position == reply.position + 1]


def test_a_machine_that_nobody_knows_cannot_be_asked(house: SmallHouse) -> None:
    reply = house.request(AskAgent(agent="cellar", command="pause"))

    assert reply.error is not None
    assert reply.error.code == "unknown_agent"


def test_a_machine_that_is_away_cannot_be_asked(house: SmallHouse) -> None:
    house.boot()
    house.wait(120)

    reply = house.request(AskAgent(agent="attic", command="pause"))

    assert reply.error is not None
    assert reply.error.code == "agent_away"
    assert "120 s" in reply.error.message
