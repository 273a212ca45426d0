"""How long a connection may take to ask for something: whoever holds one open and says nothing is cut off.

The server takes so many connections and no more, so a stranger who keeps them
all half-open would lock out everybody. What follows the head of a request is
bounded behind the gate: a body in `hq.rest.body_limit`.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

#: A head is some hundred bytes; a slow line needs a second for it.
HEAD_SECONDS = 15.0


class PatientProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 with an end to waiting for the head of a request."""

    head_seconds = HEAD_SECONDS
    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._end_wait()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Wait no longer once a head is complete and its request is being answered."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._end_wait()

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        self._wait()
        super().on_response_complete()
        if self.cycle is not None and not self.cycle.response_complete:
            # It was there already.
            self._end_wait()

    def handle_websocket_upgrade(self, event: Any) -> None:
        """Hand the connection over; what it does then is no longer a request."""
        self._end_wait()
        super().handle_websocket_upgrade(event)

    def _wait(self) -> None:
        self._end_wait()
        self._waiting = self.loop.call_later(self.head_seconds, self._give_up)

    def _end_wait(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()
