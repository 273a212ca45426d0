"""What is to be submitted again and again: a cron expression, and a job, a sweep or a pipeline."""

from typing import Annotated, Literal

from msgspec import Meta

from schemas.names import Name
from schemas.pipelines import PipelineSpec
from schemas.specs import JobSpec, SweepSpec
from schemas.strict import Spec


class ScheduleSpec(Spec, frozen=True):
    """A job, a sweep or a pipeline, and when."""

    name: Name
    #: Minute, hour, day of the month, month, day of the week: as Debian's cron has them.
    cron: Annotated[str, Meta(min_length=1, max_length=200)]
    #: One of the three.
    job: JobSpec | None = None
    sweep: SweepSpec | None = None
    #: Of the IANA data base, such as `Europe/Berlin`.
    zone: Annotated[str, Meta(min_length=1, max_length=64)] = "UTC"
    #: While the one of the time before has not ended: leave this one out, or run both.
    overlap: Literal["skip", "allow"] = "skip"
    #: When HQ was away at the time: run once when it is back, however many times passed, or not at all.
    missed: Literal["once", "skip"] = "once"
    pipeline: PipelineSpec | None = None
