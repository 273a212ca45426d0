"""The event log as server-sent events: what there is after a position, and then whatever comes.

    id: 12.3
    data: {"position": 12, "index": 3, "epoch": ..., "at": ..., "event": {...}}

A reader that was cut off comes back with `Last-Event-ID`, as browsers do by
themselves, and misses nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Collection

import msgspec
from pymongo.errors import PyMongoError

from hq.rest.database import Database
from hq.rest.history import read_events
from hq.rest.problems import Problem

CONTENT_TYPE = "text/event-stream"
_LOOK_SECONDS = 0.5
#: A comment this often, so that whatever is in between knows that the connection lives.
_SIGN_SECONDS = 15.0
_BATCH = 200


async def follow_events(
    database: Database, after: str | None, without: Collection[str] = ()
) -> AsyncIterator[bytes]:
    """Yield events for as long as somebody listens; ends with an event `problem` when it cannot go on."""
    silent = 0.0
    yield b": events\n\n"
    while True:
        try:
            page = await read_events(database, after=after, limit=_BATCH, without=without)
        except Problem as problem:
            said = msgspec.json.encode({"code": problem.code, "detail": problem.detail})
            yield b"event: problem\ndata: " + said + b"\n\n"
            return
        except PyMongoError:
            # Away for a moment: the position stays where it was.
            page = {"events": [], "next": after}
        for event in page["events"]:
            point = f"{event['position']}.{event['index']}"
            yield f"id: {point}\n".encode() + b"data: " + msgspec.json.encode(event) + b"\n\n"
        after = page["next"]
        if len(page["events"]) == _BATCH:
            continue
        silent = 0.0 if page["events"] else silent + _LOOK_SECONDS
        if silent >= _SIGN_SECONDS:
            silent = 0.0
            yield b": still here\n\n"
        await asyncio.sleep(_LOOK_SECONDS)
