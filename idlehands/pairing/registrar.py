"""The pairing server: TLS and one thread per connection in front of a desk.

Lives in the process of `idlehands pair` and ends with it: nothing listens
while nobody pairs. It asks nobody and issues nothing by itself; it hands
applications to `Registrar.applications` and sends what it is told.
"""

import contextlib
import logging
import queue
import secrets
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from idlehands.pairing.desk import Application, Desk, Refused
from idlehands.pairing.messages import (
    PORT,
    Ask,
    Broken,
    Grant,
    Hello,
    Refusal,
    Stored,
    Waiting,
    receive,
    send,
)  # fmt: skip

_MOST_CONNECTIONS = 16
#: A machine has its request ready before it connects.
_TALK_SECONDS = 10.0
_STORE_SECONDS = 20.0
_LOOK_SECONDS = 0.3
log = logging.getLogger(__name__)


@dataclass
class Visit:
    """A machine that waits, and the way to answer it.

    Attributes:
        application: Who it is.
        stored: Set when it said that everything is on its disk.
        over: Set when its connection is closed.
    """

    application: Application
    challenge: str
    answer: "queue.SimpleQueue[Grant | Refusal]" = field(default_factory=queue.SimpleQueue)
    stored: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)


class Registrar:
    """Listens and talks until it is closed. A context manager."""

    def __init__(
        self,
        desk: Desk,
        context: ssl.SSLContext,
        ca_pem: str,
        host: str,
        port: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Listen, on another port if `port` is the usual one and taken.

        Raises:
            OSError: If it cannot listen there.
        """
        self._desk, self._context, self._ca, self._clock = desk, context, ca_pem, clock
        self._visits: queue.SimpleQueue[Visit] = queue.SimpleQueue()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._listener = socket.create_server((host, port), family=family, backlog=_MOST_CONNECTIONS)
        except OSError:
            if port != PORT:
                raise
            self._listener = socket.create_server((host, 0), family=family, backlog=_MOST_CONNECTIONS)
        self.port: int = self._listener.getsockname()[1]
        self._room = threading.Semaphore(_MOST_CONNECTIONS)
        self._closing = threading.Event()
        threading.Thread(target=self._accept, name="pairing", daemon=True).start()

    def __enter__(self) -> "Registrar":
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        # Wakes the thread that accepts; closing alone would not.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def next_visit(self, seconds: float) -> Visit | None:
        """Return the next machine that showed the right secret, None when none came in time."""
        try:
            return self._visits.get(timeout=seconds)
        except queue.Empty:
            return None

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, address = self._listener.accept()
            except OSError:
                if self._closing.is_set():
                    return
                continue
            if not self._room.acquire(blocking=False):
                connection.close()
                continue
            threading.Thread(target=self._serve, args=(connection, address[0]), daemon=True).start()

    def _serve(self, connection: socket.socket, address: str) -> None:
        try:
            connection.settimeout(_TALK_SECONDS)
            with self._context.wrap_socket(connection, server_side=True) as stream:
                self._talk(stream, address)
        except (OSError, Broken) as error:
            log.info("pairing: %s: %s", address, error)
        finally:
            connection.close()
            self._room.release()

    def _talk(self, stream: ssl.SSLSocket, address: str) -> None:
        challenge = secrets.token_hex(32)
        send(stream, Hello(challenge, self._ca))
        ask = receive(stream, Ask)
        try:
            application = self._desk.consider(ask, challenge, address, self._clock())
        except Refused as refused:
            send(stream, Refusal(refused.code, str(refused)))
            return
        visit = Visit(application, challenge)
        try:
            send(stream, Waiting())
            self._visits.put(visit)
            answer = self._await_answer(stream, visit)
            if answer is None:
                return
            send(stream, answer)
            if isinstance(answer, Grant):
                stream.settimeout(_STORE_SECONDS)
                receive(stream, Stored)
                visit.stored.set()
        finally:
            visit.over.set()
            if not visit.stored.is_set():
                self._desk.withdraw(application)

    def _await_answer(self, stream: ssl.SSLSocket, visit: Visit) -> Grant | Refusal | None:
        """Return what the machine is told; None when it went away before."""
        stream.settimeout(_LOOK_SECONDS)
        while True:
            with contextlib.suppress(queue.Empty):
                answer = visit.answer.get_nowait()
                stream.settimeout(_TALK_SECONDS)
                return answer
            try:
                # It has nothing to say now: whatever comes is its end.
                stream.recv(1)
                return None
            except TimeoutError:
                continue
