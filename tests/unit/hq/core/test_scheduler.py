"""Offers: who gets which job, how long an offer stands, and what a refusal costs."""

import pytest

from bus import topics
from hq.core.scheduler import PREFETCH_LIMIT, PREFETCH_WINDOW_SECONDS
from hq.core.sightings import COOL_SECONDS
from hq.core.timing import FRESH_SECONDS, OFFER_SECONDS
from schemas.facts import MachineFacts
from schemas.requests import Cancel
from schemas.specs import Needs
from schemas.states import Phase
from tests.unit.hq.core.small_house import EPOCH, SmallHouse, spec, success


def offered(house: SmallHouse, agent: str = "attic") -> list[str]:
    return [offer.job for offer in house.offers(agent)]


# --- who ---------------------------------------------------------------------------


def test_an_offer_goes_to_one_machine_only(house: SmallHouse) -> None:
    house.boot("attic")
    house.boot("den")
    (job,) = house.submit()

    assert sorted(offered(house, "attic") + offered(house, "den")) == [job]


def test_jobs_spread_over_machines_by_their_share_of_busy_slots(house: SmallHouse) -> None:
    house.boot("big", slots=4)
    house.boot("small", slots=1)

    house.submit(*[spec()] * 5)

    assert (len(offered(house, "big")), len(offered(house, "small"))) == (4, 1)


def test_no_more_is_offered_than_there_are_slots(house: SmallHouse) -> None:
    house.boot(slots=2)
    jobs = house.submit(*[spec()] * 5)
    assert offered(house) == jobs[:2]

    key = house.take(jobs[0])
    house.take(jobs[1])
    assert offered(house) == jobs[:2]
    house.deliver(success(key, seconds=60))
    house.settle()

    assert offered(house) == jobs[:3]


@pytest.mark.parametrize(
    ("needs", "fits"),
    [
        (Needs(memory_mb=999), True),
        (Needs(memory_mb=1000), True),
        (Needs(memory_mb=1001), False),
        (Needs(gpus=1), True),
        (Needs(gpus=2), False),
        (Needs(labels=("cuda",)), True),
        (Needs(labels=("cuda", "ssd")), True),
        (Needs(labels=("cuda", "tpu")), False),
        (Needs(agent="attic"), True),
        (Needs(agent="den"), False),
    ],
)
def test_a_job_is_offered_where_its_needs_are_met(house: SmallHouse, needs: Needs, fits: bool) -> None:
    house.boot(facts=MachineFacts(memory_mb=1000, gpus=1, labels=("ssd", "cuda")))

    house.submit(spec(needs=needs))

    assert bool(offered(house)) == fits


def test_a_job_that_fits_nowhere_does_not_stand_in_the_way_of_others(house: SmallHouse) -> None:
    house.boot()
    house.submit(spec(needs=Needs(gpus=9), priority=100))

    (other,) = house.submit()

    assert offered(house) == [other]


def test_facts_that_change_change_what_fits(house: SmallHouse) -> None:
    house.boot()
    (job,) = house.submit(spec(needs=Needs(gpus=1)))
    assert not offered(house)

    house.heartbeat(facts=MachineFacts(gpus=1))
    house.settle()

    assert offered(house) == [job]


@pytest.mark.parametrize(("late", "fresh"), [(-0.1, True), (0, True), (0.1, False)])
def test_a_machine_that_was_not_heard_from_lately_is_offered_nothing(
    house: SmallHouse, late: float, fresh: bool
) -> None:
    house.boot()
    house.skip(FRESH_SECONDS + late)

    house.submit()

    assert bool(offered(house)) == fresh


@pytest.mark.parametrize("how", ["accepting", "degraded", "slots"])
def test_a_machine_that_wants_no_work_is_offered_none(house: SmallHouse, how: str) -> None:
    house.boot()
    unwilling = {
        "accepting": {"accepting": False},
        "degraded": {"degraded": "disk full"},
        "slots": {"slots": 0},
    }
    house.heartbeat(**unwilling[how])  # type: ignore[arg-type]

    house.submit()
    assert not offered(house)
    house.heartbeat()
    house.settle()

    assert offered(house)


# --- the offer -----------------------------------------------------------------------


@pytest.mark.parametrize(("late", "again"), [(-0.1, False), (0, False), (0.1, True)])
def test_an_offer_that_nobody_answers_goes_to_somebody_else(
    house: SmallHouse, late: float, again: bool
) -> None:
    house.boot("attic")
    (job,) = house.submit()
    assert offered(house) == [job]
    house.boot("den")

    house.skip(OFFER_SECONDS + late)
    house.settle()

    assert offered(house, "den") == ([job] if again else [])


def test_a_machine_that_did_not_answer_an_offer_is_left_alone_for_a_while(house: SmallHouse) -> None:
    house.boot()
    house.submit()

    house.wait(OFFER_SECONDS + 1)
    assert len(offered(house)) == 1
    house.wait(OFFER_SECONDS)

    assert len(offered(house)) == 2


