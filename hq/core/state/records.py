"""All else that HQ knows durably: schedules, pipelines, limits, agents, answers, the audit log."""

from msgspec import Struct

from schemas.audit import AuditNote
from schemas.facts import MachineFacts
from schemas.names import JsonObject, LimitKind
from schemas.pipelines import PipelineSpec
from schemas.schedules import ScheduleSpec


class Schedule(Struct, frozen=True, kw_only=True):
    """A schedule as it stands after the event at `position`."""

    name: str
    #: Without job and sweep once it is removed.
    spec: ScheduleSpec
    #: For whom it submits.
    owner: str
    #: Times up to here are settled: fired, skipped, or before it was added or resumed. Unix seconds.
    since: float
    position: int
    #: Of that event: position * 2**20 + index.
    order: int
    changed_at: float
    is_paused: bool = False
    is_removed: bool = False
    #: What it submitted last.
    job: str | None = None
    sweep: str | None = None
    pipeline: str | None = None
    fired: int = 0
    fired_at: float | None = None
    skipped: int = 0
    skipped_at: float | None = None
    #: Why the last time that was due submitted nothing; "" if it did.
    why: str = ""


class Pipeline(Struct, frozen=True, kw_only=True):
    """Steps that were submitted together. It never changes: how its steps stand, they say themselves."""

    id: str
    spec: PipelineSpec
    submitter: str
    steps: dict[str, str]
    position: int
    submitted_at: float
    retry_of: str | None = None


class Limit(Struct, frozen=True, kw_only=True):
    """How many of some jobs run at once, as it stands after the event at `position`."""

    id: str
    kind: LimitKind
    limit: str
    at_most: int | None
    by: str
    position: int
    changed_at: float


class AgentRecord(Struct, frozen=True, kw_only=True):
    """The latest accepted boot of an agent."""

    name: str
    boot: int
    instance: str
    slots: int
    facts: MachineFacts
    position: int
    booted_at: float


class Answer(Struct, frozen=True, kw_only=True):
    """The stored answer to one (submitter, key)."""

    submitter: str
    key: str
    digest: str
    answer: JsonObject
    position: int
    at: float


class AuditEntry(Struct, frozen=True, kw_only=True):
    """One note of the audit log; nothing but its readers looks at it."""

    id: str
    note: AuditNote
    #: Who handed it in, and when HQ took it.
    by: str
    noted_at: float
    position: int
    #: In the order of the log: position * 2**20 + index.
    order: int
