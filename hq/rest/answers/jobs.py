"""Answers about jobs, their results and the log: as JSON has them."""

from typing import Any

from msgspec import Struct

from hq.core.state import Job, StoredResult
from schemas.audit import AuditNote
from schemas.events import AnyEvent
from schemas.facts import AttemptResult


class ResultRow(StoredResult, frozen=True, kw_only=True):
    """A result of an attempt; of a list without its series."""

    result: AttemptResult
    #: In lists: succeeded, failed, or pruned for what its sweep ended early.
    outcome: str | None = None


class JobRow(Job, frozen=True, kw_only=True):
    """A job as lists have it: its attempts are on its own page."""


class JobDetail(Job, frozen=True, kw_only=True):
    """A job with its attempts and all their results, superseded ones included."""

    results: tuple[ResultRow, ...]


class JobPage(Struct, frozen=True):
    jobs: tuple[JobRow, ...]
    next: str | None


class JobsChanged(Struct, frozen=True):
    """Which jobs were changed or made, and the log position that this stands at."""

    jobs: tuple[str, ...]
    position: int


class LabelsChanged(Struct, frozen=True):
    """What has other labels now, and the log position that this stands at."""

    ids: tuple[str, ...]
    position: int


class LogPiece(Struct, frozen=True):
    token: int
    seq: int
    lines: tuple[str, ...]
    stream: str = "stdout"
    agent: str = ""
    #: Unix seconds.
    stored: float = 0


class LogPage(Struct, frozen=True):
    job: str
    logs: tuple[LogPiece, ...]
    #: Also when nothing follows yet: asked again with it, it follows the log.
    next: str | None


class Point(Struct, frozen=True):
    seq: int
    at: float
    metrics: dict[str, float | None] = {}
    step: float | None = None
    number: int | None = None
    agent: str = ""
    stored: float = 0


class Points(Struct, frozen=True):
    job: str
    #: Of the attempt; None when none has reported any.
    token: int | None
    points: tuple[Point, ...]
    next: int | None


class Why(Struct, frozen=True):
    job: str
    status: str | None
    why: str


class ResultPage(Struct, frozen=True):
    results: tuple[ResultRow, ...]
    #: How it is sorted.
    sort: str
    next: str | None


class EventRow(Struct, frozen=True):
    position: int
    index: int
    epoch: int
    at: float
    event: AnyEvent


class EventPage(Struct, frozen=True):
    events: tuple[EventRow, ...]
    #: Where to go on, also when nothing follows yet.
    next: str | None


class AuditRow(AuditNote, frozen=True, kw_only=True):
    """A note of the audit log."""

    by: str
    noted_at: float
    position: int


class AuditPage(Struct, frozen=True):
    entries: tuple[AuditRow, ...]
    next: str | None


class Analysis(Struct, frozen=True, kw_only=True):
    """What the trials of a sweep say; the rest depends on the kind."""

    #: What is searched for.
    goals: tuple[dict[str, Any], ...]
    #: Their names, or what is told of each.
    params: tuple[Any, ...]
    #: How many, or what is told of each.
    trials: int | tuple[Any, ...]


class Importance(Struct, frozen=True, kw_only=True):
    method: str
    trials: int
    #: Of each parameter, together 1; empty when there are too few trials.
    shares: dict[str, float] = {}
    #: Why there is no more to say.
    why: str = ""
