"""What follows from requests about schedules, and from the time that one is due.

What is due and what it submits are one decision of the log: whoever leads, and however often HQ begins
anew, each time fires once or is skipped once.
"""

import msgspec
from msgspec.structs import replace

from hq.core.decide.decided import Decided
from hq.core.decide.ids import Ids
from hq.core.decide.refused import Refused
from hq.core.decide.requests import decide_request
from hq.core.decide.secrets import jobs_of
from hq.core.decide.specs import check_spec, check_sweep
from hq.core.decide.submissions import submit_pipeline
from hq.core.decide.waiting import parents_of
from hq.core.state import Schedule, State
from hq.core.times import TimesUnusable, check_times, count_due, last_due, next_due
from schemas.events import (
    AnyEvent,
    ScheduleAdded,
    ScheduleFired,
    SchedulePaused,
    ScheduleRemoved,
    ScheduleResumed,
    ScheduleSkipped,
)
from schemas.requests import (
    AddSchedule,
    PauseSchedule,
    RemoveSchedule,
    ResumeSchedule,
    RunSchedule,
    Submit,
    SubmitPipeline,
    SubmitSweep,
)
from schemas.schedules import ScheduleSpec

SCHEDULES_AT_MOST = 200
MAX_SCHEDULE_BYTES = 128 * 1024
#: Later than this it was missed: HQ was away.
LATE_SECONDS = 90.0
ScheduleRequest = AddSchedule | RemoveSchedule | PauseSchedule | ResumeSchedule | RunSchedule
SCHEDULE_REQUESTS = (AddSchedule, RemoveSchedule, PauseSchedule, ResumeSchedule, RunSchedule)


def decide_schedule(state: State, submitter: str, request: ScheduleRequest, ids: Ids, wall: float) -> Decided:
    """Return the events and the answer of a request about a schedule.

    Raises:
        Refused: With a code and words for whoever asked.
    """
    if isinstance(request, AddSchedule):
        spec = request.schedule
        _check(state, spec, wall, submitter, ids)
        answer = {"schedule": spec.name, "next": next_due(spec, wall)}
        return [ScheduleAdded(spec.name, spec, submitter)], answer
    schedule = find_schedule(state, request.schedule)
    answer = {"schedule": schedule.name}
    match request:
        case RemoveSchedule():
            return [ScheduleRemoved(schedule.name, submitter)], answer
        case PauseSchedule():
            if schedule.is_paused:
                raise Refused("already_paused", f"schedule {schedule.name} is paused already")
            return [SchedulePaused(schedule.name, submitter)], answer
        case ResumeSchedule():
            if not schedule.is_paused:
                raise Refused("not_paused", f"schedule {schedule.name} is not paused")
            return [ScheduleResumed(schedule.name, submitter)], answer
        case RunSchedule():
            events, made = _submit(state, schedule, wall, ids, by=submitter)
            return events, {**answer, **made}


def find_schedule(state: State, name: str) -> Schedule:
    """Return a schedule.

    Raises:
        Refused: If there is none.
    """
    schedule = state.schedules.get(name)
    if schedule is None or schedule.is_removed:
        raise Refused("unknown_schedule", f"there is no schedule {name}: `idlehands schedule list` shows all")
    return schedule


def decide_due(state: State, schedule: Schedule, ids: Ids, wall: float) -> list[AnyEvent]:
    """Return what comes of a schedule that is due, or was while HQ was away; nothing if it is not."""
    spec = schedule.spec
    first = due_of(schedule)
    if first is None or first > wall:
        return []
    due = max(first, last_due(spec, wall) or first)
    missed = count_due(spec, schedule.since, wall) - 1
    if wall - due > LATE_SECONDS and spec.missed == "skip":
        return [ScheduleSkipped(schedule.name, due, "HQ was away at that time", missed)]
    still = _still_running(state, schedule)
    if still and spec.overlap == "skip":
        return [ScheduleSkipped(schedule.name, due, f"{still} of the time before has not ended", missed)]
    try:
        return _submit(state, schedule, due, ids, missed=missed)[0]
    except Refused as refused:
        return [ScheduleSkipped(schedule.name, due, refused.message[:500], missed)]


