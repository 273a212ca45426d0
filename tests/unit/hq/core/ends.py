"""How jobs and sweeps ended, from a log in memory: what the look-up reads from the read models."""

from collections.abc import Iterable

from hq.core.decide.labels import FoundLabels, Labels, labels_of
from hq.core.dependents import Ended, FoundPipeline, end_of_job, end_of_sweep
from hq.core.evolve import apply
from hq.core.state import Deleted, Job, Pipeline, Relabelled, State, StoredResult, Sweep
from schemas.events import (
    Decision,
    JobDeleted,
    JobSubmitted,
    PipelineDeleted,
    PipelineSubmitted,
    SweepSubmitted,
)


def labels_in(decisions: Iterable[Decision], wanted: Iterable[str]) -> FoundLabels:
    """Return the labels of those jobs and sweeps that there are."""
    state = State()
    found: dict[str, Labels] = {}
    for decision in decisions:
        for change in apply(state, decision):
            if isinstance(change, Job | Sweep):
                found[change.id] = labels_of(change)
            elif isinstance(change, Relabelled):
                found[change.id] = Labels(change.project, change.tags, change.note)
            elif isinstance(change, Deleted):
                found.pop(change.id, None)
    return FoundLabels({one: found[one] for one in wanted if one in found})


def pipeline_in(decisions: Iterable[Decision], name: str) -> FoundPipeline:
    """Return a pipeline, how its steps stand and which of them are its own."""
    kept = list(decisions)
    found: PipelineSubmitted | None = None
    own: dict[str, tuple[str, ...]] = {}
    for event in (event for decision in kept for event in decision.events):
        match event:
            case PipelineSubmitted(pipeline=pipeline) if pipeline == name:
                found = event
            case PipelineDeleted(pipeline=pipeline) if pipeline == name:
                found = None
            case JobSubmitted(job=job, spec=spec) if spec.sweep in own:
                own[spec.sweep] += (job,)  # type: ignore[index]
            case JobSubmitted(job=job, spec=spec) if spec.pipeline == name:
                own[job] = ()
            case SweepSubmitted(sweep=sweep, spec=swept) if swept.job.pipeline == name:
                own[sweep] = ()
            case JobDeleted(job=job):
                own.pop(job, None)
    if found is None:
        return FoundPipeline(None, {})
    pipeline_found = Pipeline(
        id=name,
        spec=found.spec,
        submitter=found.submitter,
        steps=found.steps,
        position=1,
        submitted_at=0,
        retry_of=found.retry_of,
    )
    return FoundPipeline(pipeline_found, ends_in(kept, found.steps.values()), own)


def ends_in(decisions: Iterable[Decision], parents: Iterable[str]) -> dict[str, Ended]:
    """Return how those of the parents stand that there are."""
    state = State()
    jobs: dict[str, Job] = {}
    sweeps: dict[str, Sweep] = {}
    results: dict[str, StoredResult] = {}
    for decision in decisions:
        for change in apply(state, decision):
            match change:
                case Job(id=name):
                    jobs[name] = change
                case Sweep(id=name):
                    sweeps[name] = change
                case StoredResult(verdict="accepted", job=name):
                    results[name] = change
    ends: dict[str, Ended] = {}
    for parent in parents:
        if parent in jobs:
            result = results.get(parent)
            ends[parent] = end_of_job(jobs[parent], result.result if result else None)
        elif parent in sweeps:
            sweep = sweeps[parent]
            found = (j for j in jobs.values() if j.spec.sweep == parent and j.spec.trial == sweep.best_trial)
            best = next(found, None)
            ends[parent] = end_of_sweep(sweep, best.id if best else None, best.spec.params if best else None)
    return ends
