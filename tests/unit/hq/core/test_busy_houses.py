"""Many machines, many jobs: what was noted is looked at, and what was not costs nothing."""

from collections import Counter

from hq.core.timing import OFFER_SECONDS
from schemas.facts import MachineFacts
from schemas.requests import Cancel, Hold, ReadStatus
from schemas.specs import Needs
from tests.unit.hq.core.small_house import SmallHouse, spec, success


def counts(house: SmallHouse) -> dict[str, int]:
    found: dict[str, int] = house.request(ReadStatus()).result["jobs"]
    return found


def test_jobs_spread_evenly_over_forty_machines_of_two_sorts(house: SmallHouse) -> None:
    for number in range(40):
        gpus = number % 2
        house.boot(f"agent-{number}", slots=1, facts=MachineFacts(gpus=gpus))

    house.submit(*[spec(needs=Needs(gpus=1))] * 15, *[spec()] * 15)

    given = {f"agent-{number}": len(house.offers(f"agent-{number}")) for number in range(40)}
    assert Counter(given.values()) == {0: 10, 1: 30}
    assert sum(given[f"agent-{number}"] for number in range(1, 40, 2)) >= 15


def test_a_machine_that_was_full_is_offered_more_when_something_ends_there(house: SmallHouse) -> None:
    house.boot(slots=1)
    first, second = house.submit(spec(), spec())
    key = house.take(first)
    house.wait(0.2)
    assert [offer.job for offer in house.offers()] == [first]

    house.deliver(success(key, seconds=60))
    house.settle()

    assert [offer.job for offer in house.offers()] == [first, second]


def test_new_facts_of_a_machine_count_at_once(house: SmallHouse) -> None:
    house.boot(facts=MachineFacts())
    (job,) = house.submit(spec(needs=Needs(labels=("cuda",))))
    assert not house.offers()

    house.heartbeat(facts=MachineFacts(labels=("cuda",)))
    house.settle()

    assert [offer.job for offer in house.offers()] == [job]


def test_jobs_of_more_kinds_than_are_remembered_each_find_their_machine(house: SmallHouse) -> None:
    house.boot(slots=300, facts=MachineFacts(memory_mb=1000))

    house.submit(*(spec(needs=Needs(memory_mb=number)) for number in range(250)))

    assert len(house.offers()) == 250


def test_many_offers_that_nobody_answers_all_come_back_and_go_elsewhere(house: SmallHouse) -> None:
    house.boot("attic", slots=20)
    jobs = house.submit(*[spec()] * 20)
    house.boot("den", slots=20)

    house.wait(OFFER_SECONDS + 0.1)

    assert [offer.job for offer in house.offers("attic")] == jobs
    assert sorted(offer.job for offer in house.offers("den")) == sorted(jobs)


def test_the_status_counts_live_jobs_by_status_also_after_a_restart(house: SmallHouse) -> None:
    house.boot(slots=2)
    jobs = house.submit(*[spec()] * 6)
    house.take(jobs[0])
    house.deliver(success(house.take(jobs[1])))
    house.settle()
    house.request(Hold(jobs=(jobs[4],)))
    house.request(Cancel(jobs=(jobs[5],)))

    before = counts(house)
    house.restart()

    assert before == counts(house) == {"queued": 2, "running": 1, "held": 1}
