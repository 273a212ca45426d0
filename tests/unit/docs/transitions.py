"""Every step that the fold of a job allows, found by trying every event on every status.

Knows `hq.core.evolve_job` and nothing of who decides what: what the fold allows is
what a log may hold.
"""

from collections.abc import Iterator

from hq.core.evolve_job import evolve_job
from hq.core.moment import InvalidTransition, Moment
from hq.core.state import Job
from schemas.events import (
    JOB_EVENTS,
    AttemptFailed,
    AttemptInterrupted,
    AttemptLost,
    AttemptResumed,
    AttemptReturned,
    CheckpointStored,
    JobCancelled,
    JobClaimed,
    JobDied,
    JobEvent,
    JobFailed,
    JobHeld,
    JobPruned,
    JobReleased,
    JobSubmitted,
    JobSucceeded,
    ParentEnded,
    PruneDecided,
    ResultSuperseded,
)
from schemas.facts import AttemptResult, Checkpoint
from schemas.specs import JobSpec, ScriptRef
from schemas.states import JobStatus, Outcome

JOB = "jaaaaaaaaaaaa"
PARENT = "jbbbbbbbbbbbb"
#: Tokens of an attempt that was interrupted and of the one after it.
OLD, CURRENT, NEXT = 1, 2, 3
SPEC = JobSpec(ScriptRef("0" * 64, "script.py"))

#: Status before (None: there is no such job), event, status after.
Step = tuple[JobStatus | None, str, JobStatus]


def find_steps() -> set[Step]:
    """Return every step that the fold allows, those that keep the status included."""
    return {step for job in (None, *_jobs_of_every_status()) for step in _steps_from(job)}


def _steps_from(job: Job | None) -> Iterator[Step]:
    for event in _events():
        try:
            after = evolve_job(job, event, Moment(1, 0, 0.0))
        except InvalidTransition:
            continue
        yield (job.status if job else None, type(event).__name__, after.status)


def _events() -> Iterator[JobEvent]:
    yield from (JobSubmitted(JOB, SPEC, "cli"), JobHeld(JOB, "cli"), JobReleased(JOB, "cli"))
    yield from (JobCancelled(JOB, "cli"), JobDied(JOB, "why"), JobFailed(JOB, "why"))
    yield JobPruned(JOB, "why")
    yield ParentEnded(JOB, PARENT, "succeeded")
    for token in (OLD, CURRENT, NEXT):
        result = AttemptResult(JOB, token, Outcome.FAILED)
        yield JobClaimed(JOB, token, "attic", 1, "0" * 32)
        yield AttemptReturned(JOB, token, "why")
        yield AttemptInterrupted(JOB, token, "why", 1.0)
        yield AttemptResumed(JOB, token)
        yield AttemptLost(JOB, token, "attic", "why", 1.0)
        yield AttemptFailed(JOB, token, result, 1.0)
        yield CheckpointStored(JOB, Checkpoint(token, "0" * 64, 1))
        yield JobSucceeded(JOB, token, AttemptResult(JOB, token, Outcome.SUCCEEDED))
        yield JobFailed(JOB, "why", token, result)
        yield PruneDecided(JOB, token, "why")
        yield JobPruned(JOB, "why", None, token, result)
        yield ResultSuperseded(JOB, token, "attic", "why", result)


def _fold(*events: JobEvent) -> Job:
    job: Job | None = None
    for event in events:
        job = evolve_job(job, event, Moment(1, 0, 0.0))
    assert job is not None
    return job


def _jobs_of_every_status() -> list[Job]:
    """Return jobs with and without attempts in every status."""
    submitted = (JobSubmitted(JOB, SPEC, "cli"),)
    first = (*submitted, JobClaimed(JOB, OLD, "attic", 1, "0" * 32))
    queued = (*first, AttemptInterrupted(JOB, OLD, "why", 1.0, unheard=True))
    running = (*queued, JobClaimed(JOB, CURRENT, "cellar", 1, "0" * 32))
    again = (*running, AttemptInterrupted(JOB, CURRENT, "why", 1.0, unheard=True))
    result = AttemptResult(JOB, CURRENT, Outcome.SUCCEEDED)
    ends = (
        JobSucceeded(JOB, CURRENT, result),
        JobFailed(JOB, "why"),
        JobCancelled(JOB, "cli"),
        JobDied(JOB, "why"),
    )
    pruning = (*running, PruneDecided(JOB, CURRENT, "why"))
    left = (*pruning, AttemptInterrupted(JOB, CURRENT, "why", 1.0, unheard=True))
    waiting = (JobSubmitted(JOB, SPEC, "cli", (PARENT,)),)
    histories = [
        waiting,
        (*waiting, JobHeld(JOB, "cli")),
        submitted,
        first,
        queued,
        running,
        again,
        (*again, JobHeld(JOB, "cli")),
        pruning,
        left,
    ]
    histories.append((*pruning, JobPruned(JOB, "why")))
    jobs = [_fold(*history) for history in (*histories, *((*running, end) for end in ends))]
    assert {job.status for job in jobs} == set(JobStatus)
    assert {type(event) for event in _events()} == set(JOB_EVENTS)
    return jobs
