"""What follows from a pipeline, and from the wish to go on with one whose steps failed.

Its steps become jobs and sweeps in one decision; from there on each waits for
others as any job does. Names of steps end here: in specs stand ids.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from hq.core.decide.ids import Ids
from hq.core.decide.refused import Refused
from hq.core.decide.waiting import is_id
from hq.core.dependents import Ended
from hq.core.state import Pipeline
from schemas.pipelines import PipelineSpec, Step
from schemas.references import ReferenceUnusable, find_references, map_references, parse_reference
from schemas.specs import JobSpec


class Plan(Struct, frozen=True):
    """The steps to submit, in an order in which each comes after those that it waits for."""

    pipeline: str
    #: Jobs and sweeps to submit, by their ids.
    steps: tuple[tuple[str, Step], ...]
    #: Of all steps, those that are kept from before included.
    ids: dict[str, str]


def plan_pipeline(spec: PipelineSpec, ids: Ids, kept: Mapping[str, str]) -> Plan:
    """Return what to submit, with ids in the place of names.

    Args:
        spec: The pipeline.
        ids: Makes ids.
        kept: Steps that need not be done again, with their ids.

    Raises:
        Refused: If names, references or the order make no sense.
    """
    steps = {step.name: step for step in spec.steps}
    if len(steps) < len(spec.steps):
        names = [step.name for step in spec.steps]
        twice = next(name for name in names if names.count(name) > 1)
        raise Refused("bad_pipeline", f"two steps are called {twice!r}: give each a name of its own")
    parents = {name: _parents_of(step, steps) for name, step in steps.items()}
    order = _ordered(parents)
    pipeline = ids.make("p")
    named = {
        name: kept[name] if name in kept else ids.make("s" if steps[name].sweep is not None else "j")
        for name in order
    }
    submitted = tuple(
        (named[name], _with_ids(steps[name], named, pipeline)) for name in order if name not in kept
    )
    return Plan(pipeline, submitted, {name: named[name] for name in steps})


def choose_kept(pipeline: Pipeline, ends: Mapping[str, Ended]) -> dict[str, str]:
    """Return the steps that succeeded and follow no step that is to be done again.

    Raises:
        Refused: If a step has not ended, or there is nothing to do again.
    """
    steps = {step.name: step for step in pipeline.spec.steps}
    live = [name for name, one in pipeline.steps.items() if one in ends and not ends[one].has_ended]
    if live:
        raise Refused(
            "not_final",
            f"step {live[0]} of pipeline {pipeline.id} has not ended ({pipeline.steps[live[0]]} is "
            f"{ends[pipeline.steps[live[0]]].status}): wait for it, or cancel it first",
        )
    kept: dict[str, str] = {}
    parents = {name: _parents_of(step, steps) for name, step in steps.items()}
    for name in _ordered(parents):
        end = ends.get(pipeline.steps[name])
        if end is not None and end.is_good and all(parent in kept for parent in parents[name]):
            kept[name] = pipeline.steps[name]
    if len(kept) == len(steps):
        raise Refused("nothing_to_retry", f"all steps of pipeline {pipeline.id} succeeded")
    return kept


def _parents_of(step: Step, steps: Mapping[str, Step]) -> tuple[str, ...]:
    """Return the steps that a step waits for."""
    if (step.job is None) == (step.sweep is None):
        raise Refused("bad_pipeline", f"step {step.name!r} needs a job or a sweep, and not both")
    try:
        referred = [one.parent for one in find_references(_job_of(step)).values() if not is_id(one.parent)]
    except ReferenceUnusable as error:
        raise Refused("bad_reference", f"step {step.name!r}: {error}") from None
    parents = tuple(dict.fromkeys((*step.after, *step.after_any, *referred)))
    unknown = [parent for parent in parents if parent not in steps]
    if unknown:
        raise Refused(
            "bad_pipeline",
            f"step {step.name!r} waits for {unknown[0]!r}, which is no step: there are {', '.join(steps)}",
        )
    return parents


def _ordered(parents: Mapping[str, Iterable[str]]) -> list[str]:
    """Return all steps, each after those that it waits for, else in the order in which they were written."""
    order: list[str] = []
    left = dict(parents)
    while left:
        ready = [name for name, waits in left.items() if not any(parent in left for parent in waits)]
        if not ready:
            raise Refused("cycle", f"steps wait for each other in a circle: {' -> '.join(_circle(left))}")
        order += ready
        for name in ready:
            del left[name]
    return order


def _circle(left: Mapping[str, Iterable[str]]) -> list[str]:
    path = [next(iter(left))]
    while True:
        step = next(parent for parent in left[path[-1]] if parent in left)
        if step in path:
            return [*path[path.index(step) :], step]
        path.append(step)


def _job_of(step: Step) -> JobSpec:
    if step.job is not None:
        return step.job
    assert step.sweep is not None  # noqa: S101 - one of the two, as was checked
    return step.sweep.job


def _with_ids(step: Step, named: Mapping[str, str], pipeline: str) -> Step:
    job = _job_of(step)

    def rename(text: str) -> str:
        reference = parse_reference(text)
        there = named.get(reference.parent, reference.parent)
        return f"{reference.scheme}://{there}" + (f"/{reference.path}" if reference.path else "")

    job = replace(
        map_references(job, rename),
        after=(*job.after, *(named[name] for name in step.after)),
        after_any=(*job.after_any, *(named[name] for name in step.after_any)),
        pipeline=pipeline,
    )
    if step.job is not None:
        return replace(step, job=replace(job, name=job.name or step.name))
    assert step.sweep is not None  # noqa: S101
    return replace(step, sweep=replace(step.sweep, job=job, name=step.sweep.name or step.name))


def answer_of(plan: Plan) -> dict[str, Any]:
    """Return what whoever submitted it is told."""
    return {"pipeline": plan.pipeline, "steps": plan.ids}
