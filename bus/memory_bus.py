"""The bus without a broker: several clients on one hub, with the same promises.

Messages are encoded and decoded exactly as on the wire, each client has its
own thread, and the hub can go down and come back with nothing retained, as a
broker without persistence does. It knows no access rules.
"""

import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from bus.outgoing import Writer, reply_name
from bus.port import BusInput, Connected, Disconnected, Handler, Inbound, LastWill, Plain, Refusal
from bus.router import route
from bus.signing import Checker, Signer
from bus.topics import DEFAULT_ROOT, REPLY, REQUEST, Topic

log = logging.getLogger(__name__)


class _Message(NamedTuple):
    name: str
    payload: bytes
    retained: bool = False
    response_topic: str | None = None
    correlation: bytes | None = None


class MemoryHub:
    """What all clients of one broker share."""

    def __init__(self, root: str = DEFAULT_ROOT) -> None:
        self.root = root
        self._lock = threading.RLock()
        self._up = True
        self._retained: dict[str, _Message] = {}
        self._clients: list[MemoryBus] = []

    def publish_raw(
        self,
        name: str,
        payload: bytes,
        *,
        retained: bool = False,
        response_topic: str | None = None,
        correlation: bytes | None = None,
    ) -> None:
        """Publish any bytes on any whole topic name, as a foreign client could."""
        with self._lock:
            if not self._up:
                return
            message = _Message(name, payload, False, response_topic, correlation)
            if retained and payload:
                self._retained[name] = message._replace(retained=True)
            elif retained:
                self._retained.pop(name, None)
            for client in self._clients:
                if any(_matches(wanted, name) for wanted in client.filters):
                    client.put(message)

    def go_down(self) -> None:
        """Lose every connection and everything retained. No will is published."""
        with self._lock:
            self._up = False
            self._retained.clear()
            for client in self._clients:
                client.put(Disconnected("the broker is gone"))
            for client in self._clients:
                client.online = False

    def come_back(self) -> None:
        """Let every client that was started connect again."""
        with self._lock:
            self._up = True
            for client in self._clients:
                self.connect(client)

    def connect(self, client: "MemoryBus") -> None:
        """Connect a client, tell it so, and give it what is retained."""
        with self._lock:
            if client not in self._clients:
                self._clients.append(client)
            if not self._up:
                client.put(Disconnected("the broker is gone"))
                return
            client.online = True
            client.put(Connected())
            for wanted in client.filters:
                self.give_retained(client, wanted)

    def give_retained(self, client: "MemoryBus", wanted: str) -> None:
        """Deliver the retained messages of one filter."""
        with self._lock:
            for name, message in self._retained.items():
                if _matches(wanted, name):
                    client.put(message)

    def leave(self, client: "MemoryBus") -> None:
        """Forget a client and publish its will."""
        with self._lock:
            if client in self._clients:
                self._clients.remove(client)
                client.online = False
                if client.will is not None:
                    self.publish_raw(client.will.name, client.will.payload, retained=client.will.retained)

    def cut(self, client: "MemoryBus") -> None:
        """Break one client's connection: its will is published, and it connects again."""
        with self._lock:
            self.leave(client)
            client.put(Disconnected("the connection broke off"))
            self.connect(client)


