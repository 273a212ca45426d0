"""Claims: who gets a grant, who is denied, and in which words."""

import pytest

from bus import topics
from hq.core.timing import LEASE_SECONDS
from schemas.events import JobClaimed
from schemas.messages import Offer
from schemas.requests import Cancel
from tests.unit.hq.core.small_house import NONCE, SmallHouse


def denials(house: SmallHouse, agent: str = "attic") -> list[str]:
    return [denial.why for message in house.published_to(agent, topics.GRANT) for denial in message.denials]


def test_the_grant_names_agent_boot_token_and_the_claims_nonce(house: SmallHouse) -> None:
    job, token = house.start(priority=3)

    (grant,) = house.grants()

    assert (grant.job, grant.token, grant.agent, grant.boot, grant.nonce) == (job, token, "attic", 1, NONCE)
    assert grant.lease_seconds == LEASE_SECONDS
    assert grant.spec == house.job(job).spec
    assert house.of(JobClaimed) == [JobClaimed(job, token, "attic", 1, NONCE)]


def test_a_claim_that_comes_twice_gets_the_same_grant_twice(house: SmallHouse) -> None:
    house.start()

    house.claim(house.offers()[-1])
    house.settle()

    first, second = house.grants()
    assert first == second
    assert len(house.of(JobClaimed)) == 1


def test_two_copies_of_a_claim_in_one_batch_are_one_attempt(house: SmallHouse) -> None:
    house.boot()
    house.submit()
    for _ in range(3):
        house.claim(house.offers()[-1])
    house.settle()

    assert len(house.of(JobClaimed)) == 1
    assert not denials(house)


def test_a_second_claimer_is_denied_and_told_why(house: SmallHouse) -> None:
    house.boot("den")
    house.heartbeat("den", accepting=False)
    house.start("attic")

    house.claim(house.offers("attic")[-1], "den")
    house.settle()

    assert denials(house, "den") == ["the job is running"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"token": 1}, "another machine"),
        ({"token": -1}, "another machine"),
        ({"boot": 2}, "does not know this boot"),
        ({"agent": "den"}, "another machine"),
        ({"agent": "cellar"}, "does not know this boot"),
    ],
)
def test_a_claim_of_something_else_than_was_offered_is_denied(
    house: SmallHouse, change: dict[str, object], why: str
) -> None:
    house.boot("attic")
    house.boot("den")
    house.heartbeat("den", accepting=False)
    (job,) = house.submit()
    (offer,) = house.offers()
    agent = str(change.get("agent", "attic"))
    wrong = Offer(job, offer.token + int(str(change.get("token", 0))))

    house.claim(wrong, agent, int(str(change.get("boot", 1))))
    house.settle()

    (said,) = denials(house, agent)
    assert why in said
    assert not house.of(JobClaimed)


def test_claims_of_jobs_that_ended_or_never_were_say_so(house: SmallHouse) -> None:
    house.boot()
    house.submit()
    (offer,) = house.offers()
    house.request(Cancel(jobs=(offer.job,)))

    house.claim(offer)
    house.claim(Offer("j" + "z" * 12, 5))
    house.settle()

    assert denials(house) == ["the job is cancelled", "HQ knows no such job"]
