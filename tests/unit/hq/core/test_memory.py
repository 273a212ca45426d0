"""A house that has worked for long holds no more than one that has just begun (I18)."""

import random

from hq.core.timing import OFFER_SECONDS
from schemas.requests import Cancel, Hold, Release, Submit
from schemas.states import Phase
from tests.unit.hq.core.small_house import SmallHouse, failure, spec, success

AGENTS = ("attic", "cellar", "den")


def volatile(house: SmallHouse) -> dict[str, int]:
    """Return the size of every table that follows jobs."""
    books, scheduler = house.authority.books, house.authority.books.scheduler
    return {
        "jobs": len(house.authority.state.jobs),
        "trials": sum(map(len, house.authority.state.trials.values())),
        "leases": len(books.leases),
        "lease heap": len(books.leases._heap),
        "open": sum(map(len, books.open.values())),
        "claimed at": len(books.claimed_at),
        "in flight": len(books.in_flight) + len(books.booting),
        "offered": len(scheduler.offered),
        "counters": len(scheduler._counters),
        "busy": len(scheduler._busy),
        "queued": len(scheduler.queue),
        "delayed": len(scheduler.queue._delayed_jobs),
        "delayed heap": len(scheduler.queue._delayed),
        "lanes": sum(map(len, scheduler.queue._lanes.values())),
        "sightings": sum(len(s.offers) + len(s.occupied) + len(s.phases) for s in books.sightings.values()),
        "instances": max(len(s.instances) for s in books.sightings.values()) > 1,
        "waiting": len(house.authority._waiting),
        "held back": len(house.authority._held_back) + len(house.authority._changes),
    }


def work(house: SmallHouse, chance: random.Random, rounds: int) -> None:
    """Let agents and clients do everything that they may, and end all of it."""
    for number in range(rounds):
        jobs = house.submit(*[spec(retry_on_failure=1)] * 4, client=chance.choice(["cli", "anna"]))
        house.ask(Hold(jobs=(jobs[0],)))
        house.ask(Release(jobs=(jobs[0],)))
        house.ask(Cancel(jobs=(jobs[1],)))
        for agent in AGENTS:
            house.heartbeat(agent, slots=3)
        house.settle()
        for agent in AGENTS:
            for offer in house.offers(agent)[-6:]:
                house.claim(offer, agent, nonce=f"{number % 2}" * 32)
        house.settle()
        for job in list(house.authority.state.jobs.values()):
            if job.agent is not None:
                key = (job.id, job.token)
                pick = chance.random()
                if pick < 0.2:
                    house.decline(key, job.agent, interrupted=pick < 0.1)
                else:
                    house.deliver(success(key) if pick < 0.8 else failure(key), agent=job.agent)
        house.settle()
        house.skip(OFFER_SECONDS + 1)
        house.outputs.clear()


def end_all(house: SmallHouse) -> None:
    """End what is left and let every timer run out."""
    left = tuple(house.authority.state.jobs)
    if left:
        house.request(Cancel(jobs=left))
    for _ in range(8):
        for agent in AGENTS:
            house.heartbeat(agent)
        house.wait(10)


def test_tables_that_follow_jobs_are_as_small_after_a_thousand_jobs_as_before() -> None:
    house = SmallHouse()
    chance = random.Random(1)
    for agent in AGENTS:
        house.boot(agent)
    work(house, chance, 5)
    end_all(house)
    before = volatile(house)
    assert not any(before.values()), before

    work(house, chance, 250)
    end_all(house)

    assert volatile(house) == before
    assert len(house.authority.state.finished) > 900


def test_an_attempt_that_is_interrupted_for_ever_does_not_make_its_job_grow() -> None:
    house = SmallHouse()
    key = house.start()
    for _ in range(30):
        house.wait(40)
        house.heartbeat("attic", (key, Phase.RUNNING))
        house.settle()

    assert len(house.job(key[0]).attempts) == 1
    assert len(house.authority.books.leases._heap) <= 2


def test_refused_reasons_are_bounded() -> None:
    house = SmallHouse()
    for number in range(5000):
        house.authority.books.count_refused(f"reason-{number}")

    assert len(house.authority.books.refused) == 1000


def test_requests_without_end_leave_one_answer_each() -> None:
    house = SmallHouse()
    for _ in range(300):
        house.ask(Submit(jobs=(spec(),), key="again"))
    house.settle()

    assert len(house.authority.state.answers) == 1
    assert len(house.authority.state.jobs) == 1
