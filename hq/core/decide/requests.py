"""What follows from requests of clients."""

import hashlib
from collections.abc import Mapping
from types import MappingProxyType

import msgspec
from msgspec.structs import replace

from hq.core.decide.decided import Decided
from hq.core.decide.ids import Ids
from hq.core.decide.limits import decide_limit
from hq.core.decide.proposals import decide_proposal
from hq.core.decide.refused import Refused
from hq.core.decide.submissions import submit_jobs, submit_pipeline, submit_sweep
from hq.core.dependents import Ended
from hq.core.state import State
from schemas.events import AnyEvent, Audited, JobCancelled, JobHeld, JobReleased, SweepCancelled
from schemas.requests import (
    Audit,
    Cancel,
    CancelSweep,
    Change,
    Hold,
    Propose,
    Release,
    Request,
    SetLimit,
    Submit,
    SubmitPipeline,
    SubmitSweep,
)
from schemas.states import JobStatus

#: What a retry asks for is not in its message: old specs, which become one decision.
MAX_RETRY_BYTES = 1024 * 1024
#: The only principal that may write into the audit log: it sees who logs in, and hands in for the house.
AUDITOR = "web"


def digest_of(request: Request) -> str:
    """Return what the content of a request is compared by: all but its key."""
    return hashlib.sha256(msgspec.json.encode(replace(request, key=None))).hexdigest()


def decide_request(
    state: State,
    submitter: str,
    client: str,
    request: Change,
    ids: Ids,
    found: Mapping[str, Ended] = MappingProxyType({}),
) -> Decided:
    """Return the events and the answer of a request.

    Args:
        state: What HQ knows.
        submitter: For whom.
        client: Who asks.
        request: What for.
        ids: Makes ids of what is new.
        found: Parents that are not in memory, as they were looked up.

    Raises:
        Refused: With a code and words for whoever asked.
    """
    match request:
        case Submit(jobs=specs):
            return submit_jobs(state, specs, submitter, ids, found)
        case Cancel(jobs=jobs):
            return _on_jobs(state, jobs, submitter, "cancel")
        case Hold(jobs=jobs):
            return _on_jobs(state, jobs, submitter, "hold")
        case Release(jobs=jobs):
            return _on_jobs(state, jobs, submitter, "release")
        case SubmitSweep(sweep=spec):
            return submit_sweep(state, spec, submitter, ids, found)
        case SetLimit():
            return decide_limit(state, submitter, request)
        case SubmitPipeline(pipeline=pipeline):
            return submit_pipeline(state, pipeline, submitter, ids, found)
        case CancelSweep(sweep=sweep):
            return _cancel_sweep(state, sweep, submitter)
        case Audit(note=note):
            _check_auditor(client)
            return [Audited(note, client)], {}
        case Propose():
            return decide_proposal(state, client, request, ids)
        case _:
            raise Refused("not_possible", f"HQ cannot carry out {type(request).__name__} here")


def _check_auditor(client: str) -> None:
    if client != AUDITOR:
        raise Refused("not_allowed", f"{client} may not write into the audit log: only {AUDITOR} does")


def _on_jobs(state: State, jobs: tuple[str, ...], by: str, verb: str) -> Decided:
    """Do it for all jobs or, when one of them cannot, for none."""
    events: list[AnyEvent] = []
    for job_id in dict.fromkeys(jobs):
        job = state.jobs.get(job_id)
        if job is None:
            done = state.finished.get(job_id)
            if done is None:
                raise Refused("unknown_job", f"no live job {job_id}: it never existed or ended long ago")
            raise Refused("already_final", f"job {job_id} is {done.status}: too late to {verb} it")
        if verb == "cancel":
            events.append(JobCancelled(job_id, by))
        elif verb == "hold":
            if job.status is not JobStatus.QUEUED:
                raise Refused("not_queued", f"job {job_id} is {job.status}: only queued jobs can be held")
            events.append(JobHeld(job_id, by))
        else:
            if job.status is not JobStatus.HELD:
                raise Refused("not_held", f"job {job_id} is {job.status}: only held jobs can be released")
            events.append(JobReleased(job_id, by))
    return events, {"jobs": list(dict.fromkeys(jobs))}


def _cancel_sweep(state: State, sweep: str, by: str) -> Decided:
    if sweep not in state.sweeps:
        raise Refused("unknown_sweep", f"no running sweep {sweep}: it never existed or has ended")
    events: list[AnyEvent] = [
        JobCancelled(job, by, f"sweep {sweep} was cancelled by {by}")
        for job in sorted(state.trials.get(sweep, ()))
    ]
    cancelled = len(events)
    events.append(SweepCancelled(sweep, by))
    return events, {"sweep": sweep, "cancelled": cancelled}
