"""Deleting documents of what was deleted, so that a crash in between leaves nothing half gone.

    tombstone --> checkpoint passes the deletion --> documents deleted --> tombstone done

Before the checkpoint has passed it, a start of HQ folds the job's events on
its documents: they must be there. Afterwards nobody reads them, and whatever
is left over is deleted again: by the next start, and by the housekeeping as
long as tombstones are kept. That also catches what was written late: by the
recorder, or by an HQ that was frozen and no longer leads.

    deleted  {_id: job or sweep id, position, at, done}
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from pymongo import UpdateOne
from pymongo.database import Database
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from hq.core.state import Deleted, Kind
from hq.read_models.models import JOBS, PIPELINES, RESULTS, SWEEPS

DELETED = "deleted"
#: For so long deletions are repeated; an HQ that was frozen for longer may leave a document behind.
TOMBSTONES_KEPT_SECONDS = 24 * 3600.0
_AT_ONCE = 500
_KINDS: dict[str, Kind] = {"j": "job", "s": "sweep", "p": "pipeline"}
_QUICK = WriteConcern(w=1)
_MAJORITY = WriteConcern(w="majority", j=True, wtimeout=4000)


def write_tombstones(database: Database[dict[str, Any]], deleted: Iterable[Deleted]) -> None:
    """Note what is to be deleted. Safe to repeat; durable with the next majority write."""
    updates = [
        UpdateOne(
            {"_id": one.id},
            {"$set": {"position": one.position, "at": one.at, "done": False}},
            upsert=True,
        )
        for one in deleted
    ]
    if updates:
        _tombstones(database).bulk_write(updates, ordered=False)


def delete_documents(
    database: Database[dict[str, Any]], deleted: Iterable[Deleted], prefix: str = ""
) -> None:
    """Delete the documents of read models up to each deletion's position. Safe to repeat."""
    by_position: defaultdict[int, list[str]] = defaultdict(list)
    for one in deleted:
        by_position[one.position].append(one.id)
    for position, identities in by_position.items():
        for some in _chunks(identities):
            _delete_some(database, some, position, prefix)


def _delete_some(
    database: Database[dict[str, Any]], identities: Sequence[str], position: int, prefix: str
) -> None:
    jobs = [one for one in identities if one.startswith("j")]
    sweeps = [one for one in identities if one.startswith("s")]
    pipelines = [one for one in identities if one.startswith("p")]

    def delete(name: str, query: dict[str, Any]) -> None:
        database.get_collection(prefix + name, write_concern=_QUICK).delete_many(query)

    if jobs:
        # A result that came later than the deletion stays: nothing that arrives is thrown away.
        delete(RESULTS, {"job": {"$in": jobs}, "position": {"$lte": position}})
        delete(JOBS, {"_id": {"$in": jobs}})
        if not prefix:
            database.get_collection("progress", write_concern=_QUICK).delete_many({"_id.job": {"$in": jobs}})
            database.get_collection("logs", write_concern=_QUICK).delete_many({"job": {"$in": jobs}})
    if sweeps:
        delete(SWEEPS, {"_id": {"$in": sweeps}})
    if pipelines:
        delete(PIPELINES, {"_id": {"$in": pipelines}})


def note_done(database: Database[dict[str, Any]], deleted: Iterable[Deleted]) -> None:
    """Note that the documents are deleted."""
    for some in _chunks([one.id for one in deleted]):
        _tombstones(database).update_many({"_id": {"$in": some}}, {"$set": {"done": True}})


def finish_deletions(database: Database[dict[str, Any]], checkpoint: int) -> int:
    """Delete what an HQ that died had not deleted yet, and return how much that was.

    Call it before the read models are loaded, and only for what the checkpoint has passed.
    """
    pending = [*_read(database, {"done": False, "position": {"$lte": checkpoint}})]
    delete_documents(database, pending)
    note_done(database, pending)
    if pending:
        # What is loaded next is read with majority: before this, the documents would still be there.
        last = pending[-1].id
        tombstones = _tombstones(database).with_options(write_concern=_MAJORITY)
        tombstones.update_one({"_id": last}, {"$set": {"finished_by_start": True}})
    return len(pending)


def repeat_deletions(database: Database[dict[str, Any]], checkpoint: int) -> None:
    """Delete again what was written late, and forget tombstones that are old."""
    delete_documents(database, _read(database, {"done": True, "position": {"$lte": checkpoint}}))
    old = time.time() - TOMBSTONES_KEPT_SECONDS
    _tombstones(database).delete_many({"done": True, "at": {"$lt": old}})


def read_unsettled(database: Database[dict[str, Any]], checkpoint: int) -> set[str]:
    """Return the ids of what is being deleted, or was deleted after the checkpoint."""
    return {one.id for one in _read(database, {"$or": [{"done": False}, {"position": {"$gt": checkpoint}}]})}


def _read(database: Database[dict[str, Any]], query: dict[str, Any]) -> Iterator[Deleted]:
    for found in _tombstones(database).find(query):
        identity = str(found["_id"])
        yield Deleted(
            kind=_KINDS[identity[0]], id=identity, position=int(found["position"]), at=float(found["at"])
        )


def _tombstones(database: Database[dict[str, Any]]) -> Any:
    return database.get_collection(DELETED, write_concern=_QUICK, read_concern=ReadConcern("majority"))


def _chunks(identities: Iterable[str]) -> Iterator[list[str]]:
    left = iter(identities)
    while some := list(islice(left, _AT_ONCE)):
        yield some
