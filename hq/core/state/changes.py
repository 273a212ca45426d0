"""What one decision changed, for the read models."""

from typing import Any, Literal, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from hq.core.state.jobs import Job
from hq.core.state.models import Model
from hq.core.state.records import AgentRecord, Answer, AuditEntry, Limit, Pipeline, Schedule
from hq.core.state.services import Service
from hq.core.state.sweeps import Sweep
from schemas.names import JsonObject


class StoredResult(Struct, frozen=True, kw_only=True):
    """A result with what a table of results needs beside it."""

    job: str
    token: int
    agent: str
    verdict: str
    why: str
    position: int
    at: float
    result: Any
    params: JsonObject
    script: str
    sweep: str | None = None
    trial: int | None = None


Kind = Literal["job", "sweep", "pipeline"]


class Deleted(Struct, frozen=True, kw_only=True):
    """A job, sweep or pipeline that is gone, with all that was stored of it up to `position`."""

    kind: Kind
    id: str
    position: int
    at: float


_Labelled = TypeVar("_Labelled", bound=Job | Sweep)


class Relabelled(Struct, frozen=True, kw_only=True):
    """New labels of a job or sweep, for those in its document."""

    id: str
    project: str
    tags: tuple[str, ...]
    note: str
    labelled: int


def with_labels(thing: _Labelled, change: Relabelled) -> _Labelled:
    """Return a job or sweep with other labels."""
    return replace(
        thing, project=change.project, tags=change.tags, note=change.note, labelled=change.labelled
    )


#: What a document of the read models is made from, or its end.
StoredChange = (
    Job
    | Sweep
    | Pipeline
    | Limit
    | Service
    | Schedule
    | Model
    | AgentRecord
    | Answer
    | StoredResult
    | Deleted
    | AuditEntry
)
#: What one decision changed, as snapshots for the read models.
Change = StoredChange | Relabelled
