"""What follows from requests about a sweep that runs: pause, resume, change, finish, add trials."""

from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from hq.core.decide.decided import Decided
from hq.core.decide.ids import Ids
from hq.core.decide.proposals import MAX_PROPOSAL_BYTES, describe_trial
from hq.core.decide.refused import Refused
from hq.core.decide.specs import check_sweep
from hq.core.decide.stopping import ASKED, decide_stop
from hq.core.state import State, Sweep
from schemas.events import (
    AnyEvent,
    JobHeld,
    JobReleased,
    JobSubmitted,
    SweepChanged,
    SweepExhausted,
    SweepPaused,
    SweepResumed,
    TrialProposed,
)
from schemas.requests import AddTrials, ChangeSweep, FinishSweep, PauseSweep, ResumeSweep
from schemas.spaces import Dimension, FloatRange, IntRange
from schemas.states import JobStatus, SweepStatus

Control = PauseSweep | ResumeSweep | ChangeSweep | FinishSweep | AddTrials
CONTROLS: tuple[type[Any], ...] = Control.__args__


class FoundScript(Struct, frozen=True):
    """What a sweep's script would not take of another space, as it was looked up."""

    problems: tuple[str, ...]


def find_new(state: State, request: ChangeSweep) -> dict[str, Dimension]:
    """Return what of another space the script has not been given yet, if it is to be looked up."""
    sweep = state.sweeps.get(request.sweep)
    if sweep is None or request.space is None or request.force or sweep.spec.job.asked:
        return {}
    known = sweep.spec.space.keys() | sweep.spec.job.params.keys()
    return {name: dimension for name, dimension in request.space.items() if name not in known}


def check_script(found: object) -> None:
    """Return if nothing was found that a sweep's script would not take.

    Raises:
        Refused: Naming each such parameter.
    """
    if isinstance(found, FoundScript) and found.problems:
        said = " ".join(found.problems)
        raise Refused(
            "bad_space",
            f"the script would not take this. {said} Nothing was changed; `force` takes it as it is",
        )


def decide_control(state: State, submitter: str, request: Control, ids: Ids) -> Decided:
    """Return the events and the answer of a request about a sweep.

    Raises:
        Refused: If the sweep has ended, or does not stand as the request wants it.
    """
    sweep = state.sweeps.get(request.sweep)
    if sweep is None:
        raise Refused(
            "unknown_sweep",
            f"no sweep {request.sweep} that has not ended: submit another one to go on from its results",
        )
    match request:
        case PauseSweep():
            events = _pause(state, sweep, submitter)
        case ResumeSweep():
            events = _resume(state, sweep, submitter)
        case ChangeSweep():
            events = _change(sweep, request, submitter)
        case FinishSweep(live=live):
            if sweep.rule:
                raise Refused("already_stopped", f"sweep {sweep.id} was stopped: {sweep.why}")
            events = decide_stop(state, sweep, ASKED, f"finished by {submitter}", live, submitter)
        case AddTrials():
            return _add(sweep, request, submitter, ids)
    return events, {"sweep": sweep.id}


def holder_of(sweep: Sweep) -> str:
    """Return the name under which trials of a paused sweep are held: told apart from what people hold."""
    return sweep.id


def _pause(state: State, sweep: Sweep, by: str) -> list[AnyEvent]:
    _refuse_stopped(sweep, "pause")
    if sweep.status is SweepStatus.PAUSED:
        raise Refused("already_paused", f"sweep {sweep.id} is paused already")
    events: list[AnyEvent] = [SweepPaused(sweep.id, by)]
    for name in sorted(state.trials.get(sweep.id, ())):
        if state.jobs[name].status is JobStatus.QUEUED:
            events.append(JobHeld(name, holder_of(sweep)))
    return events


