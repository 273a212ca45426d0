"""What the read models are: collections, identities and documents of what the fold changes.

A document holds the position that it reflects and is only ever replaced by
one of a later position, so no reader sees anything go backwards, whatever is
written again or late. A result is written once and never replaced.

| collection | `_id`            | document       |
|------------|------------------|----------------|
| jobs       | job id           | `Job`          |
| sweeps     | sweep id         | `Sweep`        |
| agents     | name             | `AgentRecord`  |
| results    | {job, token}     | `StoredResult` |
| requests   | {submitter, key} | `Answer`       |
| audit      | note id          | `AuditEntry`   |
| services   | name             | `Service`      |
| schedules  | name             | `Schedule`     |
| models     | name             | `Model`        |
| pipelines  | pipeline id      | `Pipeline`     |
| limits     | kind and name    | `Limit`        |
"""

from typing import Any

import msgspec
from bson.raw_bson import RawBSONDocument

from hq.core.state import (
    AgentRecord,
    Answer,
    AuditEntry,
    Change,
    Deleted,
    Job,
    Limit,
    Model,
    Pipeline,
    Relabelled,
    Schedule,
    Service,
    StoredChange,
    StoredResult,
    Sweep,
)
from hq.log.documents import encode_document, restore
from schemas.facts import AttemptResult

JOBS = "jobs"
SWEEPS = "sweeps"
AGENTS = "agents"
RESULTS = "results"
REQUESTS = "requests"
AUDIT = "audit"
SERVICES = "services"
MODELS = "models"
SCHEDULES = "schedules"
PIPELINES = "pipelines"
LIMITS = "limits"
#: In the order of writing: a job's document is never ahead of its results and its sweep.
#: `loading` relies on it.
COLLECTIONS = (AUDIT, SERVICES, SCHEDULES, MODELS, PIPELINES, LIMITS, RESULTS, REQUESTS, AGENTS, SWEEPS, JOBS)

CHECKPOINTS = "checkpoints"
#: `{_id, position, generation, rebuilding}`: everything up to `position` is in the read models.
CHECKPOINT = "read_models"

#: Identity of a document, in a form that can be a key of a dictionary.
Place = tuple[str, str | tuple[str, int | str]]


class ReadModelsUnusable(Exception):
    """The read models cannot be used as they are; the message says what to do."""


def place_of(change: Change) -> Place:
    """Return collection and identity of what changed."""
    match change:
        case Job(id=identity):
            return JOBS, identity
        case Sweep(id=identity):
            return SWEEPS, identity
        case AgentRecord(name=name):
            return AGENTS, name
        case Service(name=name):
            return SERVICES, name
        case Schedule(name=name):
            return SCHEDULES, name
        case Model(name=name):
            return MODELS, name
        case Pipeline(id=identity):
            return PIPELINES, identity
        case Limit(id=identity):
            return LIMITS, identity
        case StoredResult(job=job, token=token):
            return RESULTS, (job, token)
        case Answer(submitter=submitter, key=key):
            return REQUESTS, (submitter, key)
        case AuditEntry(id=identity):
            return AUDIT, identity
        case Relabelled(id=identity):
            return SWEEPS if identity.startswith("s") else JOBS, identity
        case Deleted(kind=kind, id=identity):
            # In the place of what it deletes.
            return {"job": JOBS, "sweep": SWEEPS, "pipeline": PIPELINES}[kind], identity


def is_first(change: StoredChange) -> bool:
    """Tell whether nothing was written of that document before this change."""
    match change:
        case Job(revision=revision) | Sweep(revision=revision):
            return revision == 1
        case AgentRecord() | Service() | Model() | Limit() | Schedule():
            return False
        case _:
            return True


def identity_of(change: StoredChange) -> Any:
    """Return the document's `_id`."""
    match change:
        case StoredResult(job=job, token=token):
            return {"job": job, "token": token}
        case Answer(submitter=submitter, key=key):
            return {"submitter": submitter, "key": key}
        case _:
            return place_of(change)[1]


def document_of(change: StoredChange) -> RawBSONDocument:
    """Return the document to store.

    Raises:
        DecisionRefused: If a value does not fit BSON; then its event would not have fitted either.
    """
    fields = msgspec.structs.asdict(change)
    # Under `_id` already; nobody should have to choose between two names.
    for twice in {"id", "name"} & fields.keys():
        del fields[twice]
    return encode_document({"_id": identity_of(change), **fields})


def change_of(collection: str, document: RawBSONDocument) -> StoredChange:
    """Return what a stored document was made from.

    Raises:
        LogUnreadable: If it does not fit.
    """
    kinds: dict[str, tuple[type[StoredChange], str]] = {
        JOBS: (Job, "id"),
        SWEEPS: (Sweep, "id"),
        AGENTS: (AgentRecord, "name"),
        SERVICES: (Service, "name"),
        MODELS: (Model, "name"),
        SCHEDULES: (Schedule, "name"),
        PIPELINES: (Pipeline, "id"),
        LIMITS: (Limit, "id"),
        RESULTS: (StoredResult, "token"),
        REQUESTS: (Answer, "key"),
        AUDIT: (AuditEntry, "id"),
    }
    kind, key = kinds[collection]
    change: StoredChange = restore(document, kind, key)
    if isinstance(change, StoredResult):
        return msgspec.structs.replace(change, result=msgspec.convert(change.result, AttemptResult))
    return change