class MemoryBus:
    """`bus.port.Bus` on a `MemoryHub`."""

    def __init__(
        self,
        hub: MemoryHub,
        name: str,
        *,
        will: LastWill | None = None,
        signer: Signer | None = None,
        check: Checker | None = None,
    ) -> None:
        self._hub = hub
        self._prefix = f"{hub.root}/"
        self._writer = Writer(name, signer)
        self._check = check
        self._queue: queue.SimpleQueue[_Message | BusInput | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        #: Whole filters; read by the hub.
        self.filters: tuple[str, ...] = ()
        self.online = False
        #: Of each thread: `held`, what waits for its `hold`'s end.
        self._holding = threading.local()
        self.will: _Message | None = None
        if will is not None:
            payload = self._writer.encode(will.topic, will.data)
            self.will = _Message(self._prefix + will.topic.of(**will.names), payload, will.topic.retained)

    def subscribe(self, topic: Topic, **names: str) -> None:
        self.subscribe_plain(self._prefix + topic.filter(**names))

    def subscribe_plain(self, topic: str) -> None:
        self.filters = (*self.filters, topic)
        if self.online:
            self._hub.give_retained(self, topic)

    def unsubscribe(self, topic: Topic, **names: str) -> None:
        self.unsubscribe_plain(self._prefix + topic.filter(**names))

    def unsubscribe_plain(self, topic: str) -> None:
        self.filters = tuple(other for other in self.filters if other != topic)

    def publish(self, topic: Topic, data: object, /, **names: str) -> None:
        payload = self._writer.encode(topic, data)
        self._send(self._prefix + topic.of(**names), payload, retained=topic.retained)

    def publish_plain(self, topic: str, payload: bytes, *, retained: bool) -> None:
        self._send(topic, payload, retained=retained)

    @contextlib.contextmanager
    def batch(self) -> Iterator[None]:
        yield  # nothing is gained by waiting, and nobody can tell the difference

    @contextlib.contextmanager
    def hold(self) -> Iterator[Callable[[], None]]:
        held: list[Callable[[], None]] = []
        outer, self._holding.held = getattr(self._holding, "held", None), held
        try:
            yield lambda: _call_all(held)
        finally:
            self._holding.held = outer

    def _send(self, name: str, payload: bytes, **properties: Any) -> None:
        held: list[Callable[[], None]] | None = getattr(self._holding, "held", None)
        if held is not None:
            held.append(lambda: self._send(name, payload, **properties))
        elif self.online:
            self._hub.publish_raw(name, payload, **properties)

    def request(
        self, data: object, /, *, client: str, correlation: bytes, message_id: str | None = None
    ) -> None:
        payload = self._writer.encode(REQUEST, data, message_id)
        self._send(
            self._prefix + REQUEST.of(client=client),
            payload,
            response_topic=self._prefix + REPLY.of(client=client),
            correlation=correlation,
        )

    def reply(self, to: Inbound | Refusal, data: object) -> None:
        name = reply_name(to, self._hub.root)
        payload = self._writer.encode(REPLY, data)
        if name is not None:
            self._send(name, payload, correlation=to.correlation)

    def start(self, handler: Handler) -> None:
        if self._thread is not None:
            raise RuntimeError("a bus is started once")
        self._thread = threading.Thread(target=self._deliver_all, args=(handler,), name="bus", daemon=True)
        self._thread.start()
        self._hub.connect(self)

    def stop(self) -> None:
        self._hub.leave(self)
        self._queue.put(None)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def put(self, what: "_Message | BusInput") -> None:
        """Queue for delivery; called by the hub."""
        self._queue.put(what)

    def _deliver_all(self, handler: Handler) -> None:
        while (found := self._queue.get()) is not None:
            what = self._read(found) if isinstance(found, _Message) else found
            try:
                handler(what)
            except Exception:
                log.exception("a bus handler raised on %s", type(what).__name__)

    def _read(self, message: _Message) -> Inbound | Plain | Refusal:
        if not message.name.startswith(self._prefix):
            return Plain(message.name, message.payload)
        return route(
            message.name.removeprefix(self._prefix),
            message.payload,
            response_topic=message.response_topic,
            correlation=message.correlation,
            retained=message.retained,
            check=self._check,
        )


def _call_all(held: list[Callable[[], None]]) -> None:
    for send in held:
        send()


def _matches(wanted: str, name: str) -> bool:
    """Tell whether a whole filter with `+` matches a whole topic name."""
    parts, given = wanted.split("/"), name.split("/")
    return len(parts) == len(given) and all(
        part in ("+", have) for part, have in zip(parts, given, strict=True)
    )