def _resume(state: State, sweep: Sweep, by: str) -> list[AnyEvent]:
    if sweep.status is not SweepStatus.PAUSED:
        raise Refused("not_paused", f"sweep {sweep.id} is {sweep.status}: there is nothing to resume")
    events: list[AnyEvent] = [SweepResumed(sweep.id, by)]
    for name in sorted(state.trials.get(sweep.id, ())):
        job = state.jobs[name]
        if job.status is JobStatus.HELD and job.why == f"held by {holder_of(sweep)}":
            events.append(JobReleased(name, by))
    return events


def _change(sweep: Sweep, request: ChangeSweep, by: str) -> list[AnyEvent]:
    _refuse_stopped(sweep, "change")
    spec = sweep.spec
    wanted = {
        name: value
        for name in ("trials", "parallel", "space", "stop")
        if (value := getattr(request, name)) is not None
    }
    if not wanted:
        raise Refused("nothing_to_change", "name at least one of trials, parallel, space and stop")
    if request.space is not None and spec.sampler == "grid":
        raise Refused(
            "bad_space",
            "a grid goes through its space in order, so it cannot be changed on the way: "
            "submit another sweep, or add single trials",
        )
    chosen = sweep.proposed - sweep.added
    if request.trials is not None and request.trials < chosen:
        raise Refused(
            "too_few", f"sweep {sweep.id} has {chosen} trials already: finish it to have no more of them"
        )
    check_sweep(replace(spec, **wanted, job=replace(spec.job, pipeline=None)))
    events: list[AnyEvent] = [SweepChanged(sweep.id, by, **wanted)]
    trials = request.trials or spec.trials
    if chosen >= trials:
        events.append(SweepExhausted(sweep.id, sweep.proposed))
    return events


def _add(sweep: Sweep, request: AddTrials, by: str, ids: Ids) -> Decided:
    _refuse_stopped(sweep, "add trials to")
    if sweep.waits_for:
        raise Refused("not_begun", f"sweep {sweep.id} {sweep.why}: add trials when it has begun")
    if sweep.spec.sampler == "pbt":
        raise Refused(
            "not_possible",
            "a population has its own members only: begin it with this trial, as one of `tries`",
        )
    size = len(msgspec.json.encode(request.trials))
    if size > MAX_PROPOSAL_BYTES:
        raise Refused(
            "too_big", f"the trials have {size} bytes, at most {MAX_PROPOSAL_BYTES}: add fewer at once"
        )
    events: list[AnyEvent] = []
    jobs: list[str] = []
    for trial, params in enumerate(request.trials, start=sweep.proposed):
        _check_params(sweep, params)
        jobs.append(ids.make("j"))
        events.append(TrialProposed(sweep.id, trial, jobs[-1], params, by))
        events.append(JobSubmitted(jobs[-1], describe_trial(sweep, trial, params), sweep.submitter))
        if sweep.status is SweepStatus.PAUSED:
            events.append(JobHeld(jobs[-1], holder_of(sweep)))
    return events, {"sweep": sweep.id, "jobs": jobs, "first": sweep.proposed}


def _check_params(sweep: Sweep, params: dict[str, Any]) -> None:
    """Check that a trial added by hand gives the script what the others do; values may be outside."""
    unknown = sorted(params.keys() - sweep.spec.space.keys() - sweep.spec.job.params.keys())
    if unknown:
        known = ", ".join(sorted({*sweep.spec.space, *sweep.spec.job.params}))
        raise Refused("bad_params", f"this sweep has no parameter {', '.join(unknown)}, it has {known}")
    missing = sorted(sweep.spec.space.keys() - params.keys())
    if missing:
        raise Refused("bad_params", f"give a value for {', '.join(missing)} too")
    for name, dimension in sweep.spec.space.items():
        value = params[name]
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if isinstance(dimension, IntRange | FloatRange) and value is not None and not is_number:
            raise Refused("bad_params", f"{name} is a number in this sweep, and cannot be {value!r:.100}")


def _refuse_stopped(sweep: Sweep, verb: str) -> None:
    if sweep.rule:
        raise Refused(
            "already_stopped",
            f"too late to {verb} sweep {sweep.id}: it was stopped, {sweep.why or sweep.rule}",
        )
