"""Every index. HQ refuses to run while one is missing: a page would read a million documents."""

from typing import Any

from pymongo import IndexModel
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import OperationFailure, PyMongoError

from hq.log.connection import explain
from hq.log.port import LogUnavailable
from hq.read_models.deletion import DELETED
from hq.read_models.models import (
    AGENTS,
    AUDIT,
    COLLECTIONS,
    JOBS,
    LIMITS,
    MODELS,
    PIPELINES,
    REQUESTS,
    RESULTS,
    SCHEDULES,
    SERVICES,
    SWEEPS,
    ReadModelsUnusable,
)

#: IndexOptionsConflict, IndexKeySpecsConflict.
_IN_THE_WAY = (85, 86)
_IN_A_SWEEP = {"spec.sweep": {"$exists": True}}


def _by_label(order: str) -> tuple[IndexModel, ...]:
    """Return the indexes for what has a project or tags; most has none and costs nothing."""
    return tuple(
        IndexModel(
            [(field, 1), (order, -1)], name=f"by_{field}", partialFilterExpression={field: {"$gt": ""}}
        )
        for field in ("project", "tags")
    )


def _by_words(*fields: str) -> IndexModel:
    """Return the index for full-text search: whole words, of no language."""
    # No field of a document says of which language it is, whatever its parameters are called.
    return IndexModel(
        [(field, "text") for field in fields],
        name="by_words",
        default_language="none",
        language_override="_language",
    )


INDEXES: dict[str, tuple[IndexModel, ...]] = {
    JOBS: (
        # The newest page, and the newest page of everything that people filter by.
        IndexModel([("order", -1)], name="newest"),
        IndexModel([("status", 1), ("order", -1)], name="by_status"),
        IndexModel([("submitter", 1), ("order", -1)], name="by_submitter"),
        IndexModel([("agent", 1), ("order", -1)], name="by_agent"),
        IndexModel([("spec.sweep", 1), ("order", -1)], name="by_sweep", partialFilterExpression=_IN_A_SWEEP),
        IndexModel(
            [("spec.sweep", 1), ("spec.trial", 1)], name="trials", partialFilterExpression=_IN_A_SWEEP
        ),
        *_by_label("order"),
        _by_words("spec.name", "spec.script.name", "why", "note", "tags", "project"),
        # A start of HQ: what is ahead of the checkpoint, and what ended last.
        IndexModel([("position", -1)], name="latest"),
    ),
    SWEEPS: (
        IndexModel([("submitted_at", -1), ("_id", 1)], name="newest"),
        IndexModel([("status", 1), ("submitted_at", -1), ("_id", 1)], name="by_status"),
        *_by_label("submitted_at"),
        _by_words("spec.name", "spec.job.name", "spec.job.script.name", "why", "note", "tags", "project"),
        IndexModel([("position", -1)], name="latest"),
    ),
    RESULTS: (
        IndexModel([("position", -1), ("_id", 1)], name="latest"),
        IndexModel([("verdict", 1), ("position", -1), ("_id", 1)], name="by_verdict"),
        IndexModel([("job", 1), ("verdict", 1), ("position", 1)], name="by_job"),
        IndexModel([("sweep", 1), ("verdict", 1), ("position", -1), ("_id", 1)], name="by_sweep"),
    ),
    REQUESTS: (IndexModel([("at", 1)], name="by_age"), IndexModel([("position", 1)], name="in_order")),
    AGENTS: (),
    SERVICES: (),
    MODELS: (),
    SCHEDULES: (),
    PIPELINES: (IndexModel([("submitted_at", -1), ("_id", 1)], name="newest"),),
    LIMITS: (),
    AUDIT: (
        IndexModel([("order", -1)], name="newest"),
        IndexModel([("note.who", 1), ("order", -1)], name="by_who"),
        IndexModel([("note.subject", 1), ("order", -1)], name="by_subject"),
        IndexModel([("note.what", 1), ("order", -1)], name="by_what"),
    ),
    DELETED: (IndexModel([("done", 1), ("position", 1)], name="pending"),),
    "progress": (
        IndexModel([("_id.job", 1), ("_id.token", 1), ("_id.seq", 1)], name="by_attempt"),
        IndexModel([("stored", 1)], name="by_age"),
    ),
    "logs": (IndexModel([("job", 1), ("_id", 1)], name="by_job"),),
}


def ensure_indexes(database: Database[dict[str, Any]], prefix: str = "") -> None:
    """Create what is missing and make sure that all are there. Safe to repeat.

    Args:
        database: Where.
        prefix: Before the names of the read models; then only these get indexes.

    Raises:
        ReadModelsUnusable: If an index cannot be made or is not there afterwards.
        LogUnavailable: If the database does not answer.
    """
    try:
        for name in COLLECTIONS if prefix else INDEXES:
            if INDEXES[name]:
                _create(database.get_collection(prefix + name), list(INDEXES[name]))
        check_indexes(database, prefix)
    except PyMongoError as error:
        raise LogUnavailable(explain(database, error)) from error


def _create(collection: Collection[dict[str, Any]], wanted: list[IndexModel]) -> None:
    try:
        collection.create_indexes(wanted)
    except OperationFailure as error:
        if error.code not in _IN_THE_WAY:
            raise
        raise ReadModelsUnusable(
            f"Indexes of the collection {collection.full_name} cannot be made: {error.details}. "
            "Drop the index that is in the way, or the collection, and run `idlehands hq rebuild`."
        ) from error


def check_indexes(database: Database[dict[str, Any]], prefix: str = "") -> None:
    """Make sure that every index is there.

    Raises:
        ReadModelsUnusable: If one is missing, named.
    """
    for name in COLLECTIONS if prefix else INDEXES:
        collection = database.get_collection(prefix + name)
        found = collection.index_information()
        for wanted in INDEXES[name]:
            key = [(field, direction) for field, direction in wanted.document["key"].items()]
            if key[0][1] == "text":
                key.sort()
            there = found.get(wanted.document["name"], {})
            if _key_of(there) != key:
                raise ReadModelsUnusable(
                    f"The collection {collection.full_name} lacks its index {wanted.document['name']!r} "
                    f"on {', '.join(field for field, _ in key)}. Start HQ again to make it."
                )


def _key_of(index: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return the fields of an index that there is, as they were asked for."""
    if "weights" in index:
        # MongoDB sorts the fields of an index for text, and keeps them apart from its key.
        return sorted((field, "text") for field in index["weights"])
    return list(index.get("key", ()))
