"""Offers, claims and grants: what an agent begins, and what it hands back."""

import pytest

from agents.core.timing import CLAIM_SECONDS, HELD_SECONDS, LEASE_SECONDS, PREFETCH_LIMIT
from schemas.facts import GuestState
from schemas.states import Phase
from tests.unit.agents.core.small_agent import BOOT, EPOCH, SmallAgent, key


@pytest.fixture
def agent() -> SmallAgent:
    return SmallAgent()


def phases(agent: SmallAgent) -> dict[str, Phase]:
    return {job: attempt.phase for (job, _), attempt in agent.core.attempts.items()}


# --- offers --------------------------------------------------------------------------


def test_an_offer_is_claimed_with_a_nonce_of_its_own(agent: SmallAgent) -> None:
    agent.offer(key(1), key(2))

    assert [(claim.job, claim.token) for claim in agent.claims()] == [key(1), key(2)]
    assert len({claim.nonce for claim in agent.claims()}) == 2
    assert not agent.started()


def test_an_offer_that_comes_twice_is_claimed_once(agent: SmallAgent) -> None:
    agent.offer(key())
    agent.offer(key())
    agent.grant(key())
    agent.offer(key())

    assert len(agent.claims()) == 1


@pytest.mark.parametrize("how", ["guest", "degraded"])
def test_an_agent_that_takes_nothing_declines_with_the_reason(agent: SmallAgent, how: str) -> None:
    if how == "guest":
        agent.core.set_guest(GuestState(False, "the owner is at the keyboard"), agent.now)
    else:
        agent.core.spooled([], agent.now, "the disk is full")

    agent.offer(key())

    (decline,) = agent.declines()
    assert decline.why == {"guest": "the owner is at the keyboard", "degraded": "the disk is full"}[how]
    assert not decline.interrupted
    assert not agent.claims()


@pytest.mark.parametrize("more", [0, 1])
def test_what_may_wait_behind_the_slots_is_bounded(agent: SmallAgent, more: int) -> None:
    agent.offer(*[key(number) for number in range(1 + PREFETCH_LIMIT + more)])

    assert len(agent.claims()) == 1 + PREFETCH_LIMIT
    assert [decline.why for decline in agent.declines()] == ["all slots are busy"] * more


# --- grants --------------------------------------------------------------------------


def test_a_granted_attempt_begins_when_a_slot_is_free() -> None:
    agent = SmallAgent(slots=2)
    for number in (1, 2, 3):
        agent.run(key(number))
    assert agent.started() == [key(1), key(2)]
    assert phases(agent)[key(3)[0]] is Phase.HELD

    agent.end(key(1))

    assert agent.started() == [key(1), key(2), key(3)]


def test_a_grant_that_comes_twice_begins_one_attempt(agent: SmallAgent) -> None:
    agent.offer(key())
    nonce = agent.claims()[-1].nonce

    agent.grant(key(), nonce)
    agent.grant(key(), nonce)

    assert agent.started() == [key()]
    assert not agent.declines()


def test_a_grant_that_comes_again_after_its_attempt_is_over_begins_nothing(agent: SmallAgent) -> None:
    agent.offer(key())
    nonce = agent.claims()[-1].nonce
    agent.grant(key(), nonce)
    agent.end(key())
    agent.ack(results=(key(),))

    agent.grant(key(), nonce)

    assert agent.started() == [key()]
    assert [decline.why for decline in agent.declines()] == [
        "the claim was dropped, its answer came too late"
    ]


@pytest.mark.parametrize(("late", "begins"), [(-0.01, True), (0, True), (0.01, False)])
def test_a_claim_that_is_unanswered_for_ten_seconds_is_dropped(
    agent: SmallAgent, late: float, begins: bool
) -> None:
    agent.offer(key())
    agent.wait(CLAIM_SECONDS + late)

    agent.grant(key())

    assert bool(agent.started()) == begins
    assert [d.why for d in agent.declines()] == (
        [] if begins else ["the claim was dropped, its answer came too late"]
    )


def test_a_grant_after_a_long_sleep_is_handed_back(agent: SmallAgent) -> None:
    agent.offer(key())
    # Suspended: nothing ran, and the clock went on.
    agent.now += LEASE_SECONDS

    agent.grant(key())

    assert not agent.started()
    assert len(agent.declines()) == 1


def test_a_grant_for_another_claim_than_the_one_made_is_handed_back(agent: SmallAgent) -> None:
    agent.offer(key())

    agent.grant(key(), nonce="f" * 32)

    assert not agent.started()
    assert len(agent.declines()) == 1


def test_a_grant_nobody_asked_for_is_handed_back(agent: SmallAgent) -> None:
    agent.grant(key(), nonce="f" * 32)

    assert not agent.started()
    assert [(d.job, d.token) for d in agent.declines()] == [key()]


@pytest.mark.parametrize("boot", [BOOT - 1, BOOT + 1])
def test_a_grant_to_another_boot_is_none_of_its_business(agent: SmallAgent, boot: int) -> None:
    agent.offer(key())

    agent.grant(key(), boot=boot)

    assert not agent.started()
    assert not agent.declines()


def test_a_denied_claim_is_forgotten(agent: SmallAgent) -> None:
    agent.offer(key())
    nonce = agent.claims()[-1].nonce

    agent.deny(key(), "f" * 32)
    agent.deny(key(), nonce)
    agent.offer(key())

    assert len(agent.claims()) == 2


# --- epochs and boots ------------------------------------------------------------------


def test_an_hq_that_was_replaced_is_not_heard(agent: SmallAgent) -> None:
    agent.lead(EPOCH + 1)

    agent.offer(key(), epoch=EPOCH)
    assert not agent.claims()
    agent.offer(key(), epoch=EPOCH + 1)
    agent.grant(key(), epoch=EPOCH)
    assert not agent.started()
    agent.grant(key(), epoch=EPOCH + 1)

    assert agent.started() == [key()]


def test_each_message_of_a_newer_hq_ends_the_rule_of_the_older(agent: SmallAgent) -> None:
    agent.offer(key(1), epoch=EPOCH + 2)
    agent.lead(EPOCH + 1)

    assert agent.core.epoch == EPOCH + 2


def test_an_hq_that_says_goodbye_changes_no_epoch(agent: SmallAgent) -> None:
    agent.lead(EPOCH)
    agent.lead(EPOCH + 5, online=False, rest="https://x")

    assert agent.core.epoch == EPOCH
    assert agent.core.rest == ""


# --- attempts that wait -------------------------------------------------------------------


@pytest.mark.parametrize(("late", "back"), [(-0.01, False), (0, True), (0.01, True)])
def test_an_attempt_that_waits_behind_others_for_long_is_handed_back(
    agent: SmallAgent, late: float, back: bool
) -> None:
    agent.run(key(1))
    agent.run(key(2))

    agent.wait(HELD_SECONDS + late)

    assert [(d.job, d.token, d.why) for d in agent.declines()] == (
        [(*key(2), "no slot became free soon")] if back else []
    )
    assert not any(d.interrupted for d in agent.declines())


def test_an_attempt_whose_lease_ended_in_sleep_never_begins(agent: SmallAgent) -> None:
    agent.run(key(1))
    agent.run(key(2))

    agent.now += LEASE_SECONDS
    agent.end(key(1))

    assert agent.started() == [key(1)]
    assert [d.why for d in agent.declines()] == ["its lease ended before a slot was free"]
