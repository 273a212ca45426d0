"""A past time of the event log, by its clock: for people who want to see it happen again.

The log has no index by time. Its positions grow with it, so the first decision
at or after a moment is found by halving; a clock that was set back shifts that
by as much.
"""

from collections.abc import Collection

from hq.rest.database import QUERY_MS, Database, Document, plain, stored
from hq.rest.looking_back import events_of, fits

#: As many events as one replay has.
MOST_EVENTS = 5_000
_LOOKED_AT = 50_000


async def read_between(
    database: Database, first: float, last: float, *, types: Collection[str], about: str = ""
) -> Document:
    """Return `{"events": [...], "more": bool}` from `first` until before `last`, Unix times, in order.

    Args:
        database: Where.
        first: From then on.
        last: Until then.
        types: Only these types.
        about: Only those of this job, sweep, machine or person.
    """
    begin = await find_position(database, first)
    cursor = stored(database, "events").find(
        {"_id": {"$gte": begin}}, sort=[("_id", 1)], batch_size=500, max_time_ms=QUERY_MS, limit=_LOOKED_AT
    )
    events: list[Document] = []
    looked_at = 0
    async with cursor:
        async for raw in cursor:
            decision = plain(raw)
            looked_at += 1
            if decision["at"] >= last:
                return {"events": events, "more": False}
            events += [row for row in events_of(decision) if fits(row["event"], types, about)]
            if len(events) > MOST_EVENTS:
                return {"events": events[:MOST_EVENTS], "more": True}
    return {"events": events, "more": looked_at >= _LOOKED_AT}


async def find_position(database: Database, moment: float) -> int:
    """Return the position of the first decision at or after a Unix time; past the end when there is none."""
    end = await _read(database, {}, -1)
    if end is None or end["at"] < moment:
        return 1 if end is None else int(end["_id"]) + 1
    low, high = 1, int(end["_id"])
    while low < high:
        middle = (low + high) // 2
        # Positions that compaction took away lead to the next that is there.
        found = await _read(database, {"_id": {"$gte": middle}}, 1)
        if found is None or found["at"] >= moment:
            high = middle
        else:
            low = int(found["_id"]) + 1
    return low


async def _read(database: Database, query: Document, direction: int) -> Document | None:
    cursor = stored(database, "events").find(
        query, {"_id": 1, "at": 1}, sort=[("_id", direction)], limit=1, max_time_ms=QUERY_MS
    )
    found = [plain(raw) for raw in await cursor.to_list()]
    return found[0] if found else None
