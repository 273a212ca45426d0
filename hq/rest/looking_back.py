"""The event log from its end backwards, with filters: for people who look at what happened.

No filter has an index: a page looks at so many decisions and says how far it came.
"""

from collections.abc import Collection
from typing import Any

from hq.rest.database import QUERY_MS, Database, Document, plain, stored

#: As many decisions as one page looks at.
LOOKED_AT = 20_000
_ABOUT = ("job", "sweep", "agent", "by", "submitter", "service", "schedule")


async def read_back(
    database: Database, *, before: int | None, limit: int, types: Collection[str], about: str = ""
) -> Document:
    """Return `{"events": [...], "next": position or None}`, the newest first.

    Args:
        database: Where.
        before: Only decisions before this position.
        limit: Most events; those of one decision stay together, so some more may come.
        types: Only these types.
        about: Only those of this job, sweep, machine or person.
    """
    last = before if before is not None else await _read_end(database) + 1
    first = max(1, last - LOOKED_AT)
    one: Document = {"type": {"$in": sorted(types)}}
    if about:
        one["$or"] = [{name: about} for name in _ABOUT]
    query = {"_id": {"$gte": first, "$lt": last}, "events": {"$elemMatch": one}}
    cursor = stored(database, "events").find(
        query, sort=[("_id", -1)], batch_size=200, max_time_ms=QUERY_MS, limit=limit
    )
    events: list[Document] = []
    async with cursor:
        async for raw in cursor:
            decision = plain(raw)
            found = [row for row in events_of(decision) if fits(row["event"], types, about)]
            events += reversed(found)
            if len(events) >= limit:
                return {"events": events, "next": decision["_id"] if decision["_id"] > 1 else None}
    return {"events": events, "next": first if first > 1 else None}


async def read_since(
    database: Database, position: int, *, limit: int, types: Collection[str], about: str = ""
) -> tuple[list[Document], int]:
    """Return the events after a position in order, and the position of the last decision that was read."""
    cursor = stored(database, "events").find(
        {"_id": {"$gt": position}}, sort=[("_id", 1)], limit=limit, max_time_ms=QUERY_MS
    )
    events: list[Document] = []
    for raw in await cursor.to_list():
        decision = plain(raw)
        position = decision["_id"]
        events += [row for row in events_of(decision) if fits(row["event"], types, about)]
    return events, position


def events_of(decision: Document) -> list[Document]:
    """Return the events of a decision, each with where and when it stands."""
    return [
        {"position": decision["_id"], "index": at, "at": decision["at"], "event": event}
        for at, event in enumerate(decision["events"])
    ]


def fits(event: dict[str, Any], types: Collection[str], about: str) -> bool:
    """Tell whether an event is of these types and, when given, about this job, sweep, machine or person."""
    return event["type"] in types and (not about or any(event.get(name) == about for name in _ABOUT))


async def _read_end(database: Database) -> int:
    cursor = stored(database, "events").find({}, {"_id": 1}, sort=[("_id", -1)], limit=1)
    found = [plain(raw) for raw in await cursor.to_list()]
    return int(found[0]["_id"]) if found else 0
