"""Answers about pipelines and their steps."""

from msgspec import Struct


class PipelineStep(Struct, frozen=True, kw_only=True):
    name: str
    #: Of its job or sweep.
    id: str
    kind: str
    status: str
    why: str
    #: Names of steps that have not ended.
    waits_for: tuple[str, ...]
    after: tuple[str, ...]
    claimed_at: float | None
    ended_at: float | None
    agent: str | None = None
    proposed: int | None = None
    succeeded: int | None = None
    best: float | None = None


class PipelineRow(Struct, frozen=True, kw_only=True):
    pipeline: str
    name: str
    submitter: str
    submitted_at: float
    #: running, succeeded or failed.
    status: str
    #: The id of each step by its name.
    steps: dict[str, str]
    retry_of: str | None
    position: int


class PipelineDetail(PipelineRow, frozen=True, kw_only=True):
    steps: tuple[PipelineStep, ...]  # type: ignore[assignment]  # of one, all that is known


class PipelinePage(Struct, frozen=True):
    pipelines: tuple[PipelineRow, ...]
    next: str | None


class PipelineAnswered(Struct, frozen=True):
    """The id of each step by its name, and the log position that this stands at."""

    pipeline: str
    steps: dict[str, str]
    position: int


class PipelineCancelAnswered(Struct, frozen=True):
    """Names of the steps that had not ended."""

    pipeline: str
    cancelled: tuple[str, ...]
    position: int


class PipelineDeleteAnswered(Struct, frozen=True):
    """Ids of the jobs and sweeps that went with it; their trials are not named."""

    pipeline: str
    deleted: tuple[str, ...]
    position: int
