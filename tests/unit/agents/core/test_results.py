"""Results: on disk before they are sent, sent until acknowledged, and what a full disk does."""

from itertools import pairwise

import pytest

from agents.core.effects import Send, Spool, Unspool
from agents.core.timing import CHANGE_SECONDS, RESPOOL_SECONDS
from bus import topics
from schemas.facts import GuestState
from schemas.states import Phase
from tests.unit.agents.core.small_agent import SmallAgent, key, result


@pytest.fixture
def agent() -> SmallAgent:
    return SmallAgent()


# --- in order ------------------------------------------------------------------------------


def test_a_result_is_in_the_spool_before_it_is_sent(agent: SmallAgent) -> None:
    agent.run(key())

    agent.end(key())

    sends = [i for i, e in enumerate(agent.effects) if isinstance(e, Send) and e.topic is topics.RESULT]
    spools = [i for i, e in enumerate(agent.effects) if isinstance(e, Spool)]
    assert (len(spools), len(sends)) == (1, 1)
    assert spools < sends
    assert agent.spool == {key(): result(key())}


def test_a_result_leaves_the_spool_only_when_hq_has_it(agent: SmallAgent) -> None:
    agent.run(key())
    agent.end(key())
    agent.wait(100)
    assert not agent.of(Unspool)

    agent.ack(results=(key(),))
    agent.ack(results=(key(),))

    assert agent.of(Unspool) == [Unspool(*key())]
    assert not agent.spool
    assert not agent.core.attempts


def test_a_result_is_repeated_with_growing_waits_until_it_is_acknowledged(agent: SmallAgent) -> None:
    agent.run(key())
    agent.end(key())
    sent = [agent.now]
    for _ in range(9):
        before = len(agent.delivered())
        while len(agent.delivered()) == before:
            agent.wait(agent.core.next_wake(agent.now) or 0.001)
        sent.append(agent.now)

    waits = [round(after - before) for before, after in pairwise(sent)]

    assert waits == [1, 2, 4, 8, 16, 30, 30, 30, 30]
    agent.ack(results=(key(),))
    agent.forget()
    agent.wait(120)
    assert not agent.delivered()


@pytest.mark.parametrize("how", ["connected", "new leader"])
def test_contact_after_a_silence_sends_everything_at_once_again(agent: SmallAgent, how: str) -> None:
    agent.run(key())
    agent.end(key())
    agent.wait(100)
    agent.forget()

    if how == "connected":
        agent.core.connected(agent.now)
    else:
        agent.lead(99)
    agent.wait(0.2)

    assert agent.delivered() == [result(key())]
    agent.wait(1)
    assert len(agent.delivered()) == 2


def test_results_of_an_earlier_boot_are_listed_and_delivered() -> None:
    agent = SmallAgent(spooled=(result(key(1)), result(key(2))))

    agent.wait(CHANGE_SECONDS)

    first = agent.heartbeats()[0]
    assert {(r.job, r.token): r.phase for r in first.attempts} == {
        key(1): Phase.SPOOLED,
        key(2): Phase.SPOOLED,
    }
    assert agent.delivered() == [result(key(1)), result(key(2))]
    agent.ack(results=(key(1), key(2)))
    assert not agent.spool


def test_many_results_share_messages() -> None:
    agent = SmallAgent(spooled=tuple(result(key(number)) for number in range(200)))

    agent.wait(CHANGE_SECONDS)

    assert [len(message.results) for message in agent.sent(topics.RESULT)] == [64, 64, 64, 8]


def test_a_slot_is_free_again_before_the_result_is_acknowledged(agent: SmallAgent) -> None:
    agent.run(key(1))
    agent.end(key(1))

    agent.run(key(2))

    assert agent.started() == [key(1), key(2)]


def test_a_result_of_an_attempt_that_is_not_here_is_nothing(agent: SmallAgent) -> None:
    agent.end(key())

    assert not agent.of(Spool)


# --- a disk that is full ---------------------------------------------------------------------


