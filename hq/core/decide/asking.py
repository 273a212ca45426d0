"""What follows when a loop of its own asks for a trial, tells what came of it, or says nothing for too long.

Such a trial is a job that no machine runs. Who asks for it holds it as a machine
holds a job: with a token, and a late word counts while the job has not ended.

    asked --> JobClaimed --> told --> JobSucceeded, JobFailed, JobPruned
                 '--> silent --> AttemptLost --> may be asked for again
"""

import hashlib
import math
from collections.abc import Callable
from typing import Any

import msgspec

from hq.core.decide.attempts import decide_result
from hq.core.decide.decided import Decided
from hq.core.decide.pruning import decide_pruned
from hq.core.decide.refused import Refused
from hq.core.decide.specs import MAX_SPEC_BYTES
from hq.core.leases import AttemptKey
from hq.core.state import Attempt, Job, State, Sweep
from schemas.asking import TELL_SECONDS
from schemas.events import (
    AnyEvent,
    AttemptFailed,
    AttemptLost,
    Event,
    JobClaimed,
    JobEvent,
    JobFailed,
    JobPruned,
    JobSucceeded,
    PruneDecided,
)
from schemas.facts import AttemptResult, Failure
from schemas.objectives import objectives_of, weigh
from schemas.requests import AskTrial, TellTrial
from schemas.states import JobStatus, Outcome, SweepStatus

#: Whoever asks is no machine, and starts only once.
_BOOT = 1
_OUTCOMES = {"succeeded": Outcome.SUCCEEDED, "failed": Outcome.FAILED, "pruned": Outcome.SUCCEEDED}
#: How the trial stands after each event that a word may lead to.
_STATES: dict[type[Event], str] = {
    JobSucceeded: "succeeded",
    JobFailed: "failed",
    JobPruned: "pruned",
    AttemptFailed: "queued",
}


def decide_ask(state: State, by: str, request: AskTrial, give_token: Callable[[Job], int]) -> Decided:
    """Return the event that gives a trial to whoever asks, and the answer; no event where there is none now.

    Raises:
        Refused: If no trial of that sweep can be asked for, or too many are out already.
    """
    sweep = _asked_sweep(state, request.sweep)
    live = [state.jobs[name] for name in state.trials.get(sweep.id, ())]
    waiting = [job for job in live if job.status is JobStatus.QUEUED]
    if sweep.status is SweepStatus.PAUSED or (not waiting and not sweep.exhausted):
        if len(live) >= sweep.spec.parallel and sweep.status is not SweepStatus.PAUSED:
            raise Refused(
                "too_many_asked",
                f"{len(live)} trials of sweep {sweep.id} are out and its parallel is {sweep.spec.parallel}: "
                f"tell what came of one first, or raise parallel",
            )
        return [], {"sweep": sweep.id, "state": "wait", "why": sweep.why}
    if not waiting:
        return [], {"sweep": sweep.id, "state": "none_left", "why": sweep.why}
    job = min(waiting, key=lambda one: one.order)
    try:
        token = give_token(job)
    except ValueError as error:
        raise Refused("unavailable", str(error)) from None
    nonce = hashlib.sha256(f"{job.id}/{token}".encode()).hexdigest()[:32]
    answer = {
        "sweep": sweep.id,
        "state": "taken",
        "trial": job.spec.trial,
        "job": job.id,
        "token": token,
        "params": job.spec.params,
        "seconds": job.spec.limits.wall_seconds or TELL_SECONDS,
    }
    return [JobClaimed(job.id, token, by, _BOOT, nonce)], answer


def decide_tell(state: State, by: str, request: TellTrial, wall: float) -> Decided:
    """Return the events and the answer of a word about what came of a trial.

    Raises:
        Refused: If the trial is not out with whoever tells, or what is told does not fit the sweep.
    """
    job, attempt = _find_attempt(state, by, request.sweep, request.trial, request.token)
    if (job.id, attempt.token) in state.reported:
        raise Refused("already_told", f"what came of trial {request.trial} then was told already")
    result = _build_result(state.sweeps[request.sweep], request, job, attempt, wall)
    if request.state != "succeeded" and (job.status is not JobStatus.RUNNING or attempt.token != job.token):
        # Only a success counts however late it comes: this trial may be out with somebody else by now.
        raise Refused("stale", f"trial {request.trial} is not out any more: it was silent for too long")
    event: JobEvent | None = decide_pruned(job, result)
    events: list[AnyEvent] = []
    if request.state == "pruned" and event is None:
        why = request.why or "its loop ended it early"
        step = max((int(point.step) for point in request.points if point.step is not None), default=None)
        step = None if step is None or step < 0 else step
        events = [PruneDecided(job.id, job.token, why, step)]
        event = JobPruned(job.id, why, step, job.token, result)
    elif event is None:
        event, _ = decide_result(state, attempt.agent, result)
    if event is None:
        raise Refused("already_told", f"what came of trial {request.trial} was told already")
    answer = {"sweep": request.sweep, "trial": request.trial, "job": job.id, "state": _STATES[type(event)]}
    return [*events, event], answer


