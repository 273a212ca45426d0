"""The new events of the log that people may want to hear of, with what is known of their jobs."""

from typing import Any

from hq.outside.happenings import EVENTS, Happening, happenings_of, jobs_of, sweeps_of
from hq.rest.database import QUERY_MS, Database, find, plain, stored
from hq.rest.looking_back import events_of
from hq.rest.queries import catch_up

#: Decisions that are looked at in one go.
_AT_ONCE = 200
_OF_JOBS = ("attempts", "checkpoint", "spec.params", "spec.source")
_OF_SWEEPS = ("spec.space", "spec.tries", "spec.past")


async def read_end(database: Database) -> int:
    """Return the last position of the log, 0 when it is empty."""
    cursor = stored(database, "events").find({}, {"_id": 1}, sort=[("_id", -1)], limit=1)
    found = [plain(raw) for raw in await cursor.to_list()]
    return int(found[0]["_id"]) if found else 0


async def read_happenings(database: Database, position: int) -> tuple[list[Happening], int]:
    """Return what happened after a position, and up to where that is.

    Raises:
        Problem: If the read models are too far behind; ask again.
        PyMongoError: If the database does not answer.
    """
    end = await read_end(database)
    if end <= position:
        # A log that was restored from an older backup ends before where we were.
        return [], end
    query = {"_id": {"$gt": position, "$lte": end}, "events.type": {"$in": list(EVENTS)}}
    cursor = stored(database, "events").find(query, sort=[("_id", 1)], limit=_AT_ONCE, max_time_ms=QUERY_MS)
    decisions = [plain(raw) for raw in await cursor.to_list()]
    if len(decisions) == _AT_ONCE:
        end = int(decisions[-1]["_id"])
    events = [row for decision in decisions for row in events_of(decision) if row["event"]["type"] in EVENTS]
    if not events:
        return [], end
    await catch_up(database, int(events[-1]["position"]))
    jobs = await _read(database, "jobs", jobs_of(events), _OF_JOBS)
    sweeps = await _read(database, "sweeps", sweeps_of(events), _OF_SWEEPS)
    return happenings_of(events, jobs, sweeps), end


async def _read(
    database: Database, collection: str, identities: set[str], without: tuple[str, ...]
) -> dict[str, dict[str, Any]]:
    if not identities:
        return {}
    query = {"_id": {"$in": sorted(identities)}}
    rows = await find(database, collection, query, sort=[("_id", 1)], limit=len(identities), without=without)
    return {row["_id"]: row for row in rows}
