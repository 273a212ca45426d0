"""Claims that an agent sends ahead: which grants on them it takes, and for how long."""

import pytest

from agents.core.effects import Send, Start
from bus import topics
from schemas.facts import GuestState
from schemas.messages import StandingClaim
from tests.unit.agents.core.small_agent import EPOCH, SmallAgent, key


@pytest.fixture
def agent() -> SmallAgent:
    """An agent that has heard of HQ and has sent a heartbeat just now."""
    agent = SmallAgent()
    agent.step()
    agent.ack(seq=0)
    agent.wait(0.95)
    return agent


def standing(agent: SmallAgent) -> StandingClaim:
    claim = agent.heartbeats()[-1].standing
    assert claim is not None
    return claim


def test_heartbeats_claim_ahead_from_the_hq_that_was_heard(agent: SmallAgent) -> None:
    assert agent.heartbeats()[0].standing is None
    one = standing(agent)
    assert one.epoch == EPOCH

    agent.wait(10)

    assert standing(agent).nonce != one.nonce


def test_a_grant_on_it_begins(agent: SmallAgent) -> None:
    agent.grant(key(), standing(agent).nonce_of(0))

    assert agent.started() == [key()]
    assert agent.declines() == []


def test_it_says_so_before_it_begins(agent: SmallAgent) -> None:
    claim = standing(agent)
    agent.wait(0.6)
    agent.forget()

    agent.grant(key(), claim.nonce_of(0))

    said = [
        "begun" if isinstance(e, Start) else "said"
        for e in agent.effects
        if isinstance(e, Start) or (isinstance(e, Send) and e.topic is topics.HEARTBEAT)
    ]
    assert said == ["said", "begun"]
    assert [report.phase for report in agent.heartbeats()[-1].attempts] == ["running"]


def test_one_claim_is_good_for_many_jobs_but_each_nonce_for_one(agent: SmallAgent) -> None:
    claim = standing(agent)
    agent.grant(key(1), claim.nonce_of(0))
    agent.grant(key(2), claim.nonce_of(1))
    agent.grant(key(3), claim.nonce_of(1))

    assert agent.started() == [key(1)]
    assert [decline.job for decline in agent.declines()] == [key(3)[0]]
    assert agent.core.rejected["no_such_claim"] == 1


@pytest.mark.parametrize("nonce", ["f" * 32, "f" * 24 + "00000000"])
def test_a_nonce_that_was_never_sent_is_refused(agent: SmallAgent, nonce: str) -> None:
    agent.grant(key(), nonce)

    assert agent.started() == []
    assert agent.core.rejected["no_such_claim"] == 1


def test_a_number_beyond_the_count_is_refused(agent: SmallAgent) -> None:
    claim = standing(agent)

    agent.grant(key(), claim.nonce_of(claim.count))

    assert agent.started() == []


@pytest.mark.parametrize(("later", "starts"), [(20.0, 1), (20.1, 0)])
def test_a_grant_is_taken_for_twenty_seconds(agent: SmallAgent, later: float, starts: int) -> None:
    claim = standing(agent)
    sent = agent.now

    agent.wait(sent + later - agent.now)
    agent.grant(key(), claim.nonce_of(0))

    assert len(agent.started()) == starts
    assert len(agent.declines()) == 1 - starts


def test_the_lease_counts_from_the_sending(agent: SmallAgent) -> None:
    claim, sent = standing(agent), agent.now
    agent.wait(8)
    agent.grant(key(), claim.nonce_of(0), exclusive=True)

    agent.wait(sent + 29.9 - agent.now)
    assert agent.stops() == []
    agent.wait(0.1)

    assert agent.stops() == [(key(), True)]


def test_who_takes_nothing_claims_nothing_and_hands_back_what_was_on_its_way(agent: SmallAgent) -> None:
    claim = standing(agent)
    agent.core.set_guest(GuestState(False, "the owner is back"), agent.now)
    agent.wait(1)
    assert agent.heartbeats()[-1].standing is None

    agent.grant(key(), claim.nonce_of(0))

    assert agent.started() == []
    (decline,) = agent.declines()
    assert (decline.why, decline.interrupted, decline.unwilling) == ("the owner is back", False, False)
    assert agent.core.rejected == {}


def test_another_hq_gets_claims_of_its_own(agent: SmallAgent) -> None:
    claim = standing(agent)
    agent.lead(EPOCH + 1)
    agent.wait(1)
    assert standing(agent).epoch == EPOCH + 1

    agent.grant(key(), claim.nonce_of(0), epoch=EPOCH + 1)

    assert agent.started() == []


def test_an_agent_that_ends_hands_back_what_was_claimed_ahead(agent: SmallAgent) -> None:
    claim = standing(agent)
    agent.core.shut_down(agent.now)

    agent.grant(key(), claim.nonce_of(0))

    assert agent.started() == []
    assert len(agent.declines()) == 1
