"""What follows from the submission of jobs, of a sweep and of a pipeline."""

from collections.abc import Mapping
from types import MappingProxyType

from msgspec.structs import replace

from hq.core.decide.decided import Decided
from hq.core.decide.ids import Ids
from hq.core.decide.limits import check_within
from hq.core.decide.pipelines import answer_of, plan_pipeline
from hq.core.decide.refused import Refused
from hq.core.decide.specs import check_job, check_sweep
from hq.core.decide.waiting import check_parents, parents_of
from hq.core.dependents import Ended
from hq.core.state import State
from schemas.events import AnyEvent, JobSubmitted, PipelineSubmitted, SweepSubmitted
from schemas.pipelines import PipelineSpec, Step
from schemas.specs import JobSpec, SweepSpec


def submit_jobs(
    state: State, specs: tuple[JobSpec, ...], submitter: str, ids: Ids, found: Mapping[str, Ended]
) -> Decided:
    """Return the events and the answer of new jobs: of all of them or of none.

    Raises:
        Refused: If one of them cannot be submitted.
    """
    events: list[AnyEvent] = []
    jobs: list[str] = []
    for spec in specs:
        check_job(spec)
        check_within(state, spec)
        parents = parents_of(spec)
        if parents:
            check_parents(state, parents, found)
        jobs.append(ids.make("j"))
        events.append(JobSubmitted(jobs[-1], spec, submitter, parents))
    return events, {"jobs": jobs}


def submit_sweep(
    state: State, spec: SweepSpec, submitter: str, ids: Ids, found: Mapping[str, Ended]
) -> Decided:
    """Return the event and the answer of a new sweep.

    Raises:
        Refused: If it cannot be submitted.
    """
    check_sweep(spec)
    check_within(state, spec.job)
    parents = parents_of(spec.job)
    check_parents(state, parents, found)
    sweep = ids.make("s")
    return [SweepSubmitted(sweep, spec, submitter, parents)], {"sweep": sweep}


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
    check_job(replace(step.job, pipeline=None))
    return JobSubmitted(identity, step.job, submitter, parents)
