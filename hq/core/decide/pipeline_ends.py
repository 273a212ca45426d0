"""What follows from requests to cancel or delete a pipeline, with its steps as they were found stored."""

from collections.abc import Mapping, Sequence

from hq.core.decide.decided import Decided
from hq.core.decide.deletion import MAX_DELETED
from hq.core.decide.refused import Refused
from hq.core.state import Pipeline, State
from schemas.events import AnyEvent, JobCancelled, JobDeleted, PipelineDeleted, SweepCancelled, SweepDeleted


def decide_pipeline_cancel(state: State, pipeline: Pipeline, by: str) -> Decided:
    """Return the events and the answer of a request to cancel all steps that have not ended.

    Raises:
        Refused: If all have ended.
    """
    why = f"pipeline {pipeline.id} was cancelled by {by}"
    events: list[AnyEvent] = []
    cancelled: list[str] = []
    for name, one in pipeline.steps.items():
        if one in state.jobs:
            events.append(JobCancelled(one, by, why))
        elif one in state.sweeps:
            events += [JobCancelled(job, by, why) for job in sorted(state.trials.get(one, ()))]
            events.append(SweepCancelled(one, by, why))
        else:
            continue
        cancelled.append(name)
    if not cancelled:
        raise Refused(
            "already_final", f"all steps of pipeline {pipeline.id} have ended: too late to cancel it"
        )
    return events, {"pipeline": pipeline.id, "cancelled": cancelled}


def decide_pipeline_deletion(
    state: State, pipeline: Pipeline, own: Mapping[str, Sequence[str]], by: str
) -> Decided:
    """Return the events and the answer of a request to delete a pipeline with the steps that are its own.

    Args:
        state: What HQ knows.
        pipeline: Which one.
        own: Its jobs and sweeps as they were found stored, each sweep with its trials' jobs. What it
            kept of the pipeline before it is not among them.
        by: Who asks.

    Raises:
        Refused: If a step has not ended, or there are too many jobs for one decision.
    """
    for name, one in pipeline.steps.items():
        if one in state.jobs or one in state.sweeps:
            raise Refused(
                "not_final", f"step {name} of pipeline {pipeline.id} has not ended ({one}): cancel it first"
            )
    live = next((job for jobs in own.values() for job in jobs if job in state.jobs), None)
    if live is not None:
        raise Refused("not_final", f"trial {live} of pipeline {pipeline.id} has not ended: cancel it first")
    jobs = [one for one in own if one.startswith("j")] + [job for some in own.values() for job in some]
    if len(jobs) > MAX_DELETED:
        raise Refused(
            "too_big", f"pipeline {pipeline.id} has more than {MAX_DELETED} jobs: delete its sweeps first"
        )
    events: list[AnyEvent] = [
        *(JobDeleted(job, by) for job in jobs),
        *(SweepDeleted(one, by) for one in own if one.startswith("s")),
        PipelineDeleted(pipeline.id, by),
    ]
    return events, {"pipeline": pipeline.id, "deleted": list(own)}
