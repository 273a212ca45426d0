"""Silence beyond a lease: an agent stands still, its job runs elsewhere; of the broker it costs nothing."""

import time
from collections.abc import Iterator

import pytest

from schemas.specs import Needs
from tests.e2e.workplace import Workplace
from tests.fixtures.broker import eventually

pytestmark = [pytest.mark.process, pytest.mark.slow]
LEASE_ENDED = 90
LONGER_THAN_A_LEASE = 45


@pytest.fixture(autouse=True)
def consistent(work: Workplace) -> Iterator[None]:
    """End with read models that are the fold of the log."""
    yield
    work.check_quiet()


def verdicts(work: Workplace, job: str) -> list[str]:
    """Return the verdicts on all stored results of a job."""
    with work.database() as database:
        return sorted(row["verdict"] for row in database.results.find({"_id.job": job}))


def test_the_result_of_the_silent_attempt_is_kept_beside_the_one_that_counts(work: Workplace) -> None:
    (job,) = work.submit(1, 6.0, tag="silent")
    (began,) = work.wait_begun([job])

    with work.frozen(f"agent-{began.agent}"):
        assert work.wait_final([job], LEASE_ENDED) == {job: "succeeded"}
        # Its script went on, and has ended too.
        eventually(lambda: len(work.entries("end", [job])) == 2)

    eventually(lambda: verdicts(work, job) == ["accepted", "superseded"], 60)
    assert {entry.agent for entry in work.entries("end", [job])} == set(work.agents)
    assert "AttemptInterrupted" in work.names_of_events([job])


def test_a_late_success_counts_when_nobody_else_took_the_job(work: Workplace) -> None:
    agent = work.agents[0]
    (job,) = work.submit(1, 3.0, tag="late", needs=Needs(agent=agent), max_starts=1)
    work.wait_begun([job])

    with work.frozen(f"agent-{agent}"):
        eventually(lambda: "AttemptInterrupted" in work.names_of_events([job]), LEASE_ENDED)

    assert work.wait_final([job]) == {job: "succeeded"}
    eventually(lambda: verdicts(work, job) == ["accepted"])
    assert len(work.entries("begin", [job])) == 1


def test_an_attempt_that_still_runs_after_the_silence_goes_on(work: Workplace) -> None:
    agent = work.agents[0]
    (job,) = work.submit(1, 60.0, tag="resumed", needs=Needs(agent=agent))
    work.wait_begun([job])

    with work.frozen(f"agent-{agent}"):
        eventually(lambda: "AttemptInterrupted" in work.names_of_events([job]), LEASE_ENDED)

    assert work.wait_final([job], 120) == {job: "succeeded"}
    assert "AttemptResumed" in work.names_of_events([job])
    assert len(work.entries("begin", [job])) == 1


def test_no_job_runs_twice_because_the_broker_was_silent(work: Workplace) -> None:
    jobs = work.submit(4, 3.0, tag="quiet")
    work.wait_begun(jobs)

    with work.frozen("broker"):
        began = time.monotonic()
        eventually(lambda: time.monotonic() - began > LONGER_THAN_A_LEASE, LEASE_ENDED)

    assert set(work.wait_final(jobs, 120).values()) == {"succeeded"}
    assert len(work.entries("begin", jobs)) == len(jobs)
    assert work.names_of_events(jobs) == {"JobSubmitted", "JobClaimed", "JobSucceeded"}