def decide_silence(state: State, key: AttemptKey) -> AttemptLost:
    """Return the loss of a trial of which nothing was told for too long: it may be asked for again."""
    job = state.jobs[key[0]]
    attempt = job.attempt(key[1])
    agent = attempt.agent if attempt is not None else job.agent or ""
    seconds = job.spec.limits.wall_seconds or TELL_SECONDS
    return AttemptLost(job.id, key[1], agent, f"{agent} said nothing of it for {seconds:g} s", 0)


def find_asked(state: State, by: str, sweep: str, trial: int, token: int) -> Job:
    """Return the job of a trial that is out with whoever reports of it.

    Raises:
        Refused: If it is not.
    """
    job, attempt = _find_attempt(state, by, sweep, trial, token)
    if job.status is not JobStatus.RUNNING or attempt.token != job.token:
        raise Refused(
            "stale", f"trial {trial} is not out with you any more: nothing was said of it for too long"
        )
    return job


def _asked_sweep(state: State, name: str) -> Sweep:
    sweep = state.sweeps.get(name)
    if sweep is None:
        raise Refused("unknown_sweep", f"no sweep {name} that has not ended")
    if not sweep.spec.job.asked:
        raise Refused(
            "not_asked",
            f"machines run the trials of sweep {name}: ask for those of a sweep whose job is `asked`",
        )
    return sweep


def _find_attempt(state: State, by: str, name: str, trial: int, token: int | None) -> tuple[Job, Attempt]:
    sweep = _asked_sweep(state, name)
    if trial >= sweep.proposed:
        raise Refused("unknown_trial", f"sweep {name} has no trial {trial}: it has {sweep.proposed} so far")
    found = [state.jobs[one] for one in state.trials.get(name, ()) if state.jobs[one].spec.trial == trial]
    if not found:
        history = state.histories.get(name)
        ends = [] if history is None else [end for end in history.ends if end.trial == trial]
        stands = f"is {ends[-1].status}" if ends else "has ended"
        raise Refused("already_told", f"trial {trial} of sweep {name} {stands}: nothing was changed")
    job = found[0]
    attempt = job.attempt(job.token if token is None else token)
    if attempt is None:
        raise Refused("not_out", f"nobody has asked for trial {trial} of sweep {name} like this: ask first")
    if attempt.agent != by:
        raise Refused("not_yours", f"{attempt.agent} has asked for trial {trial}, so {by} cannot tell of it")
    return job, attempt


def _build_result(sweep: Sweep, request: TellTrial, job: Job, attempt: Attempt, wall: float) -> AttemptResult:
    content = _build_content(sweep, request)
    failure = None
    if request.state == "failed":
        failure = Failure("told", request.why or "its loop told that it failed")
    result = AttemptResult(
        job.id,
        attempt.token,
        _OUTCOMES[request.state],
        result=content or None,
        failure=failure,
        series=request.points,
        started_at=attempt.claimed_at,
        ended_at=wall,
        duration_seconds=max(0.0, wall - attempt.claimed_at),
    )
    size = len(msgspec.json.encode(result))
    if size > MAX_SPEC_BYTES:
        raise Refused(
            "too_big", f"what was told has {size} bytes, at most {MAX_SPEC_BYTES}: report fewer points"
        )
    return result


def _build_content(sweep: Sweep, request: TellTrial) -> dict[str, Any]:
    objectives = objectives_of(sweep.spec)
    if request.state != "succeeded":
        if request.values:
            raise Refused("bad_values", f"a trial that is {request.state} has no values: leave them out")
        return dict(request.result)
    if len(request.values) != len(objectives):
        names = ", ".join(one.metric for one in objectives)
        raise Refused(
            "bad_values",
            f"{len(request.values)} values were told, but there are {len(objectives)} objectives ({names})",
        )
    if not all(map(math.isfinite, request.values)):
        raise Refused("bad_values", "a value is not a finite number: tell that the trial failed instead")
    told = {one.metric: value for one, value in zip(objectives, request.values, strict=True)}
    content = {**request.result, **told}
    if why := weigh(sweep.spec, content).why:
        raise Refused("bad_values", f"{why}: give it with `result`")
    return content