def test_a_result_that_the_spool_does_not_take_is_kept_in_memory_and_sent(agent: SmallAgent) -> None:
    agent.run(key())
    agent.disk_full = True

    agent.end(key())

    assert not agent.spool
    assert agent.delivered() == [result(key())]
    agent.wait(CHANGE_SECONDS)
    assert agent.heartbeats()[-1].degraded == "the disk is full"
    assert agent.heartbeats()[-1].attempts[0].phase is Phase.SPOOLED


def test_an_agent_with_a_full_disk_claims_nothing_until_the_disk_takes_the_result(agent: SmallAgent) -> None:
    agent.run(key(1))
    agent.disk_full = True
    agent.end(key(1))
    agent.offer(key(2))
    assert [d.why for d in agent.declines()] == ["the disk is full"]

    agent.disk_full = False
    agent.wait(RESPOOL_SECONDS)
    agent.offer(key(3))

    assert agent.spool == {key(1): result(key(1))}
    assert agent.core.degraded == ""
    assert agent.claims()[-1].job == key(3)[0]
    agent.wait(CHANGE_SECONDS)
    assert agent.heartbeats()[-1].degraded == ""


@pytest.mark.parametrize(("early", "tried"), [(0.01, False), (0, True)])
def test_the_spool_is_tried_again_every_five_seconds(agent: SmallAgent, early: float, tried: bool) -> None:
    agent.run(key())
    agent.disk_full = True
    agent.end(key())
    agent.forget()

    agent.wait(RESPOOL_SECONDS - early)
    assert bool(agent.of(Spool)) == tried
    agent.wait(10 * RESPOOL_SECONDS)

    assert len(agent.of(Spool)) == 10 + tried
    assert agent.core.degraded


def test_a_delivered_result_is_kept_to_try_the_disk_with_and_leaves_nothing_behind(agent: SmallAgent) -> None:
    agent.run(key())
    agent.disk_full = True
    agent.end(key())
    agent.ack(results=(key(),))
    assert agent.core.degraded, "that HQ has the result says nothing about the disk"

    agent.disk_full = False
    agent.wait(2 * RESPOOL_SECONDS)

    assert agent.core.degraded == ""
    assert not agent.spool
    assert not agent.core.attempts


def test_a_result_is_sent_as_before_while_the_spool_is_tried_again(agent: SmallAgent) -> None:
    agent.run(key())
    agent.disk_full = True
    agent.end(key())
    agent.forget()

    agent.disk_full = False
    agent.wait(20)

    assert len(agent.delivered()) == 4, "after 1, 2, 4 and 8 s: trying the disk must not send anew"


# --- the end of the agent -----------------------------------------------------------------------


def test_a_stopping_agent_hands_everything_back() -> None:
    agent = SmallAgent(slots=1)
    agent.run(key(1))
    agent.run(key(2))

    agent.core.shut_down(agent.now)
    agent.step()
    assert agent.stops() == [(key(1), False)]
    assert agent.core.is_busy
    agent.stopped(key(1))

    assert [(d.job, d.why, d.interrupted) for d in agent.declines()] == [
        (key(2)[0], "the agent is stopping", False),
        (key(1)[0], "the agent was stopped", True),
    ]
    assert not agent.core.is_busy


def test_a_stopping_agent_begins_nothing_that_is_granted_meanwhile(agent: SmallAgent) -> None:
    agent.offer(key(1))
    agent.core.shut_down(agent.now)
    agent.step()

    agent.grant(key(1))
    agent.offer(key(2))
    agent.core.set_guest(GuestState(), agent.now)
    agent.offer(key(3))

    assert not agent.started()
    assert {d.job for d in agent.declines()} == {key(1)[0], key(2)[0], key(3)[0]}
    assert len(agent.claims()) == 1


def test_a_script_that_ends_by_itself_while_the_agent_stops_delivers_its_result(agent: SmallAgent) -> None:
    agent.run(key())
    agent.core.shut_down(agent.now)
    agent.step()

    agent.end(key())

    assert agent.delivered() == [result(key())]
    assert not agent.core.is_busy


def test_a_stopping_agent_waits_for_results_that_are_in_memory_only(agent: SmallAgent) -> None:
    agent.run(key())
    agent.disk_full = True
    agent.end(key())
    agent.core.shut_down(agent.now)
    assert agent.core.is_busy

    agent.ack(results=(key(),))

    assert not agent.core.is_busy
