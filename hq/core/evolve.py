"""Fold events: what a job, a sweep and the whole state are after one more fact.

QUEUED --claimed--> RUNNING --succeeded--> SUCCEEDED
  |  ^                 |---failed--------> FAILED
held |                 '---returned, interrupted, lost, failed with retries left
  v  |                          '--> QUEUED --died--> DEAD
 HELD                any non-terminal --cancelled--> CANCELLED
"""

from msgspec.structs import replace

from hq.core.state import AgentRecord, Answer, Attempt, Change, Deleted, Job, State, StoredResult, Sweep
from schemas.events import (
    SWEEP_EVENTS,
    AgentBooted,
    AnyEvent,
    AttemptFailed,
    AttemptInterrupted,
    AttemptLost,
    AttemptResumed,
    AttemptReturned,
    Decision,
    EpochBegan,
    JobCancelled,
    JobClaimed,
    JobDeleted,
    JobDied,
    JobEvent,
    JobFailed,
    JobHeld,
    JobReleased,
    JobSubmitted,
    JobSucceeded,
    RequestAnswered,
    ResultSuperseded,
    SweepCancelled,
    SweepDeleted,
    SweepEvent,
    SweepExhausted,
    SweepFinished,
    SweepSubmitted,
    TrialProposed,
)
from schemas.facts import AttemptResult
from schemas.states import AttemptState, JobStatus, SweepStatus


class InvalidTransition(Exception):
    """An event that cannot follow what went before: the log or the decider is wrong."""


class Moment:
    """Where in the log an event stands: decision position, index in it, Unix seconds."""

    __slots__ = ("at", "index", "position")

    def __init__(self, position: int, index: int, at: float) -> None:
        self.position = position
        self.index = index
        self.at = at


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
        )
    if isinstance(event, JobSubmitted) or (job.status.is_final and not isinstance(event, ResultSuperseded)):
        raise InvalidTransition(f"{type(event).__name__} for job {job.id}, which is {job.status}")
    changed = _evolve_live(job, event, moment)
    return replace(changed, position=moment.position, revision=job.revision + 1)


def _evolve_live(job: Job, event: JobEvent, moment: Moment) -> Job:
    match event:
        case JobClaimed():
            if job.status is not JobStatus.QUEUED or event.token <= job.token:
                raise InvalidTransition(
                    f"claim {event.token} of job {job.id}: {job.status}, token {job.token}"
                )
            attempt = Attempt(event.token, event.agent, event.boot, event.nonce, AttemptState.LIVE, moment.at)
            return replace(
                job,
                status=JobStatus.RUNNING,
                token=event.token,
                agent=event.agent,
                attempts=(*job.attempts, attempt),
                claimed_at=moment.at,
                why="",
            )
        case JobHeld(by=by):
            if job.status is not JobStatus.QUEUED:
                raise InvalidTransition(f"job {job.id} cannot be held: it is {job.status}")
            return replace(job, status=JobStatus.HELD, why=f"held by {by}")
        case JobReleased():
            if job.status is not JobStatus.HELD:
                raise InvalidTransition(f"job {job.id} cannot be released: it is {job.status}")
            return replace(job, status=JobStatus.QUEUED, why="", delay_seconds=0)
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
        case JobSucceeded(token=token):
            job = replace(_close(job, token), starts=job.starts + 1)
            return _end(job, JobStatus.SUCCEEDED, "", moment)
        case JobFailed(token=token, why=why):
            if token is not None:
                job = replace(_close(job, token), starts=job.starts + 1, failures=job.failures + 1)
            return _end(job, JobStatus.FAILED, why, moment)
        case JobCancelled(by=by, why=why):
            return _end(job, JobStatus.CANCELLED, why or f"cancelled by {by}", moment)
        case JobDied(why=why):
            return _end(job, JobStatus.DEAD, why, moment)
        case ResultSuperseded(token=token):
            return _close(job, token) if job.attempt(token) and token != job.token else job
        case _:
            raise InvalidTransition(f"{type(event).__name__} is not an event of a live job")


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


def evolve_sweep(sweep: Sweep | None, event: SweepEvent, moment: Moment) -> Sweep:
    """Return the sweep as it stands after `event`.

    Raises:
        InvalidTransition: If the event cannot follow.
    """
    if sweep is None:
        if not isinstance(event, SweepSubmitted):
            raise InvalidTransition(
                f"{type(event).__name__} for sweep {event.sweep}, which was never submitted"
            )
        return Sweep(
            id=event.sweep,
            spec=event.spec,
            submitter=event.submitter,
            status=SweepStatus.RUNNING,
            position=moment.position,
            revision=1,
            submitted_at=moment.at,
        )
    if sweep.status.is_final:
        raise InvalidTransition(f"{type(event).__name__} for sweep {sweep.id}, which is {sweep.status}")
    match event:
        case TrialProposed(trial=trial):
            if trial != sweep.proposed:
                raise InvalidTransition(f"trial {trial} of sweep {sweep.id}, expected {sweep.proposed}")
            changed = replace(sweep, proposed=trial + 1, live=sweep.live + 1)
        case SweepExhausted():
            changed = replace(sweep, exhausted=True)
        case SweepFinished(why=why):
            changed = replace(sweep, status=SweepStatus.FINISHED, why=why, ended_at=moment.at)
        case SweepCancelled(by=by):
            changed = replace(
                sweep, status=SweepStatus.CANCELLED, why=f"cancelled by {by}", ended_at=moment.at
            )
        case _:
            raise InvalidTransition(f"{type(event).__name__} for sweep {sweep.id}, which exists")
    return replace(changed, position=moment.position, revision=sweep.revision + 1)


