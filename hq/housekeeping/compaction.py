"""Compacting the event log: its beginning becomes a snapshot, and the decisions before it are deleted.

    snapshot of old base + decisions up to P --> manifest says P
        --> decisions up to P deleted, oldest first --> old snapshot dropped

A kill before the manifest leaves collections that the next compaction drops;
one after it leaves decisions that nobody reads, which the next one deletes.
Works beside a running HQ: it reads what is committed, deletes what neither HQ
nor its read models need any more, and leaves the last decisions alone. The
first decision of every epoch stays: an HQ that was frozen for weeks and sends
its next append must find its position taken.
"""

import contextlib
import secrets
from collections.abc import Callable
from typing import Any

from msgspec import Struct
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError, PyMongoError

from hq.log.connection import explain, is_refusal
from hq.log.mongo import COMPACTED, MANIFEST
from hq.log.port import EventLog, LogUnavailable, LogUnreadable
from hq.read_models.base import Base, copy_base, load_base, prefix_of, read_base
from hq.read_models.indexes import ensure_indexes
from hq.read_models.models import COLLECTIONS
from hq.read_models.replay import ignore, replay
from hq.read_models.writer import COMMITTED, ReadModelWriter, read_checkpoint
from schemas.events import LOG_VERSION

_PREFIX = "snapshot_"


class Compacted(Struct, frozen=True):
    """Where the log began, and where it begins now."""

    before: int
    after: int


def compact(
    database: Database[dict[str, Any]],
    log: EventLog,
    keep: int,
    on_position: Callable[[int], None] = ignore,
) -> Compacted:
    """Leave the last `keep` decisions in the log and return where it begins. Safe to repeat after any end.

    Args:
        database: Where log and read models are.
        log: The event log.
        keep: At least one.
        on_position: Called now and then with how far the snapshot is.

    Raises:
        LogUnavailable: If the database does not answer, or another compaction runs.
        LogUnreadable: If the log is damaged or of a newer version.
        ReadModelsUnusable: If a rebuild is going on or was interrupted.
    """
    try:
        base = read_base(database)
        before = log.start()
        # A start of HQ looks at the decision at its checkpoint, so that one stays.
        target = min(log.tail().position - max(keep, 1), read_checkpoint(database)[0] - 1)
        if target > base.position:
            base = _advance(database, log, base, target, on_position)
        if base.position:
            log.forget(base.position)
    except PyMongoError as error:
        why = explain(database, error)
        raise (LogUnreadable(why) if is_refusal(database, error) else LogUnavailable(why)) from error
    return Compacted(before, base.position + 1)


def _advance(
    database: Database[dict[str, Any]],
    log: EventLog,
    base: Base,
    target: int,
    on_position: Callable[[int], None],
) -> Base:
    generation = secrets.token_hex(4)
    _claim(database, base, generation)
    # Of another that still runs, perhaps: from now on that one cannot end any more.
    _drop_others(database, base, generation)
    prefix = prefix_of(generation)
    for name in COLLECTIONS:
        database.create_collection(prefix + name)
    ensure_indexes(database, prefix)
    copy_base(database, base, prefix)
    state = load_base(database, base)
    writer = ReadModelWriter(database, None, prefix)
    replay(log, state, writer, on_position, until=target, remedy="Nothing was deleted.")
    if state.position != target:
        raise LogUnreadable(f"The event log ends at {state.position}, before {target}. Nothing was deleted.")
    new = Base(target, state.epoch, generation)
    _commit(database, base, new)
    if base.generation:
        _drop(database, base.generation)
    return new


def _claim(database: Database[dict[str, Any]], base: Base, generation: str) -> None:
    """Become the one compaction that may end."""
    manifests = database.get_collection(COMPACTED, write_concern=COMMITTED)
    if not base.generation:
        first = {"_id": MANIFEST, "position": 0, "epoch": 0, "generation": "", "version": LOG_VERSION}
        with contextlib.suppress(DuplicateKeyError):
            manifests.insert_one(first)
    mine = {"_id": MANIFEST, "generation": base.generation}
    if not manifests.update_one(mine, {"$set": {"building": generation}}).matched_count:
        raise LogUnavailable("Another compaction has just ended.")


def _commit(database: Database[dict[str, Any]], base: Base, new: Base) -> None:
    manifests = database.get_collection(COMPACTED, write_concern=COMMITTED)
    mine = {"_id": MANIFEST, "generation": base.generation, "building": new.generation}
    fields = {
        "position": new.position,
        "epoch": new.epoch,
        "generation": new.generation,
        "version": LOG_VERSION,
    }
    moved = manifests.update_one(mine, {"$set": fields, "$unset": {"building": ""}})
    if not moved.matched_count:
        _drop(database, new.generation)
        raise LogUnavailable("Another compaction began meanwhile; this one ends without a trace.")


def _drop(database: Database[dict[str, Any]], generation: str) -> None:
    for name in COLLECTIONS:
        database.drop_collection(prefix_of(generation) + name)


def _drop_others(database: Database[dict[str, Any]], base: Base, generation: str) -> None:
    """Drop what compactions left behind that did not live to their end."""
    kept = tuple(prefix_of(one) for one in (base.generation, generation) if one)
    for name in database.list_collection_names():
        if name.startswith(_PREFIX) and not name.startswith(kept):
            database.drop_collection(name)