def due_of(schedule: Schedule) -> float | None:
    """Return when a schedule is due next; None: never, or not while it is paused."""
    if schedule.is_paused or schedule.is_removed:
        return None
    try:
        return next_due(schedule.spec, schedule.since)
    except TimesUnusable:
        # It was understood when it was added: a zone that this machine does not know.
        return None


def _still_running(state: State, schedule: Schedule) -> str:
    if schedule.job in state.jobs:
        return f"job {schedule.job}"
    if schedule.sweep in state.sweeps:
        return f"sweep {schedule.sweep}"
    if schedule.pipeline is None:
        return ""
    live = any(job.spec.pipeline == schedule.pipeline for job in state.jobs.values()) or any(
        sweep.spec.job.pipeline == schedule.pipeline for sweep in state.sweeps.values()
    )
    return f"pipeline {schedule.pipeline}" if live else ""


def _submit(
    state: State, schedule: Schedule, due: float, ids: Ids, *, by: str | None = None, missed: int = 0
) -> tuple[list[AnyEvent], dict[str, str]]:
    spec, name = schedule.spec, schedule.name
    if spec.job is not None:
        job = spec.job if spec.job.name else replace(spec.job, name=name)
        events, made = decide_request(state, schedule.owner, schedule.owner, Submit(jobs=(job,)), ids)
        fired = ScheduleFired(name, due, job=made["jobs"][0], by=by, missed=missed)
        return [fired, *events], {"job": made["jobs"][0]}
    if spec.pipeline is not None:
        pipeline = spec.pipeline if spec.pipeline.name else replace(spec.pipeline, name=name)
        events, made = decide_request(
            state, schedule.owner, schedule.owner, SubmitPipeline(pipeline=pipeline), ids
        )
        one = str(made["pipeline"])
        return [ScheduleFired(name, due, by=by, missed=missed, pipeline=one), *events], {"pipeline": one}
    assert spec.sweep is not None  # noqa: S101 - one of the three, by `_check`
    sweep = spec.sweep if spec.sweep.name else replace(spec.sweep, name=name)
    events, made = decide_request(state, schedule.owner, schedule.owner, SubmitSweep(sweep=sweep), ids)
    return [ScheduleFired(name, due, sweep=made["sweep"], by=by, missed=missed), *events], made


def _check(state: State, spec: ScheduleSpec, wall: float, submitter: str, ids: Ids) -> None:
    if sum(one is not None for one in (spec.job, spec.sweep, spec.pipeline)) != 1:
        raise Refused("bad_spec", "a schedule has a job, a sweep or a pipeline, one of the three")
    others = sum(not one.is_removed and one.name != spec.name for one in state.schedules.values())
    if others >= SCHEDULES_AT_MOST:
        raise Refused("too_many", f"there are {SCHEDULES_AT_MOST} schedules already: remove one first")
    if any(job.not_before or job.expires for job in jobs_of(spec)):
        raise Refused(
            "bad_spec", "a schedule's job has no not_before and no expires: it is submitted when due"
        )
    if spec.pipeline is not None:
        # As it is submitted: whatever makes no sense shows now.
        submit_pipeline(state, spec.pipeline, submitter, ids, {})
    elif any(parents_of(job) for job in jobs_of(spec)):
        raise Refused("bad_spec", "a schedule's job waits for no other job, and takes nothing from one")
    if spec.sweep is not None:
        check_sweep(spec.sweep)
    elif spec.job is not None:
        check_spec(spec.job)
    size = len(msgspec.json.encode(spec))
    if size > MAX_SCHEDULE_BYTES:
        raise Refused("too_big", f"the schedule has {size} bytes, at most {MAX_SCHEDULE_BYTES}")
    try:
        check_times(spec, wall)
    except TimesUnusable as error:
        raise Refused("bad_spec", str(error)) from None