def test_an_expired_offer_is_denied_when_it_is_claimed_after_all(house: SmallHouse) -> None:
    house.boot()
    house.submit()
    (offer,) = house.offers()
    house.skip(OFFER_SECONDS + 1)
    house.settle()

    house.claim(offer)
    house.settle()

    (denial,) = [d for message in house.published(topics.GRANT) for d in message.denials]
    assert denial.token == offer.token
    assert "expired" in denial.why
    assert not house.grants()


@pytest.mark.parametrize(("early", "again"), [(0.1, False), (0, True)])
def test_a_machine_that_declined_cools_down(house: SmallHouse, early: float, again: bool) -> None:
    house.boot()
    (job,) = house.submit()
    offer = house.offers()[-1]

    house.decline((job, offer.token))
    house.settle()
    assert len(offered(house)) == 1
    house.skip(COOL_SECONDS - early)
    house.settle()

    assert (len(offered(house)) == 2) == again
    assert not [e for e in house.events if type(e).__name__ == "AttemptReturned"]


def test_a_declined_job_goes_to_another_machine_at_once(house: SmallHouse) -> None:
    house.boot("attic")
    (job,) = house.submit()
    house.boot("den")

    house.decline((job, house.offers()[-1].token))
    house.settle()

    assert offered(house, "den") == [job]


def test_tokens_grow_with_every_offer_and_over_restarts(house: SmallHouse) -> None:
    house.boot()
    house.submit()
    for _ in range(3):
        house.decline((house.offers()[-1].job, house.offers()[-1].token))
        house.settle()
        house.wait(COOL_SECONDS)
    house.restart(EPOCH + 1)
    house.heartbeat()
    house.settle()

    tokens = [offer.token for offer in house.offers()]

    assert tokens == [EPOCH * 2**20 + 1 + i for i in range(4)] + [(EPOCH + 1) * 2**20 + 1]


def test_a_job_whose_tokens_are_used_up_is_offered_again_by_the_next_hq(house: SmallHouse) -> None:
    key = house.start()
    house.authority.books.scheduler._counters[key[0]] = 2**20 - 2
    house.decline(key)
    house.settle()
    house.wait(COOL_SECONDS)
    last = house.take(key[0])
    assert last[1] == (EPOCH + 1) * 2**20 - 1
    house.decline(last)
    house.settle()
    before = len(house.offers())

    house.wait(10 * COOL_SECONDS)
    assert len(house.offers()) == before
    house.restart()
    house.heartbeat()
    house.settle()

    assert house.take(key[0])[1] > last[1]


def test_an_offer_is_withdrawn_with_its_job(house: SmallHouse) -> None:
    house.boot(slots=1)
    (job,) = house.submit()

    house.request(Cancel(jobs=(job,)))
    (next_job,) = house.submit()

    assert offered(house) == [job, next_job]
    assert list(house.authority.books.scheduler.offered) == [next_job]


# --- prefetch ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "extra"),
    [
        (PREFETCH_WINDOW_SECONDS + 0.001, 0),
        (PREFETCH_WINDOW_SECONDS, 1),
        (PREFETCH_WINDOW_SECONDS / 2, 2),
        (0.0, PREFETCH_LIMIT),
    ],
)
def test_jobs_that_are_short_by_experience_are_offered_ahead(
    house: SmallHouse, seconds: float, extra: int
) -> None:
    house.deliver(success(house.start(), seconds))
    house.settle()
    before = len(offered(house))

    house.submit(*[spec()] * 200)

    assert len(offered(house)) - before == 2 + 2 * extra if extra < PREFETCH_LIMIT else 2 + PREFETCH_LIMIT


def test_exclusive_jobs_are_never_offered_ahead(house: SmallHouse) -> None:
    house.deliver(success(house.start(), 0.001))
    house.settle()
    before = len(offered(house))

    house.submit(*[spec(exclusive=True)] * 10)

    assert len(offered(house)) - before == 2


# --- fairness ------------------------------------------------------------------------


def test_two_submitters_get_equal_shares_however_many_jobs_they_submit(house: SmallHouse) -> None:
    house.submit(*[spec()] * 50, client="anna")
    house.submit(*[spec()] * 5, client="bert")

    house.boot(slots=8)

    submitters = [house.job(job).submitter for job in offered(house)]
    assert submitters.count("bert") == 4


def test_running_and_offered_jobs_are_counted_once(house: SmallHouse) -> None:
    house.boot(slots=4)
    for client in ("anna", "bert"):
        keys = [house.take(job) for job in house.submit(spec(), spec(), client=client)]
        house.deliver(*[success(key, 9) for key in keys])
        house.settle()
    house.start()

    assert house.authority.books.scheduler._busy == {"cli": 1}


def test_attempts_that_hq_has_given_up_still_take_their_slots(house: SmallHouse) -> None:
    key = house.start()
    house.wait(36)
    house.submit(*[spec()] * 5)

    house.heartbeat("attic", (key, Phase.RUNNING), slots=2)
    # The attempt is resumed; beside it there is one slot.
    house.settle()

    assert len(house.authority.books.sightings["attic"].offers) == 1
