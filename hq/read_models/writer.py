"""Writing changes into the read models: collect, coalesce, write, then move the checkpoint.

Everything may be written again, in part, late, or by two HQs at once: later
positions win, and results stay what they were first. Documents of what was
deleted go after the checkpoint has passed the deletion.
"""

import secrets
from collections.abc import Iterable
from typing import Any

from bson.raw_bson import RawBSONDocument
from pymongo import ReplaceOne, UpdateOne
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import BulkWriteError, DuplicateKeyError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from hq.core.state import (
    Change,
    Deleted,
    Job,
    Relabelled,
    StoredChange,
    StoredResult,
    Sweep,
    with_labels,
)
from hq.read_models.deletion import delete_documents, note_done, write_tombstones
from hq.read_models.models import (
    CHECKPOINT,
    CHECKPOINTS,
    COLLECTIONS,
    REQUESTS,
    RESULTS,
    Place,
    ReadModelsUnusable,
    document_of,
    identity_of,
    is_first,
    place_of,
)

#: Majority writes also flush the journal, so what went before becomes visible to majority reads.
COMMITTED = WriteConcern(w="majority", j=True, wtimeout=4000)
_DUPLICATE_KEY = 11000


class Changes:
    """Changes of several decisions, of which only the last to each document is kept."""

    def __init__(self) -> None:
        self.position = 0
        self._changes: dict[Place, StoredChange] = {}
        #: Documents of which this holds the very first change.
        self._born: set[Place] = set()
        #: Labels are written by themselves as well: a document of the same position may be there without.
        self._labels: dict[Place, Relabelled] = {}
        #: job -> tokens of its results among the changes.
        self._tokens: dict[str, set[int]] = {}

    def __len__(self) -> int:
        return len(self._changes) + len(self._labels)

    def add(self, position: int, changes: Iterable[Change]) -> None:
        """Add what the decisions up to `position` changed, in order."""
        for change in changes:
            place = place_of(change)
            if isinstance(change, Relabelled):
                self._relabel(place, change)
                continue
            if is_first(change):
                self._born.add(place)
            if isinstance(change, StoredResult):
                self._changes.setdefault(place, change)
                self._tokens.setdefault(change.job, set()).add(change.token)
            else:
                self._changes[place] = change
            if isinstance(change, Deleted):
                self._labels.pop(place, None)
                for token in self._tokens.pop(change.id, ()):
                    self._changes.pop((RESULTS, (change.id, token)), None)
        self.position = max(self.position, position)

    def _relabel(self, place: Place, change: Relabelled) -> None:
        known = self._changes.get(place)
        if isinstance(known, Deleted):
            return
        self._labels[place] = change
        if isinstance(known, Job | Sweep):
            self._changes[place] = with_labels(known, change)

    def labels(self, collection: str) -> list[Relabelled]:
        """Return the labels that were changed in one collection, the last of each document."""
        return [change for place, change in self._labels.items() if place[0] == collection]

    def of(self, collection: str) -> list[StoredChange]:
        """Return the changes of one collection."""
        return [change for changes in self.parted(collection) for change in changes]

    @property
    def deleted(self) -> list[Deleted]:
        """What was deleted; of it there are no other changes but results that came later."""
        return [change for change in self._changes.values() if isinstance(change, Deleted)]

    def parted(self, collection: str) -> tuple[list[StoredChange], list[StoredChange]]:
        """Return those of one collection whose documents begin here, and the others."""
        born: list[StoredChange] = []
        older: list[StoredChange] = []
        for place, change in self._changes.items():
            if place[0] == collection and not isinstance(change, Deleted):
                (born if place in self._born else older).append(change)
        return born, older


