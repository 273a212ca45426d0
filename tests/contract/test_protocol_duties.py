"""docs/protocol.md, what an agent owes: when it speaks, what it begins once, and when it stops."""

from itertools import pairwise

import pytest

from agents.core.effects import Send, Spool, Start, Stop, Unspool
from bus import topics
from schemas.facts import AttemptResult, GuestState, MachineFacts
from schemas.states import Outcome
from tests.contract.protocol_agent import fresh_core, hear_grant, hear_offer, take_sent
from tests.contract.protocol_house import inbound, proves


@proves("P40")
def test_heartbeats_come_every_nine_to_ten_seconds_and_sooner_after_a_change() -> None:
    agent = fresh_core()
    agent.tick(0.95)  # asked soon while HQ did not know this boot
    agent.take_effects()
    agent.tick(9.9)
    assert take_sent(agent, topics.HEARTBEAT) == []
    agent.tick(10.0)
    assert len(take_sent(agent, topics.HEARTBEAT)) == 1
    agent.set_guest(GuestState(False, "the owner is back"), 11.0)
    agent.tick(11.0)
    agent.set_guest(GuestState(), 11.2)
    agent.tick(11.4)
    assert len(take_sent(agent, topics.HEARTBEAT)) == 1
    agent.tick(11.5)
    assert len(take_sent(agent, topics.HEARTBEAT)) == 1


@proves("P40")
def test_a_new_epoch_makes_a_heartbeat_due_at_once() -> None:
    agent = fresh_core()
    agent.tick(0.95)
    agent.take_effects()

    agent.hear(inbound("hq/state", {"online": True, "epoch": 8, "version": "1"}), 2.0)
    agent.tick(2.0)

    (beat,) = take_sent(agent, topics.HEARTBEAT)
    assert beat.facts == MachineFacts()


@proves("P44")
def test_an_agent_begins_a_grant_once() -> None:
    agent = fresh_core()
    hear_offer(agent, 1.0)
    hear_grant(agent, 1.1)
    hear_grant(agent, 1.2)
    assert len([e for e in agent.take_effects() if isinstance(e, Start)]) == 1
    result = AttemptResult("j" + "a" * 12, 1, Outcome.SUCCEEDED)
    agent.run_ended(result, 2.0)
    agent.spooled([result], 2.0)
    acked = {"epoch": 7, "boot": 2, "results": [{"job": "j" + "a" * 12, "token": 1, "verdict": "accepted"}]}
    agent.hear(inbound("agent/attic/down/ack", acked), 2.1)
    agent.take_effects()

    hear_grant(agent, 3.0)

    assert [e for e in agent.take_effects() if isinstance(e, Start)] == []


@proves("P45")
@pytest.mark.parametrize(("after", "starts"), [(10.0, 1), (10.1, 0)])
def test_a_claim_is_dropped_after_ten_seconds_and_its_late_grant_handed_back(
    after: float, starts: int
) -> None:
    agent = fresh_core()
    hear_offer(agent, 1.0)
    agent.tick(1.0 + after)
    agent.take_effects()

    hear_grant(agent, 1.0 + after)

    effects = agent.take_effects()
    handed_back = [e for e in effects if isinstance(e, Send) and e.topic is topics.DECLINE]
    assert len([e for e in effects if isinstance(e, Start)]) == starts
    assert len(handed_back) == 1 - starts


@proves("P47", "P48")
@pytest.mark.parametrize(("answered", "end"), [(False, 31.0), (True, 39.9)])
def test_an_exclusive_script_is_killed_30_seconds_after_the_last_answered_sending(
    answered: bool, end: float
) -> None:
    agent = fresh_core()
    hear_offer(agent, 1.0)
    agent.tick(5.0)
    hear_grant(agent, 5.0, exclusive=True)
    agent.tick(9.9)
    (beat,) = take_sent(agent, topics.HEARTBEAT)[-1:]
    if answered:
        keep = {"job": "j" + "a" * 12, "token": 1, "command": "keep"}
        agent.hear(
            inbound("agent/attic/down/ack", {"epoch": 7, "boot": 2, "seq": beat.seq, "orders": [keep]}), 25.0
        )
    agent.tick(end - 0.1)
    assert [e for e in agent.take_effects() if isinstance(e, Stop)] == []

    agent.tick(end)

    (stop,) = [e for e in agent.take_effects() if isinstance(e, Stop)]
    assert stop.at_once


@proves("P52")
def test_a_result_is_spooled_before_it_is_sent_and_sent_until_it_is_acknowledged() -> None:
    agent = fresh_core()
    hear_offer(agent, 1.0)
    hear_grant(agent, 1.1)
    agent.take_effects()
    result = AttemptResult("j" + "a" * 12, 1, Outcome.SUCCEEDED)
    agent.run_ended(result, 2.0)
    assert [type(e) for e in agent.take_effects()] == [Spool]
    agent.tick(2.0)
    assert take_sent(agent, topics.RESULT) == []
    agent.spooled([result], 2.0)

    times = []
    for tenth in range(20, 1000):
        agent.tick(tenth / 10)
        if take_sent(agent, topics.RESULT):
            times.append(tenth / 10)
    assert [round(b - a, 1) for a, b in pairwise(times)] == [1, 2, 4, 8, 16, 30, 30]

    acked = {"epoch": 7, "boot": 2, "results": [{"job": "j" + "a" * 12, "token": 1, "verdict": "superseded"}]}
    agent.hear(inbound("agent/attic/down/ack", acked), 100.0)

    assert Unspool("j" + "a" * 12, 1) in agent.take_effects()
    agent.tick(200.0)
    assert take_sent(agent, topics.RESULT) == []


@proves("P56")
def test_an_agent_ignores_an_hq_that_was_replaced() -> None:
    agent = fresh_core()
    agent.hear(inbound("hq/state", {"online": True, "epoch": 8, "version": "1"}), 1.0)

    hear_offer(agent, 1.1, epoch=7)
    assert take_sent(agent, topics.CLAIM) == []
    hear_offer(agent, 1.2, epoch=8)
    assert len(take_sent(agent, topics.CLAIM)) == 1
