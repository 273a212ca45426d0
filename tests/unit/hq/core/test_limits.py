"""How many jobs of a user, or that name a limit, run at once."""

from typing import Any

import pytest

from hq.core.explain import explain
from schemas.events import JobClaimed, LimitSet
from schemas.messages import StandingClaim
from schemas.requests import Cancel, SetLimit, Submit
from schemas.specs import Needs
from tests.unit.hq.core.small_house import SmallHouse, spec, success


@pytest.fixture
def house() -> SmallHouse:
    house = SmallHouse()
    house.boot("attic", slots=8)
    return house


def limit(house: SmallHouse, of: Any, name: str, at_most: int | None) -> None:
    reply = house.request(SetLimit(of=of, name=name, at_most=at_most))
    assert reply.error is None, reply.error


def offered(house: SmallHouse) -> list[str]:
    return [offer.job for offer in house.offers()]


def test_no_more_jobs_of_a_user_run_than_the_house_says(house: SmallHouse) -> None:
    limit(house, "user", "anna", 2)
    anna = house.submit(*(spec() for _ in range(3)), client="anna")
    (other,) = house.submit(client="olga")
    assert sorted(offered(house)) == sorted([*anna[:2], other])
    assert explain(anna[2], house.authority.books, house.now) == (
        "it waits for its turn: anna may run 2 at once, and 2 run or are on offer"
    )
    for job in anna[:2]:
        house.take(job)
    house.deliver(success((anna[0], house.job(anna[0]).token)))
    house.settle()
    assert offered(house)[-1] == anna[2]


def test_a_named_limit_counts_over_users_sweeps_and_needs(house: SmallHouse) -> None:
    limit(house, "named", "licence", 1)
    (first,) = house.submit(spec(within=("licence",)), client="anna")
    (second,) = house.submit(spec(within=("licence",), needs=Needs(memory_mb=1)), client="olga")
    (free,) = house.submit(spec(), client="olga")
    assert sorted(offered(house)) == sorted([first, free])
    assert "the limit 'licence' is 1 at once" in explain(second, house.authority.books, house.now)
    house.request(Cancel(jobs=(first,)))
    assert offered(house)[-1] == second


def test_raising_or_taking_away_a_limit_lets_jobs_go_at_once(house: SmallHouse) -> None:
    limit(house, "user", "anna", 0)
    jobs = house.submit(spec(), spec(), client="anna")
    assert offered(house) == []
    limit(house, "user", "anna", 1)
    assert offered(house) == jobs[:1]
    limit(house, "user", "anna", None)
    assert offered(house) == jobs
    assert [event.at_most for event in house.of(LimitSet)] == [0, 1, None]


def test_an_offer_that_ends_leaves_its_place(house: SmallHouse) -> None:
    limit(house, "user", "anna", 1)
    house.boot("den", slots=1)
    jobs = house.submit(spec(), spec(), client="anna")
    agent = next(name for name in ("attic", "den") if house.offers(name))
    (offer,) = house.offers(agent)
    house.decline((offer.job, offer.token), agent)
    house.settle()
    again = [one.job for name in ("attic", "den") for one in house.offers(name)]
    assert again.count(offer.job) == 2
    assert set(again) == {offer.job} < set(jobs)


def test_a_limit_holds_after_a_start_of_hq_and_for_claims_sent_ahead(house: SmallHouse) -> None:
    limit(house, "named", "licence", 2)
    key = house.start()
    house.deliver(success(key, 0.01))
    house.settle()
    running = house.start(within=("licence",))
    house.restart()
    house.heartbeat("attic", slots=8, standing=StandingClaim(house.authority.state.epoch, "5" * 24, 9))
    house.settle()
    jobs = house.submit(*(spec(within=("licence",)) for _ in range(3)))
    granted = {event.job for event in house.of(JobClaimed)}
    held = [job for job in jobs if job in granted or job in house.authority.books.scheduler.offered]
    assert len(held) == 1
    assert house.job(running[0]).agent == "attic"


def test_a_misspelt_limit_is_refused(house: SmallHouse) -> None:
    reply = house.request(Submit(jobs=(spec(within=("license",)),)))
    assert reply.error is not None
    assert reply.error.code == "unknown_limit"
    assert "`idlehands limit license N --named`" in reply.error.message
    gone = house.request(SetLimit(of="user", name="nobody"))
    assert gone.error is not None
    assert gone.error.code == "unknown_limit"
