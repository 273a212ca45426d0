"""What follows from requests of clients."""

import hashlib
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec.structs import replace

from hq.core.decide.arguments import why_not_signed, why_space_not_signed
from hq.core.decide.early import why_not_early
from hq.core.decide.ids import Ids as Ids
from hq.core.decide.limits import check_within, decide_limit
from hq.core.decide.lineages import trace_lineages, why_no_lineage
from hq.core.decide.pipelines import answer_of, plan_pipeline
from hq.core.decide.refused import Refused as Refused
from hq.core.decide.waiting import check_parents, parents_of, specs_in
from hq.core.dependents import Ended
from hq.core.state import State, Sweep
from schemas.calls import CALL_ENTRY
from schemas.events import (
    AnyEvent,
    Audited,
    JobCancelled,
    JobHeld,
    JobReleased,
    JobSubmitted,
    PipelineSubmitted,
    SweepCancelled,
    SweepExhausted,
    SweepStuck,
    SweepSubmitted,
    TrialProposed,
)
from schemas.objectives import objectives_of
from schemas.paths import is_path_below
from schemas.pipelines import PipelineSpec, Step
from schemas.requests import (
    AddSchedule,
    Audit,
    Cancel,
    CancelSweep,
    Change,
    DeployService,
    Hold,
    Propose,
    Release,
    Request,
    SetLimit,
    Submit,
    SubmitPipeline,
    SubmitSweep,
)
from schemas.schedules import ScheduleSpec
from schemas.searches import MAX_SEARCH_BYTES, SearchError, check_search
from schemas.spaces import SpaceError
from schemas.specs import JobSpec, SweepSpec
from schemas.states import JobStatus, SweepStatus

#: A grant carries the whole spec in one message.
MAX_SPEC_BYTES = 200 * 1024
#: Some hundred trials, each with its own copy of the spec, must fit one decision.
MAX_SWEEP_JOB_BYTES = 4 * 1024
MAX_SPACE_BYTES = 128 * 1024
MAX_PROPOSAL_BYTES = 128 * 1024
MAX_PROPOSED = 200
#: What a retry asks for is not in its message: old specs, which become one decision.
MAX_RETRY_BYTES = 1024 * 1024
#: The only principal that may submit trials.
SEARCH = "search"
#: The only principal that may write into the audit log: it sees who logs in, and hands in for the house.
AUDITOR = "web"


Decided = tuple[list[AnyEvent], dict[str, Any]]


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
            return _submit(state, specs, submitter, ids, found)
        case Cancel(jobs=jobs):
            return _on_jobs(state, jobs, submitter, "cancel")
        case Hold(jobs=jobs):
            return _on_jobs(state, jobs, submitter, "hold")
        case Release(jobs=jobs):
            return _on_jobs(state, jobs, submitter, "release")
        case SubmitSweep(sweep=spec):
            check_sweep(spec)
            check_within(state, spec.job)
            parents = parents_of(spec.job)
            check_parents(state, parents, found)
            sweep = ids.make("s")
            return [SweepSubmitted(sweep, spec, submitter, parents)], {"sweep": sweep}
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
            return _propose(state, client, request, ids)
        case _:
            raise Refused("not_possible", f"HQ cannot carry out {type(request).__name__} here")


def _check_auditor(client: str) -> None:
    if client != AUDITOR:
        raise Refused("not_allowed", f"{client} may not write into the audit log: only {AUDITOR} does")


def jobs_of(schedule: ScheduleSpec) -> tuple[JobSpec, ...]:
    """Return the jobs that a schedule submits, those of sweeps and steps included."""
    steps = schedule.pipeline.steps if schedule.pipeline is not None else ()
    all_of: tuple[ScheduleSpec | Step, ...] = (schedule, *steps)
    jobs = (one.job if one.sweep is None else one.sweep.job for one in all_of)
    return tuple(job for job in jobs if job is not None)


def check_secrets(request: Change, read_known: Callable[[], Collection[str]]) -> None:
    """Check that there are the secrets that a request's jobs ask for, as long as it can be put right.

    Raises:
        Refused: Naming those that there are not.
    """
    specs = specs_in(request)
    if isinstance(request, DeployService):
        specs = (request.service.job,)
    if isinstance(request, AddSchedule):
        schedule = request.schedule
        specs = jobs_of(schedule)
    asked = {name for spec in specs for name in spec.secrets}
    if not asked:
        return
    missing = sorted(asked.difference(read_known()))
    if missing:
        names = ", ".join(missing)
        raise Refused(
            "unknown_secret",
            f"there is no secret {names}: `idlehands secret set NAME` on the HQ host keeps one",
        )


