"""Make the read models again from the event log, and put the new ones in the place of the old.

Readers see the old ones until the exchange, and an HQ that runs meanwhile is
safe: from the exchange on it can no longer move the checkpoint, ends, and
loads again what it had written into the collections that are gone.

    fold into rebuilt_* --> checkpoint {position, new generation, rebuilding}
                        --> rename each over the old --> rebuilding off
"""

import secrets
from collections.abc import Callable
from typing import Any

from pymongo.database import Database
from pymongo.errors import OperationFailure, PyMongoError

from hq.log.connection import explain, is_refusal
from hq.log.port import EventLog, LogUnavailable, LogUnreadable
from hq.read_models.base import check_base, copy_base, load_base, read_base
from hq.read_models.indexes import ensure_indexes
from hq.read_models.models import CHECKPOINT, CHECKPOINTS, COLLECTIONS
from hq.read_models.replay import ignore, replay
from hq.read_models.writer import COMMITTED, ReadModelWriter

PREFIX = "rebuilt_"


def rebuild(
    database: Database[dict[str, Any]], log: EventLog, on_position: Callable[[int], None] = ignore
) -> int:
    """Fold the log, and what it stands on, into fresh read models; return the position they reflect.

    Safe to repeat, also after it was interrupted.

    Args:
        database: Where the read models are.
        log: The event log.
        on_position: Called now and then with how far it is.

    Raises:
        LogUnavailable: If the database does not answer.
        LogUnreadable: If the log is damaged or of a newer version.
    """
    try:
        for name in COLLECTIONS:
            database.drop_collection(PREFIX + name)
            database.create_collection(PREFIX + name)
        ensure_indexes(database, PREFIX)
        base = read_base(database)
        copy_base(database, base, PREFIX)
        writer = ReadModelWriter(database, None, PREFIX)
        state = load_base(database, base)
        replay(log, state, writer, on_position, remedy="Restore a backup of MongoDB.")
        check_base(database, base)
        _exchange(database, state.position)
    except PyMongoError as error:
        why = explain(database, error)
        raise (LogUnreadable(why) if is_refusal(database, error) else LogUnavailable(why)) from error
    return state.position


def _exchange(database: Database[dict[str, Any]], position: int) -> None:
    checkpoints = database.get_collection(CHECKPOINTS, write_concern=COMMITTED)
    mine = {"_id": CHECKPOINT, "position": position, "generation": secrets.token_hex(8), "rebuilding": True}
    checkpoints.replace_one({"_id": CHECKPOINT}, mine, upsert=True)
    with_majority = database.with_options(write_concern=COMMITTED)
    for name in COLLECTIONS:
        with_majority[PREFIX + name].rename(name, dropTarget=True)
    finished = checkpoints.update_one(
        {"_id": CHECKPOINT, "generation": mine["generation"]}, {"$set": {"rebuilding": False}}
    )
    if not finished.matched_count:
        raise OperationFailure("another rebuild began meanwhile; run it again alone")
