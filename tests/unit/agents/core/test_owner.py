"""What an agent does when the owner of its machine comes and goes."""

from typing import Any

from agents.core.effects import Behave, Cool, Freeze, Stop, Vacate
from agents.guest.decision import Decision
from bus import topics
from schemas.messages import Decline
from schemas.specs import Needs
from schemas.states import Command, Phase
from tests.unit.agents.core.small_agent import SmallAgent, key

WHY = "somebody is at this computer"
FREEZE = Decision(False, False, "freeze", "vacate", reason=WHY, gpu_reason=WHY, causes=("presence",))
VACATE = Decision(False, False, "vacate", "vacate", reason=WHY, gpu_reason=WHY, causes=("presence",))
HALF = Decision(True, False, "run", "vacate", True, True, WHY, WHY, ("presence of GPU",))


def follow(agent: SmallAgent, decision: Decision) -> None:
    agent.core.follow(decision, "polite", agent.now)
    agent.step()


def declines(agent: SmallAgent) -> list[Decline]:
    return [decline for data in agent.sent(topics.DECLINE) for decline in data.declines]


def orders(agent: SmallAgent, *kinds: type) -> list[Any]:
    return [effect for effect in agent.effects if isinstance(effect, kinds)]


def test_a_cpu_job_stands_still_and_goes_on() -> None:
    agent = SmallAgent()
    agent.run(key(1))

    follow(agent, FREEZE)
    follow(agent, FREEZE)
    follow(agent, Decision())

    assert orders(agent, Freeze) == [Freeze(*key(1), True), Freeze(*key(1), False)]
    assert not declines(agent)


def test_a_gpu_job_leaves_and_is_handed_back_as_interrupted() -> None:
    agent = SmallAgent()
    agent.run(key(1), needs=Needs(gpus=1))

    follow(agent, FREEZE)
    agent.stopped(key(1))

    assert orders(agent, Vacate, Freeze) == [Vacate(*key(1), 60.0)]
    assert declines(agent) == [Decline(*key(1), f"vacated: {WHY}", interrupted=True)]


def test_a_job_that_stood_still_too_long_leaves_once() -> None:
    agent = SmallAgent()
    agent.run(key(1))

    for decision in (FREEZE, VACATE, VACATE, Decision()):
        follow(agent, decision)

    assert orders(agent, Vacate, Freeze) == [Freeze(*key(1), True), Vacate(*key(1), 60.0)]


def test_a_cancel_ends_one_that_is_leaving() -> None:
    agent = SmallAgent()
    agent.run(key(1))
    follow(agent, VACATE)

    agent.ack((key(1), Command.STOP))
    agent.stopped(key(1))

    assert [(stop.job, stop.token) for stop in orders(agent, Stop)] == [key(1)]
    assert not declines(agent)


def test_nothing_is_taken_while_the_owner_is_there() -> None:
    agent = SmallAgent()
    agent.offer(key(1))

    follow(agent, FREEZE)
    agent.grant(key(1))
    agent.offer(key(2))

    assert declines(agent) == [Decline(*key(1), WHY), Decline(*key(2), WHY)]
    assert not agent.core.attempts


def test_what_waits_behind_others_is_handed_back_at_once() -> None:
    agent = SmallAgent(slots=1)
    agent.run(key(1))
    agent.run(key(2))

    follow(agent, FREEZE)

    assert declines(agent) == [Decline(*key(2), WHY)]
    assert agent.core.attempts.count(Phase.HELD) == 0


def test_memory_held_for_the_next_script_is_given_back_when_the_owner_comes_and_at_each_end_then() -> None:
    agent = SmallAgent()
    agent.run(key(1))
    assert orders(agent, Cool) == []

    follow(agent, FREEZE)
    assert len(orders(agent, Cool)) == 1
    follow(agent, VACATE)
    assert len(orders(agent, Cool)) == 1
    agent.stopped(key(1))
    assert len(orders(agent, Cool)) == 2

    follow(agent, Decision())
    agent.run(key(2))
    agent.end(key(2))
    assert len(orders(agent, Cool)) == 2


def test_a_gpu_job_is_not_taken_where_only_the_processor_is_free() -> None:
    agent = SmallAgent()
    follow(agent, HALF)

    agent.run(key(1), needs=Needs(gpus=1))
    agent.run(key(2))

    assert declines(agent) == [Decline(*key(1), WHY)]
    assert agent.core.attempts.count(Phase.RUNNING) == 1


def test_half_of_the_cores_are_half_of_the_slots() -> None:
    agent = SmallAgent(slots=4)  # on four cores
    follow(agent, HALF)

    for number in (1, 2, 3):
        agent.run(key(number))
    agent.wait(1)

    assert agent.core.attempts.count(Phase.RUNNING) == 2
    assert agent.sent(topics.HEARTBEAT)[-1].slots == 2
    assert orders(agent, Behave) == [Behave(half_cores=True, lowest_priority=True)]
    follow(agent, Decision())
    assert agent.core.attempts.count(Phase.RUNNING) == 3


def test_heartbeats_say_why_and_how_many_stand_still() -> None:
    agent = SmallAgent()
    agent.run(key(1))
    follow(agent, FREEZE)
    agent.wait(1)

    guest = agent.sent(topics.HEARTBEAT)[-1].guest

    assert (guest.accepting, guest.reason, guest.frozen, guest.preset) == (False, WHY, 1, "polite")


def test_other_words_for_the_same_decision_send_no_heartbeat() -> None:
    agent = SmallAgent()
    follow(agent, FREEZE)
    agent.wait(1)
    before = len(agent.sent(topics.HEARTBEAT))

    agent.core.follow(Decision(False, False, "freeze", "vacate", reason="13 s ago", gpu_reason="13 s ago",
                               causes=("presence",)), "polite", agent.now)  # fmt: skip
    agent.step()
    assert len(agent.sent(topics.HEARTBEAT)) == before
    agent.wait(10)

    assert agent.sent(topics.HEARTBEAT)[-1].guest.reason == "13 s ago"
