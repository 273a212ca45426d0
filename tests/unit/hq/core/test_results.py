"""Results: which attempt's counts, what is kept beside it, and what a failure costs."""

import pytest

from bus import topics
from hq.core.timing import backoff_seconds
from schemas.events import AttemptFailed, JobFailed, JobSucceeded, ResultSuperseded
from schemas.messages import ResultAck
from schemas.requests import Cancel
from schemas.states import Command, JobStatus
from tests.unit.hq.core.small_house import SmallHouse, failure, success
from tests.unit.hq.core.takeovers import give_up, retake


def verdicts(house: SmallHouse, agent: str = "attic") -> list[ResultAck]:
    return [ack for message in house.published_to(agent, topics.ACK) for ack in message.results]


def test_a_success_ends_the_job_and_is_acknowledged(house: SmallHouse) -> None:
    key = house.start()

    house.deliver(success(key))
    house.settle()

    assert verdicts(house) == [ResultAck(*key, "accepted")]
    assert house.authority.state.finished[key[0]].status is JobStatus.SUCCEEDED
    assert house.authority.state.finished[key[0]].token == key[1]


def test_a_repeated_result_is_acknowledged_again_and_stored_once(house: SmallHouse) -> None:
    key = house.start()
    for _ in range(2):
        house.deliver(success(key), success(key))
        house.settle()
    house.restart()
    house.deliver(success(key))
    house.settle()

    assert verdicts(house) == [ResultAck(*key, "accepted")] * 5
    assert len(house.of(JobSucceeded)) == 1
    assert not house.of(ResultSuperseded)


def test_an_older_attempts_success_wins_while_the_job_is_not_over(house: SmallHouse) -> None:
    old = house.start("attic")
    house.boot("den")
    give_up(house, "den")
    new = retake(house, old, "den")

    house.deliver(success(old), agent="attic")
    house.settle()
    house.deliver(success(new), agent="den")
    house.settle()

    assert [e.token for e in house.of(JobSucceeded)] == [old[1]]
    (superseded,) = house.of(ResultSuperseded)
    assert (superseded.token, superseded.agent) == (new[1], "den")
    assert verdicts(house, "den") == [ResultAck(*new, "superseded")]
    orders = [order for ack in house.published_to("den", topics.ACK) for order in ack.orders]
    assert [(o.job, o.token, o.command) for o in orders if o.command is Command.STOP] == [
        (*new, Command.STOP)
    ]


def test_an_older_attempts_failure_is_superseded(house: SmallHouse) -> None:
    old = house.start("attic")
    house.boot("den")
    give_up(house, "den")
    new = retake(house, old, "den")

    house.deliver(failure(old), agent="attic")
    house.settle()

    assert house.job(old[0]).token == new[1]
    assert house.job(old[0]).status is JobStatus.RUNNING
    (superseded,) = house.of(ResultSuperseded)
    assert superseded.why == "a later attempt holds the job"


def test_a_failure_ends_a_job_without_retries(house: SmallHouse) -> None:
    key = house.start()

    house.deliver(failure(key, "out of memory"))
    house.settle()

    (event,) = house.of(JobFailed)
    assert (event.why, event.token) == ("out of memory", key[1])
    assert verdicts(house) == [ResultAck(*key, "accepted")]


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_a_job_fails_after_its_last_retry_with_a_growing_wait(house: SmallHouse, retries: int) -> None:
    key = house.start(retry_on_failure=retries)

    for count in range(retries):
        house.deliver(failure(key))
        house.settle()
        assert house.job(key[0]).delay_seconds == backoff_seconds(count + 1)
        assert verdicts(house)[-1].verdict == "requeued"
        key = retake(house, key, "attic")
    house.deliver(failure(key))
    house.settle()

    assert len(house.of(AttemptFailed)) == retries
    assert len(house.of(JobFailed)) == 1


def test_a_result_of_a_job_that_hq_does_not_know_is_kept(house: SmallHouse) -> None:
    house.boot()
    key = ("j" + "z" * 12, 99)

    house.deliver(success(key))
    house.settle()

    (orphan,) = house.of(ResultSuperseded)
    assert orphan.result == success(key)
    assert verdicts(house) == [ResultAck(*key, "superseded")]


def test_a_result_of_a_cancelled_job_is_kept_as_superseded(house: SmallHouse) -> None:
    key = house.start()
    house.request(Cancel(jobs=(key[0],)))

    house.deliver(success(key))
    house.settle()

    assert house.authority.state.finished[key[0]].status is JobStatus.CANCELLED
    assert house.of(ResultSuperseded)[0].why == "the job was cancelled already"


def test_another_machine_cannot_report_for_the_holder(house: SmallHouse) -> None:
    key = house.start("attic")
    house.boot("den")

    house.deliver(success(key), agent="den")
    house.settle()
    assert verdicts(house, "den") == [ResultAck(*key, "refused")]
    assert house.authority.books.refused["foreign_result"] == 1
    house.deliver(success(key), agent="attic")
    house.settle()

    assert verdicts(house, "attic") == [ResultAck(*key, "accepted")]


def test_a_result_for_a_token_that_was_never_granted_cannot_stand_for_a_later_attempt(
    house: SmallHouse,
) -> None:
    house.boot("attic")
    house.boot("den")
    (job,) = house.submit()
    token = house.authority.books.scheduler.offered[job][1]
    agent = house.authority.books.scheduler.offered[job][0]
    other = "den" if agent == "attic" else "attic"

    house.deliver(success((job, token)), agent=other)
    house.settle()
    key = house.take(job, agent)
    house.deliver(success(key), agent=agent)
    house.settle()

    assert verdicts(house, agent) == [ResultAck(*key, "accepted")]
    assert house.authority.state.finished[job].status is JobStatus.SUCCEEDED
