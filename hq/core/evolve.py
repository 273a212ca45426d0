"""Fold events into the whole state: what HQ knows after one more fact, one more decision."""

from msgspec.structs import replace

from hq.core.accounts import count_result, count_trial
from hq.core.evolve_job import evolve_job
from hq.core.evolve_model import evolve_model
from hq.core.evolve_schedule import evolve_schedule
from hq.core.evolve_service import evolve_service
from hq.core.evolve_sweep import evolve_sweep
from hq.core.history import History, build_end
from hq.core.moment import InvalidTransition, Moment
from hq.core.state import (
    AgentRecord,
    Answer,
    AuditEntry,
    Change,
    Deleted,
    Job,
    Limit,
    Pipeline,
    Relabelled,
    State,
    StoredResult,
    Sweep,
    with_labels,
)
from schemas.events import (
    MODEL_EVENTS,
    SCHEDULE_EVENTS,
    SERVICE_EVENTS,
    SWEEP_EVENTS,
    AgentBooted,
    AnyEvent,
    AttemptFailed,
    Audited,
    Decision,
    DeletionEvent,
    EpochBegan,
    JobDeleted,
    JobEvent,
    Labelled,
    LimitSet,
    PipelineDeleted,
    PipelineSubmitted,
    RequestAnswered,
    ResultSuperseded,
    ServiceCalled,
    SweepDeleted,
    SweepEvent,
    TrialProposed,
)
from schemas.facts import AttemptResult


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
        case Audited(note=note, by=by):
            order = moment.position * 2**20 + moment.index
            return [
                AuditEntry(
                    id=note.id, note=note, by=by, noted_at=moment.at, position=moment.position, order=order
                )
            ]
        case Labelled():
            return [_fold_labels(state, event, moment)]
        case LimitSet(kind=kind, name=name, at_most=at_most, by=by):
            key = f"{kind} {name}"
            state.limits.pop(key, None)
            if at_most is not None:
                state.limits[key] = at_most
            limit = Limit(
                id=key,
                kind=kind,
                limit=name,
                at_most=at_most,
                by=by,
                position=moment.position,
                changed_at=moment.at,
            )
            return [limit]
        case PipelineSubmitted():
            # Not in memory: HQ decides nothing by it that it does not look up.
            return [
                Pipeline(
                    id=event.pipeline,
                    spec=event.spec,
                    submitter=event.submitter,
                    steps=event.steps,
                    position=moment.position,
                    submitted_at=moment.at,
                    retry_of=event.retry_of,
                )
            ]
        case JobDeleted() | SweepDeleted() | PipelineDeleted():
            return [_fold_deletion(state, event, moment)]
        case ServiceCalled():
            return []
        case _ if isinstance(event, SCHEDULE_EVENTS):
            schedule = evolve_schedule(state.schedules.get(event.schedule), event, moment)  # type: ignore[arg-type,union-attr]
            state.schedules[schedule.name] = schedule
            return [schedule]
        case _ if isinstance(event, SERVICE_EVENTS):
            service = evolve_service(state.services.get(event.service), event, moment)  # type: ignore[arg-type,union-attr]
            state.services[service.name] = service
            return [service]
        case _ if isinstance(event, MODEL_EVENTS):
            model = evolve_model(state.models.get(event.model), event, moment)  # type: ignore[arg-type,union-attr]
            state.models[model.name] = model
            return [model]
        case _ if isinstance(event, SWEEP_EVENTS):
            return [_fold_sweep(state, event, moment)]  # type: ignore[arg-type]
        case _:
            return _fold_job(state, event, moment)  # type: ignore[arg-type]


def _fold_labels(state: State, event: Labelled, moment: Moment) -> Relabelled:
    change = Relabelled(
        id=event.subject,
        project=event.project,
        tags=event.tags,
        note=event.note,
        labelled=moment.position,
    )
    if (job := state.jobs.get(event.subject)) is not None:
        state.jobs[job.id] = with_labels(job, change)
    if (sweep := state.sweeps.get(event.subject)) is not None:
        state.sweeps[sweep.id] = with_labels(sweep, change)
    return change


def _fold_deletion(state: State, event: DeletionEvent, moment: Moment) -> Deleted:
    # Of what has ended, memory holds little and perhaps nothing: deleting twice changes nothing more.
    if isinstance(event, PipelineDeleted):
        return Deleted(kind="pipeline", id=event.pipeline, position=moment.position, at=moment.at)
    if isinstance(event, SweepDeleted):
        if event.sweep in state.sweeps:
            raise InvalidTransition(f"sweep {event.sweep} cannot be deleted: it is running")
        return Deleted(kind="sweep", id=event.sweep, position=moment.position, at=moment.at)
    live = state.jobs.get(event.job)
    if live is not None:
        raise InvalidTransition(f"job {event.job} cannot be deleted: it is {live.status}")
    state.finished.pop(event.job, None)
    for history in state.histories.values():
        history.forget(event.job)
    return Deleted(kind="job", id=event.job, position=moment.position, at=moment.at)


def _fold_sweep(state: State, event: SweepEvent, moment: Moment) -> Sweep:
    sweep = evolve_sweep(state.sweeps.get(event.sweep), event, moment)
    if sweep.status.is_final:
        state.sweeps.pop(sweep.id, None)
        state.trials.pop(sweep.id, None)
        state.histories.pop(sweep.id, None)
    else:
        state.sweeps[sweep.id] = sweep
        if isinstance(event, TrialProposed):
            state.trials.setdefault(sweep.id, set()).add(event.job)
            state.histories.setdefault(sweep.id, History()).add_trial(event.params, event.descent)
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
        if not isinstance(event, ResultSuperseded):
            changes.extend(_count_result(state, job, result, moment))
    if job.status.is_final:
        state.remember_finished(job, getattr(event, "token", None) or 0)
        changes.extend(_count_trial(state, job, result, moment))
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


def _count_result(state: State, job: Job, result: AttemptResult, moment: Moment) -> list[Change]:
    # The end of a trial is written in any case: no second document for one event.
    sweep = state.sweeps.get(job.spec.sweep or "")
    if sweep is None:
        return []
    changed = replace(count_result(sweep, result), position=moment.position)
    state.sweeps[sweep.id] = changed
    return [] if job.status.is_final else [changed]


def _count_trial(state: State, job: Job, result: AttemptResult | None, moment: Moment) -> list[Change]:
    sweep = state.sweeps.get(job.spec.sweep or "")
    if sweep is None:
        return []
    end = build_end(sweep.spec, job.spec.trial or 0, job.status, result)
    state.histories.setdefault(sweep.id, History()).add_end(moment.position, job.id, end)
    state.trials.get(sweep.id, set()).discard(job.id)
    changed = replace(count_trial(sweep, job, result), position=moment.position)
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
