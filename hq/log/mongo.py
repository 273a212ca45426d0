"""The event log in MongoDB: collection `events`, one document per decision.

An append is one ordered `insert_many` with `w: majority, j: true`. When its
outcome is unknown (a time-out, a broken connection, a stepped-down primary)
the same bytes are sent again; a late first copy then only finds duplicates.

    send --inserted--> committed
     ^ '--unknown--> wait, send the same again
     '--duplicate--> read the positions with majority: own op = committed
                     (send the rest), a foreign op = PositionTaken

Only majority reads decide: a local read shows rows that are not journaled yet
and can still vanish.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bson.raw_bson import RawBSONDocument
from pymongo import ASCENDING, DESCENDING
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import BulkWriteError, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from hq.log.connection import explain, is_refusal
from hq.log.documents import RAW_CODEC, decision_to_document, document_to_decision
from hq.log.port import (
    NOTHING,
    Header,
    LogUnavailable,
    LogUnreadable,
    PositionTaken,
    check_consecutive,
    never,
)
from schemas.events import LOG_VERSION, Decision, EpochBegan

EVENTS = "events"
#: The collection and the document that say behind which position the log was compacted.
COMPACTED = "snapshots"
MANIFEST = "log"
_FORGET_AT_ONCE = 1000
READ_BATCH = 500
#: How long the server may wait for a majority, below the client's socket time-out.
COMMIT_TIMEOUT_MS = 4000
PING_TIMEOUT_MS = 4000
_DUPLICATE_KEY = 11000

logger = logging.getLogger(__name__)


class MongoLog:
    """`EventLog` on a database from `hq.log.connection.connect`. Safe to use from several threads."""

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._database = database
        self._writing = database.get_collection(
            EVENTS,
            codec_options=RAW_CODEC,
            write_concern=WriteConcern(w="majority", j=True, wtimeout=COMMIT_TIMEOUT_MS),
        )
        self._reading: Collection[Any] = database.get_collection(
            EVENTS,
            codec_options=RAW_CODEC,
            read_concern=ReadConcern("majority"),
            read_preference=ReadPreference.PRIMARY,
        )
        self._pinging = self._reading.with_options(read_concern=ReadConcern("linearizable"))

    def append(self, decisions: Sequence[Decision], should_give_up: Callable[[], bool] = never) -> None:
        """See `EventLog.append`."""
        check_consecutive(decisions)
        documents = [decision_to_document(decision) for decision in decisions]
        committed, tries = 0, 0
        while committed < len(documents):
            if tries:
                _wait(min(0.02 * 2 ** min(tries, 6), 1.0), should_give_up)
            tries += 1
            try:
                self._writing.insert_many(documents[committed:], ordered=True)
                return
            except BulkWriteError as error:
                if _is_duplicate(error):
                    confirmed = self._count_own(decisions, committed)
                    tries = 1 if confirmed > committed else tries
                    committed = confirmed
                else:
                    _log_unknown(decisions, error, tries)
            except PyMongoError as error:
                if is_refusal(self._database, error):
                    raise LogUnreadable(explain(self._database, error)) from error
                _log_unknown(decisions, error, tries)

    def _count_own(self, decisions: Sequence[Decision], committed: int) -> int:
        """Return how many decisions from the first on are committed, all of them ours.

        Not seeing one proves nothing: it may not have reached the majority yet.

        Raises:
            PositionTaken: If one of the positions is another's.
        """
        wanted = decisions[committed:]
        span = {"_id": {"$gte": wanted[0].position, "$lte": wanted[-1].position}}
        try:
            found = list(self._reading.find(span, _HEADER).sort("_id", ASCENDING))
        except PyMongoError as error:
            _log_unknown(decisions, error, 1)
            return committed
        for decision, document in zip(wanted, found, strict=False):
            if document["_id"] != decision.position:
                break
            if document["op"] != decision.op:
                raise PositionTaken(decision.position, document["epoch"])
            committed += 1
        return committed

    def tail(self) -> Header:
        """See `EventLog.tail`."""
        return _to_header(self._find_one(self._reading, {}, [("_id", DESCENDING)])) or NOTHING

    def header_at(self, position: int) -> Header | None:
        """See `EventLog.header_at`."""
        return _to_header(self._find_one(self._reading, {"_id": position}))

    def read_after(self, position: int, limit: int | None = None) -> Iterator[Decision]:
        """See `EventLog.read_after`."""
        end = None if limit is None else position + limit
        while end is None or position < end:
            size = READ_BATCH if end is None else min(READ_BATCH, end - position)
            chunk = self._read_chunk(position, size)
            for document in chunk:
                decision = document_to_decision(document)
                if decision.position != position + 1:
                    raise LogUnreadable(
                        f"The event log has no decision at position {position + 1}, but one at "
                        f"{decision.position}: it was compacted, or documents were deleted. `idlehands hq "
                        "rebuild` begins at the snapshot; if it fails too, restore a backup of MongoDB."
                    )
                position = decision.position
                yield decision
            if len(chunk) < size:
                return

    def _read_chunk(self, position: int, size: int) -> list[RawBSONDocument]:
        # Short queries instead of one long cursor, which the server may drop.
        try:
            found = self._reading.find({"_id": {"$gt": position}}).sort("_id", ASCENDING)
            return list(found.limit(size))
        except PyMongoError as error:
            raise self._unavailable(error) from error

    def start(self) -> int:
        """See `EventLog.start`."""
        manifests = self._database.get_collection(
            COMPACTED, read_concern=ReadConcern("majority"), read_preference=ReadPreference.PRIMARY
        )
        try:
            found = manifests.find_one({"_id": MANIFEST})
        except PyMongoError as error:
            raise self._unavailable(error) from error
        if found is None:
            return 1
        if int(found["version"]) > LOG_VERSION:
            raise LogUnreadable(
                f"The event log was compacted by version {found['version']}; this HQ reads up to version "
                f"{LOG_VERSION}. Run the newer HQ again."
            )
        return int(found["position"]) + 1

    def forget(self, position: int) -> None:
        """See `EventLog.forget`. The manifest must say so before."""
        if position >= self.tail().position:
            raise ValueError("the last decision cannot be forgotten")
        no_fence = {"events.0.type": {"$ne": EpochBegan.__name__}}
        try:
            oldest = self._writing.find_one(no_fence, {"_id": 1}, sort=[("_id", ASCENDING)])
            low = int(oldest["_id"]) - 1 if oldest else position
            while low < position:
                high = min(low + _FORGET_AT_ONCE, position)
                self._writing.delete_many({"_id": {"$gt": low, "$lte": high}, **no_fence})
                low = high
        except PyMongoError as error:
            raise self._unavailable(error) from error

    def verify_leadership(self, next_position: int) -> None:
        """See `EventLog.verify_leadership`."""
        standing = self._find_one(self._pinging, {"_id": next_position}, max_time_ms=PING_TIMEOUT_MS)
        if standing:
            raise PositionTaken(next_position, int(standing["epoch"]))

    def _find_one(
        self, collection: Any, query: dict[str, Any], order: Any = None, max_time_ms: int | None = None
    ) -> RawBSONDocument | None:
        try:
            found: RawBSONDocument | None = collection.find_one(
                query, _HEADER, sort=order, max_time_ms=max_time_ms
            )
        except PyMongoError as error:
            raise self._unavailable(error) from error
        return found

    def _unavailable(self, error: PyMongoError) -> LogUnavailable | LogUnreadable:
        why = explain(self._database, error)
        return LogUnreadable(why) if is_refusal(self._database, error) else LogUnavailable(why)


_HEADER = {"epoch": 1, "op": 1}


def _to_header(found: RawBSONDocument | None) -> Header | None:
    return Header(int(found["_id"]), int(found["epoch"]), str(found["op"])) if found else None


def _is_duplicate(error: BulkWriteError) -> bool:
    errors = (error.details or {}).get("writeErrors", [])
    return any(one.get("code") == _DUPLICATE_KEY for one in errors)


def _log_unknown(decisions: Sequence[Decision], error: PyMongoError, tries: int) -> None:
    # Each try takes seconds at worst, so this neither floods nor falls silent.
    if tries in (1, 5) or tries % 30 == 0:
        why = error.details if isinstance(error, OperationFailure) else error
        logger.warning(
            "outcome of appending %d..%d unknown after try %d, sending the same again: %.300s",
            decisions[0].position, decisions[-1].position, tries, why,
        )  # fmt: skip


def _wait(seconds: float, should_give_up: Callable[[], bool]) -> None:
    """Wait, but not longer than until `should_give_up`.

    Raises:
        LogUnavailable: If it says so.
    """
    deadline = time.monotonic() + seconds
    while True:
        if should_give_up():
            raise LogUnavailable("gave up on an append whose outcome is unknown")
        left = deadline - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(left, 0.05))