class ReadModelWriter:
    """Writes into the read models of one generation; a rebuild begins another.

    Args:
        database: From `hq.log.connection.connect`.
        generation: From `read_checkpoint`; None writes documents only and leaves the checkpoint alone.
        prefix: Before each collection's name.
    """

    def __init__(self, database: Database[dict[str, Any]], generation: str | None, prefix: str = "") -> None:
        # Not waited for one by one: the checkpoint's write makes all of them durable, in order.
        self._collections = {
            name: database.get_collection(prefix + name, write_concern=WriteConcern(w=1))
            for name in COLLECTIONS
        }
        self._checkpoints = database.get_collection(CHECKPOINTS, write_concern=COMMITTED)
        self._database = database
        self._prefix = prefix
        self._generation = generation

    def write(self, changes: Changes) -> None:
        """Write all, then the checkpoint. Safe to repeat after any error.

        Raises:
            ReadModelsUnusable: If a rebuild has replaced the read models: load again.
            PyMongoError: If the database does not take it now.
        """
        deleted = changes.deleted
        gone = {one.id for one in deleted}
        if self._generation is not None:
            write_tombstones(self._database, deleted)
        for name, collection in self._collections.items():
            born, older = changes.parted(name)
            # An insert costs a tenth of a replacement. What is there after all was written before.
            there = insert_new(collection, [document_of(change) for change in born]) if born else []
            # Results stay what they were first, but those of a job that is deleted before they came.
            older += [born[index] for index in there if name != RESULTS or _job_of(born[index]) in gone]
            if older:
                _replace_older(collection, older)
            if relabelled := changes.labels(name):
                collection.bulk_write([_relabelling(change) for change in relabelled], ordered=False)
        if self._generation is not None and changes.position:
            self._move_checkpoint(changes.position)
        delete_documents(self._database, deleted, self._prefix)
        if self._generation is not None:
            note_done(self._database, deleted)

    def forget_answers(self, before: float) -> None:
        """Delete answers to requests given before this moment (Unix seconds)."""
        self._collections[REQUESTS].delete_many({"at": {"$lt": before}})

    def _move_checkpoint(self, position: int) -> None:
        mine = {"_id": CHECKPOINT, "generation": self._generation, "rebuilding": False}
        moved = self._checkpoints.update_one(mine, {"$max": {"position": position}})
        if not moved.matched_count:
            raise ReadModelsUnusable("a rebuild has replaced the read models while this HQ was writing them")


def _job_of(change: StoredChange) -> str:
    return change.job if isinstance(change, StoredResult) else ""


def insert_new(collection: Collection[Any], documents: list[RawBSONDocument]) -> list[int]:
    """Insert those documents whose `_id` is not there yet; return the indexes of the others."""
    try:
        collection.insert_many(documents, ordered=False)
        return []
    except BulkWriteError as error:
        return _raise_unless_duplicates(error)


def _replace_older(collection: Collection[Any], changes: list[StoredChange]) -> None:
    operations: list[ReplaceOne[Any]] = [
        ReplaceOne(
            {"_id": identity_of(change), "position": {"$lt": change.position}},
            document_of(change),
            upsert=True,
        )
        for change in changes
    ]
    try:
        collection.bulk_write(operations, ordered=False)
    except BulkWriteError as error:
        # Nothing older was found, so an insert was tried: a document as new or newer is there.
        _raise_unless_duplicates(error)


def _relabelling(change: Relabelled) -> UpdateOne:
    older = {"_id": change.id, "labelled": {"$not": {"$gte": change.labelled}}}
    labels = {"project": change.project, "tags": list(change.tags), "note": change.note}
    return UpdateOne(older, {"$set": {**labels, "labelled": change.labelled}})


def _raise_unless_duplicates(error: BulkWriteError) -> list[int]:
    """Return the indexes of the duplicates."""
    details = error.details or {}
    errors = details.get("writeErrors", [])
    if any(one.get("code") != _DUPLICATE_KEY for one in errors) or details.get("writeConcernErrors"):
        raise error
    return [int(one["index"]) for one in errors]


def read_checkpoint(database: Database[dict[str, Any]]) -> tuple[int, str]:
    """Return (position, generation) of the read models, which are begun if there are none.

    Raises:
        ReadModelsUnusable: If a rebuild is going on or was interrupted.
        PyMongoError: If the database does not answer.
    """
    # With majority, like the documents: a newer checkpoint beside older documents would skip events.
    checkpoints = database.get_collection(
        CHECKPOINTS, write_concern=COMMITTED, read_concern=ReadConcern("majority")
    )
    found = checkpoints.find_one({"_id": CHECKPOINT})
    if found is None:
        first: dict[str, Any] = {
            "_id": CHECKPOINT,
            "position": 0,
            "generation": secrets.token_hex(8),
            "rebuilding": False,
        }
        try:
            checkpoints.insert_one(first)
        except DuplicateKeyError:
            return read_checkpoint(database)
        found = first
    if found["rebuilding"]:
        raise ReadModelsUnusable(
            "The read models are being rebuilt, or a rebuild was interrupted. Wait for it, "
            "or run `idlehands hq rebuild` again."
        )
    return int(found["position"]), str(found["generation"])
