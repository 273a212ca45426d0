"""Attempts that were given up and are heard of again: which go on, and which must stop."""

from hq.core.timing import GUARD_SECONDS, LEASE_SECONDS
from schemas.events import AttemptResumed
from schemas.requests import Hold
from schemas.states import AttemptState, Command, JobStatus, Phase
from tests.unit.hq.core.small_house import SmallHouse, success
from tests.unit.hq.core.takeovers import give_up, retake

HQ_LEASE = LEASE_SECONDS + GUARD_SECONDS


def test_an_attempt_that_was_given_up_and_reports_again_is_resumed(house: SmallHouse) -> None:
    key = house.start()
    give_up(house)
    assert house.job(key[0]).attempts[0].state is AttemptState.UNHEARD

    house.heartbeat("attic", (key, Phase.RUNNING))
    house.settle()

    assert house.of(AttemptResumed) == [AttemptResumed(*key)]
    job = house.job(key[0])
    assert (job.status, job.agent, job.attempts[0].state) == (JobStatus.RUNNING, "attic", AttemptState.LIVE)
    assert house.authority.books.leases.deadline(key) == house.now + HQ_LEASE


def test_an_attempt_is_not_resumed_once_another_holds_the_job(house: SmallHouse) -> None:
    old = house.start("attic")
    house.boot("den")
    give_up(house, "den")
    retake(house, old, "den")

    ack = house.heartbeat("attic", (old, Phase.RUNNING))
    house.settle()

    assert not house.of(AttemptResumed)
    assert ack is not None
    # It may go on and deliver late: an ordinary job may overlap.
    assert [order.command for order in ack.orders] == [Command.KEEP]


def test_an_exclusive_attempt_is_never_resumed_but_told_to_stop(house: SmallHouse) -> None:
    key = house.start(exclusive=True)
    give_up(house)
    house.wait(20)

    ack = house.heartbeat("attic", (key, Phase.RUNNING))
    house.settle()

    assert house.job(key[0]).status is JobStatus.QUEUED
    assert not house.of(AttemptResumed)
    assert ack is not None
    assert [order.command for order in ack.orders] == [Command.STOP]


def test_a_held_job_is_not_resumed(house: SmallHouse) -> None:
    key = house.start()
    give_up(house)
    house.request(Hold(jobs=(key[0],)))

    house.heartbeat("attic", (key, Phase.RUNNING))
    house.settle()
    assert house.job(key[0]).status is JobStatus.HELD

    house.deliver(success(key))
    house.settle()
    assert house.authority.state.finished[key[0]].status is JobStatus.SUCCEEDED
