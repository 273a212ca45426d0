"""What an agent does with grants that are not HQ's, not its own, or not to its owner's liking."""

import pytest

from agents.core.timing import DOUBT_SECONDS
from bus import topics
from bus.port import Refusal
from tests.unit.agents.core.small_agent import BOOT, EPOCH, SmallAgent, key


def refusal(reason: str) -> Refusal:
    return Refusal(topics.GRANT, {"agent": "attic"}, reason, "the words of who checked")


def refuse(agent: SmallAgent, reason: str) -> None:
    """Let the bus refuse a grant, then go a round."""
    agent.core.refuse(refusal(reason), agent.now)
    agent.step()


@pytest.fixture
def agent() -> SmallAgent:
    made = SmallAgent()
    made.lead()
    made.ack(seq=0)
    made.forget()
    return made


@pytest.mark.parametrize("reason", ["unsigned", "unknown_signer"])
def test_after_a_grant_of_nobody_we_trust_claims_go_back_and_nothing_is_claimed(
    agent: SmallAgent, reason: str
) -> None:
    agent.offer(key(1))
    refuse(agent, reason)

    (decline,) = agent.declines()
    assert (decline.job, decline.token, decline.interrupted, decline.unwilling) == (*key(1), False, False)
    assert "the words of who checked" in decline.why
    agent.offer(key(2))
    assert [claim.job for claim in agent.claims()] == [key(1)[0]]
    agent.wait(1.0)
    assert agent.heartbeats()[-1].degraded == decline.why
    assert agent.heartbeats()[-1].refused == {reason: 1}


def test_the_doubt_ends_after_a_while(agent: SmallAgent) -> None:
    refuse(agent, "unsigned")

    agent.wait(DOUBT_SECONDS - 0.1)
    assert agent.heartbeats()[-1].degraded != ""
    agent.wait(1.0)

    assert agent.heartbeats()[-1].degraded == ""
    agent.offer(key(1))
    assert len(agent.claims()) == 1


def test_a_grant_that_hq_signed_ends_the_doubt(agent: SmallAgent) -> None:
    agent.offer(key(1))
    nonce = agent.claims()[0].nonce
    refuse(agent, "unsigned")

    agent.deny(key(1), nonce)
    agent.wait(1.0)

    assert agent.heartbeats()[-1].degraded == ""


def test_a_forgers_broken_signature_does_not_keep_hqs_own_grant_from_counting(agent: SmallAgent) -> None:
    agent.offer(key(1))
    refuse(agent, "bad_signature")

    agent.grant(key(1))

    assert agent.started() == [key(1)]
    assert agent.declines() == []


def test_refused_messages_of_other_topics_are_counted_only(agent: SmallAgent) -> None:
    agent.offer(key(1))
    agent.core.refuse(Refusal(topics.ACK, {"agent": "attic"}, "bad_data", "what"), agent.now)
    agent.grant(key(1))

    assert agent.core.rejected == {"bad_data": 1}
    assert agent.started() == [key(1)]


def test_a_script_that_the_owner_does_not_want_is_declined_for_good(agent: SmallAgent) -> None:
    agent.judge = lambda grant: f"not {grant.spec.script.entry}"
    agent.run(key(1))

    (decline,) = agent.declines()
    assert (decline.why, decline.unwilling) == ("not train.py", True)
    assert agent.started() == []
    assert agent.core.rejected == {"not_allowed": 1}


def test_the_owner_is_asked_only_about_grants_of_our_own(agent: SmallAgent) -> None:
    asked: list[str] = []
    agent.judge = lambda grant: asked.append(grant.job) or ""  # type: ignore[func-returns-value]
    agent.offer(key(1))

    agent.grant(key(1), nonce="f" * 32)
    agent.grant(key(2), nonce="f" * 32)
    agent.grant(key(2), nonce="f" * 32, boot=BOOT - 1)
    agent.grant(key(2), nonce="f" * 32, epoch=EPOCH - 1)

    assert asked == []
    assert agent.core.rejected == {"no_such_claim": 2, "another_boot": 1, "old_epoch": 1}


def test_changed_rules_are_told_by_sending_the_facts_again(agent: SmallAgent) -> None:
    agent.wait(1.0)
    agent.forget()

    agent.core.trust_changed(agent.now)
    agent.wait(1.0)

    assert agent.heartbeats()[0].facts is not None
