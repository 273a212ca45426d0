"""The WebSocket `/ws/events`: the page says what it shows, and is sent what changes there.

The gate has checked host, origin, session and role before anything here runs.
"""

import asyncio
import contextlib
import logging

import msgspec
from fastapi import FastAPI
from starlette.websockets import WebSocket, WebSocketDisconnect

from dash_app.addresses import parse
from dash_app.live.hub import Connection, Hub
from hq.rest.policy import EVENTS

_LONGEST_MESSAGE = 4096
log = logging.getLogger(__name__)


class Show(msgspec.Struct, frozen=True):
    """What a page sends: the address that it shows."""

    path: str = "/"
    query: str = ""


def add_route(app: FastAPI, hub: Hub) -> None:
    """Add the WebSocket to the server."""

    async def events(socket: WebSocket) -> None:
        await socket.accept()
        connection = Connection()
        writing = asyncio.create_task(_write(socket, connection))
        reading = asyncio.create_task(_read(socket, connection, hub))
        try:
            await asyncio.wait({writing, reading}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            hub.leave(connection)
            for task in (writing, reading):
                task.cancel()
            # Whatever ended them, this page is gone; it comes back by itself.
            await asyncio.gather(writing, reading, return_exceptions=True)
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                await socket.close()

    app.add_api_websocket_route(EVENTS, events)


async def _read(socket: WebSocket, connection: Connection, hub: Hub) -> None:
    showing: asyncio.Task[None] | None = None
    try:
        while True:
            text = await socket.receive_text()
            if len(text) > _LONGEST_MESSAGE:
                return
            try:
                wanted = msgspec.json.decode(text, type=Show)
            except msgspec.DecodeError:
                return
            # Who has gone on to another address does not wait for all of the one before.
            if showing is not None:
                showing.cancel()
                await asyncio.wait({showing})
            showing = asyncio.create_task(_show(connection, hub, wanted))
    except WebSocketDisconnect:
        return
    finally:
        if showing is not None:
            showing.cancel()
            await asyncio.gather(showing, return_exceptions=True)


async def _show(connection: Connection, hub: Hub, wanted: Show) -> None:
    try:
        await hub.show(connection, parse(wanted.path, wanted.query))
    except Exception:
        log.exception("a page cannot be brought what it shows")
        connection.send(None)


async def _write(socket: WebSocket, connection: Connection) -> None:
    with contextlib.suppress(WebSocketDisconnect):
        while (text := await connection.outbox.get()) is not None:
            await socket.send_text(text)