def _submit(
    state: State, specs: tuple[JobSpec, ...], submitter: str, ids: Ids, found: Mapping[str, Ended]
) -> Decided:
    events: list[AnyEvent] = []
    jobs: list[str] = []
    for spec in specs:
        _check_job(spec)
        check_within(state, spec)
        parents = parents_of(spec)
        if parents:
            check_parents(state, parents, found)
        jobs.append(ids.make("j"))
        events.append(JobSubmitted(jobs[-1], spec, submitter, parents))
    return events, {"jobs": jobs}


def submit_pipeline(
    state: State,
    spec: PipelineSpec,
    submitter: str,
    ids: Ids,
    found: Mapping[str, Ended],
    *,
    kept: Mapping[str, str] = MappingProxyType({}),
    retry_of: str | None = None,
) -> Decided:
    """Return the events and the answer of a pipeline: all of its steps, but those that are kept.

    Raises:
        Refused: Naming the step, if one of them cannot be submitted or the order makes no sense.
    """
    plan = plan_pipeline(spec, ids, kept)
    own = set(plan.ids.values())
    events: list[AnyEvent] = []
    for identity, step in plan.steps:
        try:
            events.append(_submit_step(state, identity, step, submitter, found, own))
        except Refused as refused:
            raise Refused(refused.code, f"step {step.name!r}: {refused.message}") from None
    events.append(PipelineSubmitted(plan.pipeline, spec, submitter, plan.ids, retry_of))
    return events, answer_of(plan)


def _submit_step(
    state: State, identity: str, step: Step, submitter: str, found: Mapping[str, Ended], own: set[str]
) -> AnyEvent:
    job = step.job if step.job is not None else step.sweep.job if step.sweep is not None else None
    parents = parents_of(job) if job is not None else ()
    if job is not None:
        check_within(state, job)
    check_parents(state, (parent for parent in parents if parent not in own), found)
    if step.sweep is not None:
        check_sweep(replace(step.sweep, job=replace(step.sweep.job, pipeline=None)))
        return SweepSubmitted(identity, step.sweep, submitter, parents)
    assert step.job is not None  # noqa: S101 - a plan has no step with neither
    _check_job(replace(step.job, pipeline=None))
    return JobSubmitted(identity, step.job, submitter, parents)


def _check_job(spec: JobSpec) -> None:
    check_spec(spec)
    if why := why_not_signed(spec):
        raise Refused("bad_spec", f"the script cannot be run like this: {why}")


def check_spec(spec: JobSpec) -> None:
    """Return if a job can be run like this.

    Raises:
        Refused: If it cannot.
    """
    if spec.asked:
        raise Refused("bad_spec", "asked is for sweeps: nobody could ask for a job that is in none")
    if spec.lineage is not None:
        raise Refused("bad_spec", "lineage is set by HQ: submit a sweep with the sampler pbt instead")
    if spec.serves is not None:
        raise Refused("bad_spec", "serves is set by HQ: deploy a service instead")
    if spec.pipeline is not None:
        raise Refused("bad_spec", "pipeline is set by HQ: submit a pipeline instead")
    if spec.sweep is not None or spec.trial is not None:
        raise Refused("bad_spec", "sweep and trial are set by HQ: submit a sweep instead")
    entry = spec.script.entry
    parts = entry.split("/")
    # A colon is a drive or a stream on Windows; what cannot be seen lies about what is run.
    if {"", ".", ".."} & set(parts) or parts[0] == ".idlehands" or set("\\:") & set(entry):
        raise Refused("bad_spec", f"entry {entry!r} must be a path inside the bundle, such as src/train.py")
    if not entry.isprintable():
        raise Refused("bad_spec", f"entry {entry!r} must be a path inside the bundle, of visible characters")
    if parts[-1] == CALL_ENTRY and spec.script.signature is None:
        # It runs whatever its parameters say: the house's own word for it would be one for everything.
        raise Refused(
            "unsigned_call",
            "a pickled call is run on its author's word only: sign it with an author's key, as the Python "
            "client does",
        )
    for glob in spec.artifacts:
        if not is_path_below(glob):
            raise Refused(
                "bad_spec", f"artifacts: {glob!r} must be a glob below the script, such as out/*.png"
            )
    size = len(msgspec.json.encode(spec))
    if size > MAX_SPEC_BYTES:
        raise Refused("too_big", f"the spec has {size} bytes, at most {MAX_SPEC_BYTES}: send data as a blob")


