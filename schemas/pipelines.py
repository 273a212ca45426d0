"""What a person submits as a pipeline: named steps, each a job or a sweep, that wait for each other.

A step names others by their names, in `after` and in references:
`result://prepare/rows`, `artifact://prepare/table.csv`, `result://search/params/depth`.
"""

from typing import Annotated

from msgspec import Meta

from schemas.names import STEP_PATTERN, ShortText
from schemas.specs import JobSpec, SweepSpec
from schemas.strict import Spec

StepName = Annotated[str, Meta(pattern=STEP_PATTERN, description="Name of a step.")]
StepNames = Annotated[tuple[StepName, ...], Meta(max_length=100)]


class Step(Spec, frozen=True):
    """One step: a job or a sweep, not both."""

    name: StepName
    job: JobSpec | None = None
    sweep: SweepSpec | None = None
    #: Steps that must have succeeded first. What parameters refer to counts too.
    after: StepNames = ()
    #: Steps that must have ended first, however.
    after_any: StepNames = ()


class PipelineSpec(Spec, frozen=True):
    """Steps that are submitted together: all of them or, when one is refused, none."""

    steps: Annotated[tuple[Step, ...], Meta(min_length=1, max_length=100)]
    name: ShortText = ""
