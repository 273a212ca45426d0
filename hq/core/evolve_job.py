"""Fold one event into one job.

QUEUED --claimed--> RUNNING --succeeded--> SUCCEEDED
  |  ^                 |---failed--------> FAILED
held |                 '---returned, interrupted, lost, failed with retries left
  v  |                          '--> QUEUED --died--> DEAD
 HELD                any non-terminal --cancelled--> CANCELLED
                     RUNNING --prune decided--> RUNNING --pruned--> PRUNED

While it waits for others (`waits_for`) a QUEUED job cannot be claimed.
"""

from msgspec.structs import replace

from hq.core.moment import InvalidTransition, Moment
from hq.core.state import Attempt, Job, Pruning
from hq.core.waits import without_parent, words_for
from schemas.events import (
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
from schemas.facts import AttemptResult
from schemas.references import fill_in
from schemas.states import AttemptState, JobStatus


def evolve_job(job: Job | None, event: JobEvent, moment: Moment) -> Job:
    """Return the job as it stands after `event`.

    Raises:
        InvalidTransition: If the event cannot follow.
    """
    if job is None:
        if not isinstance(event, JobSubmitted):
            raise InvalidTransition(f"{type(event).__name__} for job {event.job}, which was never submitted")
        return Job(
            id=event.job,
            spec=event.spec,
            submitter=event.submitter,
            status=JobStatus.QUEUED,
            position=moment.position,
            revision=1,
            order=moment.position * 2**20 + moment.index,
            submitted_at=moment.at,
            waits_for=event.waits_for,
            why=words_for(event.waits_for),
            # Of a population: it goes on where its parent ended.
            checkpoint=event.spec.lineage.checkpoint if event.spec.lineage is not None else None,
            project=event.spec.project or "",
            tags=event.spec.tags,
            note=event.spec.note,
        )
    if isinstance(event, JobSubmitted) or (job.status.is_final and not isinstance(event, ResultSuperseded)):
        raise InvalidTransition(f"{type(event).__name__} for job {job.id}, which is {job.status}")
    changed = _evolve_live(job, event, moment)
    return replace(changed, position=moment.position, revision=job.revision + 1)


def _evolve_live(job: Job, event: JobEvent, moment: Moment) -> Job:
    match event:
        case JobClaimed():
            if not job.is_ready or event.token <= job.token:
                raise InvalidTransition(
                    f"claim {event.token} of job {job.id}: {job.status}, token {job.token}"
                )
            attempt = Attempt(
                *(event.token, event.agent, event.boot, event.nonce, AttemptState.LIVE, moment.at),
                standing=event.standing,
            )
            return replace(
                job,
                status=JobStatus.RUNNING,
                token=event.token,
                agent=event.agent,
                attempts=(*job.attempts, attempt),
                claimed_at=moment.at,
                why="",
            )
        case ParentEnded():
            return _note_parent(job, event)
        case JobHeld(by=by):
            if job.status is not JobStatus.QUEUED:
                raise InvalidTransition(f"job {job.id} cannot be held: it is {job.status}")
            return replace(job, status=JobStatus.HELD, why=f"held by {by}")
        case JobReleased():
            if job.status is not JobStatus.HELD:
                raise InvalidTransition(f"job {job.id} cannot be released: it is {job.status}")
            return replace(job, status=JobStatus.QUEUED, why=words_for(job.waits_for), delay_seconds=0)
        case AttemptReturned(token=token, why=why):
            # Nothing of it ran or will report: dropped, so that handing back
            # many times does not make the job grow.
            rest = tuple(attempt for attempt in job.attempts if attempt.token != token)
            return _queue_again(replace(job, attempts=rest), token, why, 0)
        case AttemptInterrupted(token=token, why=why, delay_seconds=delay, unheard=unheard):
            state = AttemptState.UNHEARD if unheard else AttemptState.CLOSED
            job = replace(_mark(job, token, state), interruptions=job.interruptions + 1)
            return _queue_again(job, token, why, delay)
        case AttemptResumed(token=token):
            if token != job.token or job.status is not JobStatus.QUEUED:
                raise InvalidTransition(f"attempt {token} of job {job.id} cannot resume: {job.status}")
            resumed = _mark(job, token, AttemptState.LIVE)
            holder = resumed.attempt(token)
            agent = holder.agent if holder else None
            return replace(resumed, status=JobStatus.RUNNING, agent=agent, why="", delay_seconds=0)
        case AttemptLost(token=token, agent=agent, why=why, delay_seconds=delay):
            used = 1 if token == job.token else 0
            lost = job.lost_agents if agent in job.lost_agents else (*job.lost_agents, agent)
            job = replace(_close(job, token), starts=job.starts + used, lost_agents=lost)
            return _queue_again(job, token, why, delay)
        case AttemptFailed(token=token, result=result, delay_seconds=delay):
            job = replace(_close(job, token), starts=job.starts + 1, failures=job.failures + 1)
            return _queue_again(job, token, _why_failed(result), delay)
        case CheckpointStored(checkpoint=checkpoint):
            if checkpoint.token != job.token or job.attempt(job.token) is None:
                raise InvalidTransition(
                    f"checkpoint of attempt {checkpoint.token} of job {job.id}: its token is {job.token}"
                )
            return replace(job, checkpoint=checkpoint)
        case JobSucceeded(token=token):
            # Nobody goes on from there: what nothing refers to is cleaned up.
            job = replace(_close(job, token), starts=job.starts + 1, checkpoint=None)
            return _end(job, JobStatus.SUCCEEDED, "", moment)
        case JobFailed(token=token, why=why):
            if token is not None:
                job = replace(_close(job, token), starts=job.starts + 1, failures=job.failures + 1)
            return _end(job, JobStatus.FAILED, why, moment)
        case JobCancelled(by=by, why=why):
            return _end(job, JobStatus.CANCELLED, why or f"cancelled by {by}", moment)
        case JobDied(why=why):
            return _end(job, JobStatus.DEAD, why, moment)
        case PruneDecided(token=token, why=why, step=step):
            if job.status is not JobStatus.RUNNING or token != job.token or job.pruning is not None:
                raise InvalidTransition(
                    f"attempt {token} of job {job.id} cannot be pruned: {job.status}, token {job.token}"
                )
            return replace(job, pruning=Pruning(token, why, step))
        case JobPruned(token=token, why=why):
            if job.pruning is None:
                raise InvalidTransition(f"job {job.id} was pruned, which nobody had decided")
            if token is not None:
                job = replace(_close(job, token), starts=job.starts + 1)
            return _end(job, JobStatus.PRUNED, why, moment)
        case ResultSuperseded(token=token):
            return _close(job, token) if job.attempt(token) and token != job.token else job
        case _:
            raise InvalidTransition(f"{type(event).__name__} is not an event of a live job")


def _note_parent(job: Job, event: ParentEnded) -> Job:
    waits_for, received = without_parent(job, event)
    # All at once, when nothing is missing: what one parent brought is never read for references.
    spec = job.spec if waits_for else fill_in(job.spec, received)
    why = words_for(waits_for) if job.status is JobStatus.QUEUED else job.why
    return replace(job, spec=spec, waits_for=waits_for, received=received, why=why)


def _mark(job: Job, token: int, state: AttemptState) -> Job:
    if job.attempt(token) is None:
        raise InvalidTransition(f"job {job.id} has no attempt {token}")
    attempts = tuple(replace(a, state=state) if a.token == token else a for a in job.attempts)
    return replace(job, attempts=attempts)


def _close(job: Job, token: int) -> Job:
    return _mark(job, token, AttemptState.CLOSED)


def _queue_again(job: Job, token: int, why: str, delay: float) -> Job:
    # Only the current attempt decides the job's status: an old one that ends
    # must not take the job from the agent that holds it now.
    if token != job.token or job.status is not JobStatus.RUNNING:
        return job
    return replace(job, status=JobStatus.QUEUED, agent=None, why=why, delay_seconds=delay)


def _end(job: Job, status: JobStatus, why: str, moment: Moment) -> Job:
    return replace(job, status=status, agent=None, why=why, ended_at=moment.at)


def _why_failed(result: AttemptResult) -> str:
    return result.failure.message if result.failure else f"exit code {result.exit_code}"