def evolve(state: State, event: AnyEvent, moment: Moment) -> list[Change]:
    """Fold one event into `state` and return snapshots of what it changed."""
    match event:
        case EpochBegan(epoch=epoch):
            state.epoch = epoch
            return []
        case AgentBooted():
            record = AgentRecord(
                name=event.agent,
                boot=event.boot,
                instance=event.instance,
                slots=event.slots,
                facts=event.facts,
                position=moment.position,
                booted_at=moment.at,
            )
            state.agents[event.agent] = record
            return [record]
        case RequestAnswered():
            answer = Answer(
                submitter=event.submitter,
                key=event.key,
                digest=event.digest,
                answer=event.answer,
                position=moment.position,
                at=moment.at,
            )
            state.remember_answer(answer)
            return [answer]
        case JobDeleted() | SweepDeleted():
            return [_fold_deletion(state, event, moment)]
        case _ if isinstance(event, SWEEP_EVENTS):
            return [_fold_sweep(state, event, moment)]  # type: ignore[arg-type]
        case _:
            return _fold_job(state, event, moment)  # type: ignore[arg-type]


def _fold_deletion(state: State, event: JobDeleted | SweepDeleted, moment: Moment) -> Deleted:
    # Of what has ended, memory holds little and perhaps nothing: deleting twice changes nothing more.
    if isinstance(event, SweepDeleted):
        if event.sweep in state.sweeps:
            raise InvalidTransition(f"sweep {event.sweep} cannot be deleted: it is running")
        return Deleted(kind="sweep", id=event.sweep, position=moment.position, at=moment.at)
    live = state.jobs.get(event.job)
    if live is not None:
        raise InvalidTransition(f"job {event.job} cannot be deleted: it is {live.status}")
    state.finished.pop(event.job, None)
    return Deleted(kind="job", id=event.job, position=moment.position, at=moment.at)


def _fold_sweep(state: State, event: SweepEvent, moment: Moment) -> Sweep:
    sweep = evolve_sweep(state.sweeps.get(event.sweep), event, moment)
    if sweep.status.is_final:
        state.sweeps.pop(sweep.id, None)
        state.trials.pop(sweep.id, None)
    else:
        state.sweeps[sweep.id] = sweep
        if isinstance(event, TrialProposed):
            state.trials.setdefault(sweep.id, set()).add(event.job)
    return sweep


def _fold_job(state: State, event: JobEvent, moment: Moment) -> list[Change]:
    before = state.jobs.get(event.job)
    if before is None and isinstance(event, ResultSuperseded):
        # The job ended and left memory, or was never known here: only the result is kept.
        stored = _stored(None, event, event.agent, event.result, moment)
        state.remember_reported(stored.job, stored.token, stored.verdict)
        return [stored]
    job = evolve_job(before, event, moment)
    changes: list[Change] = [job]
    state.jobs[job.id] = job
    result = getattr(event, "result", None)
    if result is not None:
        attempt = job.attempt(result.token)
        agent = event.agent if isinstance(event, ResultSuperseded) else attempt.agent if attempt else ""
        stored = _stored(job, event, agent, result, moment)
        state.remember_reported(stored.job, stored.token, stored.verdict)
        changes.append(stored)
    if job.status.is_final:
        state.remember_finished(job, getattr(event, "token", None) or 0)
        changes.extend(_count_trial(state, job, moment))
    return changes


def _stored(
    job: Job | None, event: JobEvent, agent: str, result: AttemptResult, moment: Moment
) -> StoredResult:
    superseded = isinstance(event, ResultSuperseded)
    why = event.why if isinstance(event, ResultSuperseded) else ""
    verdict = "superseded" if superseded else "requeued" if isinstance(event, AttemptFailed) else "accepted"
    spec = job.spec if job else None
    return StoredResult(
        job=event.job,
        token=result.token,
        agent=agent,
        verdict=verdict,
        why=why,
        position=moment.position,
        at=moment.at,
        result=result,
        params=spec.params if spec else {},
        script=(spec.script.name or spec.script.entry) if spec else "",
        sweep=spec.sweep if spec else None,
        trial=spec.trial if spec else None,
    )


def _count_trial(state: State, job: Job, moment: Moment) -> list[Change]:
    sweep = state.sweeps.get(job.spec.sweep or "")
    if sweep is None:
        return []
    state.trials.get(sweep.id, set()).discard(job.id)
    won = 1 if job.status is JobStatus.SUCCEEDED else 0
    changed = replace(
        sweep,
        live=sweep.live - 1,
        succeeded=sweep.succeeded + won,
        unsuccessful=sweep.unsuccessful + 1 - won,
        position=moment.position,
    )
    state.sweeps[sweep.id] = changed
    return [changed]


def apply(state: State, decision: Decision) -> list[Change]:
    """Fold one decision into `state` and return snapshots of everything it changed.

    Raises:
        InvalidTransition: If a position is missing or an event cannot follow.
    """
    if decision.position != state.position + 1:
        raise InvalidTransition(f"decision {decision.position} cannot follow {state.position}")
    changes: list[Change] = []
    for index, event in enumerate(decision.events):
        changes.extend(evolve(state, event, Moment(decision.position, index, decision.at)))
    state.position = decision.position
    return changes