def check_sweep(spec: SweepSpec) -> None:
    """Check what types alone do not say of a sweep.

    Raises:
        Refused: With what is wrong and how it would be right.
    """
    check_spec(replace(spec.job, asked=False))
    if spec.job.asked and not objectives_of(spec):
        raise Refused("bad_spec", "a loop that tells values needs a metric or objectives: name them")
    if why := why_not_early(spec):
        raise Refused("bad_spec", why)
    space = len(msgspec.json.encode(spec.space))
    if space > MAX_SPACE_BYTES:
        raise Refused("too_big", f"the space has {space} bytes, at most {MAX_SPACE_BYTES}")
    size = len(msgspec.json.encode(spec.job))
    if size > MAX_SWEEP_JOB_BYTES:
        raise Refused("too_big", f"a sweep's job has {size} bytes, at most {MAX_SWEEP_JOB_BYTES}")
    search = len(msgspec.json.encode((spec.tries, spec.past)))
    if search > MAX_SEARCH_BYTES:
        raise Refused(
            "too_big", f"tries and past have {search} bytes, at most {MAX_SEARCH_BYTES}: leave some out"
        )
    if why := why_space_not_signed(spec):
        raise Refused("bad_spec", f"the script cannot be run like this: {why}")
    try:
        check_search(spec)
    except SpaceError as error:
        raise Refused("bad_space", str(error)) from None
    except SearchError as error:
        raise Refused("bad_spec", str(error)) from None


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


def _propose(state: State, client: str, request: Propose, ids: Ids) -> Decided:
    if client != SEARCH:
        raise Refused("not_allowed", "only the search process proposes trials")
    sweep = state.sweeps.get(request.sweep)
    if sweep is None:
        raise Refused("unknown_sweep", f"sweep {request.sweep} has ended or never existed")
    if request.first != sweep.proposed or sweep.exhausted:
        # The search process saw an older position: it reads again and asks anew.
        raise Refused("stale", f"sweep {sweep.id} stands at trial {sweep.proposed}, not {request.first}")
    if sweep.status is SweepStatus.PAUSED or sweep.waits_for or request.changes != sweep.changes:
        raise Refused("stale", f"sweep {sweep.id} waits for others, or was paused or changed meanwhile")
    if sweep.proposed - sweep.added + len(request.trials) > sweep.spec.trials:
        raise Refused("too_many", f"sweep {sweep.id} has {sweep.spec.trials} trials in all")
    size = len(msgspec.json.encode(request.trials))
    if len(request.trials) > MAX_PROPOSED or size > MAX_PROPOSAL_BYTES:
        raise Refused(
            "too_big", f"propose at most {MAX_PROPOSED} trials in {MAX_PROPOSAL_BYTES} bytes at once"
        )
    if why := why_no_lineage(state, sweep, request):
        raise Refused("bad_descents", why)
    lineages = trace_lineages(state, sweep, request)
    events: list[AnyEvent] = []
    jobs: list[str] = []
    if request.why and not request.trials and request.why != sweep.why:
        events.append(SweepStuck(sweep.id, request.why))
    for trial, params in enumerate(request.trials, start=request.first):
        jobs.append(ids.make("j"))
        index = trial - request.first
        descent = request.descents[index] if request.descents else None
        spec = describe_trial(sweep, trial, params)
        if lineages:
            spec = replace(spec, lineage=lineages[index])
        events.append(TrialProposed(sweep.id, trial, jobs[-1], params, descent=descent))
        events.append(JobSubmitted(jobs[-1], spec, sweep.submitter))
    total = sweep.proposed + len(request.trials)
    if request.exhausted or total - sweep.added >= sweep.spec.trials:
        events.append(SweepExhausted(sweep.id, total))
    return events, {"sweep": sweep.id, "jobs": jobs}


def describe_trial(sweep: Sweep, trial: int, params: dict[str, Any]) -> JobSpec:
    """Return the job of one trial."""
    return replace(
        sweep.spec.job,
        params={**sweep.spec.job.params, **params},
        sweep=sweep.id,
        trial=trial,
        after=(),
        after_any=(),
        name=sweep.spec.job.name or f"{sweep.spec.name or sweep.id} {trial}"[:200],
    )
