"""What the authority wants done: orders to its shell, which does the I/O."""

from typing import Any

from msgspec import Struct

from bus.port import Inbound, Refusal
from bus.topics import Topic
from schemas.messages import Reply
from schemas.spaces import Dimension
from schemas.specs import JobSpec


class Publish(Struct, frozen=True):
    """Publish a message. Everything published is derivable again: losing one costs time only."""

    topic: Topic
    names: dict[str, str]
    data: Any


class Answer(Struct, frozen=True):
    """Answer a request."""

    to: Inbound | Refusal
    reply: Reply


class LookUp(Struct, frozen=True):
    """Read the specs of jobs that are not in memory, then call `Authority.retry`."""

    request: Inbound
    jobs: tuple[str, ...]


class LookUpSweep(Struct, frozen=True):
    """Read whether a sweep has ended and which jobs it had, then call `Authority.found_sweep`."""

    request: Inbound
    sweep: str


class LookUpParents(Struct, frozen=True):
    """Read how jobs and sweeps ended that others wait for, then call `Authority.found_parents` with all."""

    parents: tuple[str, ...]
    #: Who submits what waits for them; None: HQ itself wants to know.
    request: Inbound | None = None
    #: Of a retry, the specs that were looked up before.
    specs: dict[str, JobSpec] | None = None


class LookUpPipeline(Struct, frozen=True):
    """Read a pipeline and how its steps stand, then call `Authority.found_pipeline`."""

    request: Inbound
    pipeline: str


class LookUpLabels(Struct, frozen=True):
    """Read the labels of jobs and sweeps that are not in memory, then call `Authority.found_labels`."""

    request: Inbound
    ids: tuple[str, ...]


class LookUpScript(Struct, frozen=True):
    """Read whether a sweep's script takes these parameters, then call `Authority.found_script`."""

    request: Inbound
    job: JobSpec
    #: What is new of its space.
    space: dict[str, Dimension]


class Wake(Struct, frozen=True):
    """Send a machine that sleeps the packet that wakes it, to each of its network cards."""

    agent: str
    addresses: tuple[str, ...]


class LookUpModel(Struct, frozen=True):
    """Read the job, or the best trial of a sweep, to be a model; then call `Authority.found_model`."""

    request: Inbound
    job: str | None
    sweep: str | None


class LookUpSeries(Struct, frozen=True):
    """Read what a sweep's trials have reported of its metric, then call `Authority.found_series`."""

    request: Inbound
    metric: str


class LookUpPast(Struct, frozen=True):
    """Read a sweep's trials of another time, then call `Authority.found_series`."""

    request: Inbound
    sha256: str


class RecordProgress(Struct, frozen=True):
    """Store what was forwarded: best effort, never awaited."""

    topic: Topic
    agent: str
    data: Any


Output = (
    Publish
    | Answer
    | LookUp
    | LookUpSweep
    | LookUpModel
    | LookUpSeries
    | LookUpPast
    | LookUpParents
    | LookUpLabels
    | LookUpPipeline
    | LookUpScript
    | RecordProgress
    | Wake
)
