"""The agent's side of leases, and what an exclusive attempt does when its lease ends."""

import pytest

from agents.core.heartbeats import REMEMBERED
from agents.core.timing import LEASE_SECONDS
from bus import topics
from schemas.states import Command, Phase
from tests.unit.agents.core.small_agent import BOOT, EPOCH, SmallAgent, key


@pytest.fixture
def agent() -> SmallAgent:
    return SmallAgent()


def lease(agent: SmallAgent) -> float:
    return agent.core.attempts[key()].lease_until


def last_seq(agent: SmallAgent) -> int:
    return agent.heartbeats()[-1].seq


# --- how long ----------------------------------------------------------------------------


def test_a_lease_counts_from_when_the_claim_was_sent(agent: SmallAgent) -> None:
    agent.offer(key())
    sent = agent.now
    agent.wait(3)

    agent.grant(key())

    assert lease(agent) == sent + LEASE_SECONDS


def test_an_answer_extends_the_lease_from_when_its_heartbeat_was_sent(agent: SmallAgent) -> None:
    agent.run(key())
    agent.wait(12)
    seq, now = last_seq(agent), agent.now
    sent = [agent.core._heartbeats.sent_at(seq)]
    agent.now += 4

    agent.ack((key(), Command.KEEP), seq=seq)

    assert now - 12 < sent[0] <= now
    assert lease(agent) == sent[0] + LEASE_SECONDS


@pytest.mark.parametrize(
    "how", ["no seq", "unknown seq", "not listed", "silence", "older epoch", "other boot"]
)
def test_an_answer_that_does_not_speak_of_the_attempt_extends_nothing(agent: SmallAgent, how: str) -> None:
    agent.lead(EPOCH)
    agent.step()
    before_the_grant = last_seq(agent)
    agent.run(key())
    agent.wait(12)
    seq, until = last_seq(agent), lease(agent)

    match how:
        case "no seq":
            agent.ack((key(), Command.KEEP))
        case "unknown seq":
            agent.ack((key(), Command.KEEP), seq=seq + 1)
        case "not listed":
            agent.ack((key(), Command.KEEP), seq=before_the_grant)
        case "silence":
            agent.ack(seq=seq)
        case "older epoch":
            agent.ack((key(), Command.KEEP), seq=seq, epoch=EPOCH - 1)
        case "other boot":
            agent.ack((key(), Command.KEEP), seq=seq, boot=BOOT + 1)

    assert lease(agent) == until


def test_an_older_answer_does_not_shorten_a_lease(agent: SmallAgent) -> None:
    agent.run(key())
    agent.wait(11)
    first = last_seq(agent)
    agent.wait(10)
    second = last_seq(agent)
    assert second > first
    agent.ack((key(), Command.KEEP), seq=second)
    until = lease(agent)

    agent.ack((key(), Command.KEEP), seq=first)

    assert lease(agent) == until


def test_a_heartbeat_from_long_ago_is_forgotten(agent: SmallAgent) -> None:
    agent.run(key())
    agent.wait(1)
    seq = last_seq(agent)
    agent.wait(400)

    assert len(agent.core._heartbeats._listed) == REMEMBERED
    assert agent.core._heartbeats.lease_until(seq, key()) is None


# --- an exclusive attempt -----------------------------------------------------------------


@pytest.mark.parametrize(("early", "killed"), [(0.001, False), (0, True), (-0.001, True)])
def test_an_exclusive_attempt_kills_itself_when_its_lease_ends(
    agent: SmallAgent, early: float, killed: bool
) -> None:
    agent.run(key(), exclusive=True)
    until = lease(agent)

    agent.wait(until - agent.now - early)

    assert agent.stops() == ([(key(), True)] if killed else [])
    if killed:
        agent.stopped(key())
        (decline,) = agent.declines()
        assert (decline.why, decline.interrupted) == ("the lease ended without contact to HQ", True)


def test_it_wakes_for_the_end_of_an_exclusive_lease(agent: SmallAgent) -> None:
    agent.run(key(), exclusive=True)
    agent.wait(LEASE_SECONDS - 1)

    while not agent.stops():
        agent.now += max(agent.core.next_wake(agent.now), 0.0001)
        agent.step()

    assert agent.now == pytest.approx(lease(agent))


def test_after_a_sleep_the_lease_is_looked_at_before_anything_else(agent: SmallAgent) -> None:
    agent.run(key(), exclusive=True)
    agent.wait(1)
    seq = last_seq(agent)
    agent.now += 1000

    # An answer from before the sleep lies in the queue.
    agent.ack((key(), Command.KEEP), seq=seq)

    assert agent.stops() == [(key(), True)]


def test_an_ordinary_attempt_goes_on_without_contact(agent: SmallAgent) -> None:
    agent.run(key())

    agent.wait(10 * LEASE_SECONDS)

    assert not agent.stops()
    assert agent.core.attempts[key()].phase is Phase.RUNNING


def test_an_exclusive_attempt_that_is_asked_to_stop_is_killed_when_its_lease_ends(agent: SmallAgent) -> None:
    agent.run(key(), exclusive=True)
    agent.wait(LEASE_SECONDS - 2)
    agent.core.shut_down(agent.now)
    agent.step()

    agent.wait(3)

    assert agent.stops() == [(key(), False), (key(), True)]


def test_an_extended_exclusive_attempt_lives_on(agent: SmallAgent) -> None:
    agent.run(key(), exclusive=True)

    for _ in range(30):
        agent.wait(5)
        agent.ack((key(), Command.KEEP), seq=last_seq(agent))

    assert not agent.stops()


# --- orders ---------------------------------------------------------------------------------


def test_a_running_attempt_is_stopped_once_and_hands_nothing_back(agent: SmallAgent) -> None:
    agent.run(key())

    agent.ack((key(), Command.STOP))
    agent.ack((key(), Command.STOP))
    agent.stopped(key())

    assert agent.stops() == [(key(), False)]
    assert not agent.declines()
    assert not agent.core.attempts


def test_an_attempt_that_waits_is_dropped_on_order(agent: SmallAgent) -> None:
    agent.run(key(1))
    agent.run(key(2))

    agent.ack((key(2), Command.STOP))
    agent.end(key(1))

    assert agent.started() == [key(1)]
    assert not agent.stops()


def test_a_result_that_waits_is_not_dropped_on_order(agent: SmallAgent) -> None:
    agent.run(key())
    agent.end(key())

    agent.ack((key(), Command.STOP))

    assert agent.core.attempts[key()].phase is Phase.SPOOLED


def test_winding_down_is_asked_for_once_and_keeps_the_lease(agent: SmallAgent) -> None:
    agent.run(key())
    agent.wait(2)
    seq = last_seq(agent)

    agent.ack((key(), Command.WIND_DOWN), seq=seq)
    agent.ack((key(), Command.WIND_DOWN), seq=seq)

    assert agent.winding_down() == [key()]
    assert lease(agent) > agent.now + LEASE_SECONDS - 5


def test_an_order_for_an_unknown_attempt_means_nothing(agent: SmallAgent) -> None:
    agent.ack((key(9), Command.STOP), (key(9), Command.WIND_DOWN))

    assert not agent.stops()
    assert not agent.sent(topics.DECLINE)
