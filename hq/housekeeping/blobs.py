"""Deleting blobs that nothing refers to any more.

A blob is referred to by its sha256 in the spec of a job or sweep, as a job's
checkpoint, in a result, in a result's notes (`saved NAME: blob SHA`), or by a
registered model with its lineage. Nothing counts references: the documents are
the truth, and they are read. Checkpoints of populations are named by more than
need them: `populations` tells. A blob that was stored or asked for within the
grace stays, so that the submit after an upload finds it.
"""

import datetime
import re
from typing import Any

from bson import ObjectId
from msgspec import Struct
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.read_concern import ReadConcern

from hq.housekeeping.populations import read_needed
from hq.log.documents import RAW_CODEC
from hq.read_models.models import JOBS, MODELS, PIPELINES, RESULTS, SCHEDULES, SWEEPS
from schemas.specs import JobSpec

FILES = "blobs.files"
#: What REST keeps of datasets: their versions are blobs.
DATASETS = "datasets"
CHUNKS = "blobs.chunks"
#: Set when somebody asked whether the blob is there, and will perhaps refer to it.
WANTED = "wanted"
#: A checkpoint is named within seconds, or was replaced by the next one: those come by the minute.
CHECKPOINT_GRACE = datetime.timedelta(hours=1)
#: Chunks without an entry are of an upload that goes on, or died.
_ORPHAN_AGE = datetime.timedelta(hours=6)
_SHA256 = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
#: Where hashes may stand. The series of a result holds numbers only, and is most of it.
_PARTS: dict[str, dict[str, int]] = {
    JOBS: {"spec": 1, "checkpoint": 1, "received": 1},
    SWEEPS: {"spec": 1, "received": 1},
    #: They can be gone on with.
    PIPELINES: {"spec": 1},
    SCHEDULES: {"spec": 1},
    #: What webhooks and topics submit.
    "outside": {"submits": 1},
    RESULTS: {
        **{f"result.{part}": 1 for part in ("result_blob", "notes", "result", "artifacts", "environment")},
        **{f"result.{part}": 1 for part in ("datasets", "stdout_blob")},
        "params": 1,
    },
    DATASETS: {"_id": 1},
    MODELS: {"versions": 1},
}
#: Where they may stand in a population's trial.
_OF_MEMBERS = {
    **{f"spec.{part}": 1 for part in JobSpec.__struct_fields__ if part != "lineage"},
    "received": 1,
}


class Swept(Struct, frozen=True):
    """What was deleted, or would be: blobs and their bytes, and pieces of uploads that never ended."""

    blobs: int
    bytes: int
    orphans: int
    kept: int


def sweep_blobs(database: Database[dict[str, Any]], grace_hours: float, *, dry_run: bool = False) -> Swept:
    """Delete blobs that nothing refers to and that are older than the grace. Safe beside everything else.

    Raises:
        PyMongoError: If the database does not answer; what was deleted stays deleted.
    """
    now = datetime.datetime.now(datetime.UTC)
    before = now - datetime.timedelta(hours=grace_hours)
    soon = now - CHECKPOINT_GRACE
    is_old = {
        "$or": [
            {"uploadDate": {"$lt": before}, WANTED: {"$not": {"$gte": before}}},
            {"checkpoint": True, "uploadDate": {"$lt": soon}, WANTED: {"$not": {"$gte": soon}}},
        ]
    }
    files = database[FILES].with_options(read_concern=ReadConcern("majority"))
    # First what may go, then who refers to it: a reference that comes later finds the blob asked for.
    found = [(row["_id"], str(row["filename"]), int(row["length"])) for row in files.find(is_old)]
    references = read_references(database) if found else set()
    blobs = size = 0
    for identity, sha256, length in found:
        if sha256 in references:
            continue
        if not dry_run:
            # Asked for in this very moment: then it stays.
            if not database[FILES].delete_one({"_id": identity, **is_old}).deleted_count:
                continue
            database[CHUNKS].delete_many({"files_id": identity})
        blobs, size = blobs + 1, size + length
    orphans = _sweep_orphans(database, dry_run=dry_run)
    kept = database[FILES].count_documents({}) - (blobs if dry_run else 0)
    return Swept(blobs, size, orphans, kept)


def read_references(database: Database[dict[str, Any]]) -> set[str]:
    """Return every sha256 that a job, sweep or result names, whatever it names it for."""
    found: set[bytes] = set()
    needed, populations = read_needed(database)
    for name, parts in _PARTS.items():
        found |= _find_hashes(database, name, {} if name != JOBS else {"spec.lineage": None}, parts)
    found |= _find_hashes(database, RESULTS, {"sweep": {"$nin": populations}}, {"result.checkpoint": 1})
    # A population's trial is named by what it refers to, less the checkpoint that it began with or left.
    found |= _find_hashes(database, JOBS, {"spec.lineage": {"$ne": None}}, _OF_MEMBERS)
    return {sha256.decode() for sha256 in found} | needed


def _find_hashes(
    database: Database[dict[str, Any]], name: str, query: dict[str, Any], parts: dict[str, int]
) -> set[bytes]:
    collection: Collection[Any] = database.get_collection(
        name, codec_options=RAW_CODEC, read_concern=ReadConcern("majority")
    )
    found: set[bytes] = set()
    for document in collection.find(query, parts):
        found.update(_SHA256.findall(document.raw))
    return found


def _sweep_orphans(database: Database[dict[str, Any]], *, dry_run: bool) -> int:
    """Delete the chunks of uploads, and of deletions, that died with their process."""
    old = ObjectId.from_datetime(datetime.datetime.now(datetime.UTC) - _ORPHAN_AGE)
    orphans = 0
    if not dry_run:
        # Its chunks go below, or are a blob.
        began = datetime.datetime.now(datetime.UTC) - _ORPHAN_AGE
        database["uploads"].delete_many({"at": {"$lt": began}})
    for identity in database[CHUNKS].distinct("files_id", {"n": 0, "files_id": {"$lt": old}}):
        if database[FILES].find_one({"_id": identity}, {"_id": 1}) is None:
            orphans += 1
            if not dry_run:
                database[CHUNKS].delete_many({"files_id": identity})
    return orphans
