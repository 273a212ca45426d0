"""The event log for readers who missed something: events after `position.index`."""

import re
from collections.abc import Collection
from typing import Any

from hq.log.mongo import COMPACTED, MANIFEST
from hq.rest.database import Database, Document, find_by_id, plain, stored
from hq.rest.problems import Problem

_POINT = re.compile(r"(\d{1,15})(?:\.(\d{1,9}))?")
_BATCH = 200


def parse_point(after: str | None) -> tuple[int, int | None]:
    """Return the decision and the index in it after which events are wanted.

    `12` means after all of decision 12; `12.0` after its first event; nothing the beginning of what is kept.

    Raises:
        Problem: If it is neither.
    """
    if not after:
        return 0, None
    found = _POINT.fullmatch(after)
    if found is None:
        raise Problem(422, "bad_position", "after: give a position such as 12, or of one event such as 12.3.")
    return int(found[1]), None if found[2] is None else int(found[2])


async def read_events(
    database: Database, *, after: str | None = None, limit: int, without: Collection[str] = ()
) -> Document:
    """Return committed events in order: `{"events": [...], "next": "12.3"}`.

    `next` is where to go on, also when nothing follows yet. Types of events that are named in
    `without` are left out.

    Raises:
        Problem: If it is no position, or the log before it was compacted.
    """
    position, index = parse_point(after)
    if not after:
        position = await _read_compacted(database)
    query: dict[str, Any] = {"_id": {"$gte" if index is not None else "$gt": position}}
    events, last = await _read(database, query, position, index, limit, without)
    # Asked afterwards: a compaction that comes in between leaves holes in what was read.
    compacted = await _read_compacted(database)
    if compacted and (position < compacted or (index is not None and position == compacted)):
        raise Problem(
            410,
            "compacted",
            f"The events up to position {compacted} were compacted: what they brought about is in jobs, "
            f"sweeps and results. Read these anew, then ask for the events after {compacted}.",
        )
    return {"events": events, "next": last or after or None}


async def _read(
    database: Database,
    query: dict[str, Any],
    position: int,
    index: int | None,
    limit: int,
    without: Collection[str],
) -> tuple[list[Document], str]:
    """Return the events, and the point of the last one that was looked at, "" for none."""
    cursor = stored(database, "events").find(query, sort=[("_id", 1)], batch_size=_BATCH)
    events: list[Document] = []
    last = ""
    async with cursor:
        async for raw in cursor:
            decision = plain(raw)
            number = decision["_id"]
            for at, event in enumerate(decision["events"]):
                if index is not None and number == position and at <= index:
                    continue
                if len(events) == limit:
                    return events, last
                last = f"{number}.{at}"
                if event["type"] in without:
                    continue
                events.append(
                    {
                        "position": number,
                        "index": at,
                        "epoch": decision["epoch"],
                        "at": decision["at"],
                        "event": event,
                    }
                )
    return events, last


async def _read_compacted(database: Database) -> int:
    """Return the position behind which the log was compacted, 0 if it never was."""
    manifest = await find_by_id(database, COMPACTED, MANIFEST)
    return int(manifest["position"]) if manifest else 0
