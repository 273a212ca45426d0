"""The event log for readers who missed something: events after `position.index`."""

import re
from typing import Any

from hq.rest.database import Database, Document, plain, stored
from hq.rest.problems import Problem

_POINT = re.compile(r"(\d{1,15})(?:\.(\d{1,9}))?")
_BATCH = 200


def parse_point(after: str | None) -> tuple[int, int | None]:
    """Return the decision and the index in it after which events are wanted.

    `12` means after all of decision 12; `12.0` after its first event; nothing the beginning.

    Raises:
        Problem: If it is neither.
    """
    if not after:
        return 0, None
    found = _POINT.fullmatch(after)
    if found is None:
        raise Problem(422, "bad_position", "after: give a position such as 12, or of one event such as 12.3.")
    return int(found[1]), None if found[2] is None else int(found[2])


async def read_events(database: Database, *, after: str | None = None, limit: int) -> Document:
    """Return committed events in order: `{"events": [...], "next": "12.3"}`.

    `next` is where to go on, also when nothing follows yet.
    """
    position, index = parse_point(after)
    query: dict[str, Any] = {"_id": {"$gte" if index is not None else "$gt": position}}
    cursor = stored(database, "events").find(query, sort=[("_id", 1)], batch_size=_BATCH)
    events: list[Document] = []
    async with cursor:
        async for raw in cursor:
            decision = plain(raw)
            number = decision["_id"]
            for at, event in enumerate(decision["events"]):
                if index is not None and number == position and at <= index:
                    continue
                if len(events) == limit:
                    return _page(events, after)
                events.append(
                    {
                        "position": number,
                        "index": at,
                        "epoch": decision["epoch"],
                        "at": decision["at"],
                        "event": event,
                    }
                )
    return _page(events, after)


def _page(events: list[Document], after: str | None) -> Document:
    last = f"{events[-1]['position']}.{events[-1]['index']}" if events else after
    return {"events": events, "next": last or None}
