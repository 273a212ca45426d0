"""The real bus: a supervisor thread that keeps one connection to the broker alive.

Each connection is a new paho client with a new random client id: a connection
that went wrong in any way leaves nothing behind. Reconnects back off from
0.1-0.5 s, doubling to 30 s. After a suspend, or when the process was stopped
for long, the old connection is not trusted and is replaced at once.
"""

import contextlib
import logging
import math
import random
import threading
from collections.abc import Callable, Iterator

from bus.clock import suspend_aware_seconds
from bus.outgoing import Writer, reply_name
from bus.paho_connection import Connection, Lost, Will
from bus.paho_packets import NO_PROPERTIES, PLAIN, Arrived, Outgoing, pack_properties
from bus.port import BusInput, Connected, Disconnected, Handler, Inbound, LastWill, Plain, Refusal
from bus.router import route
from bus.settings import BusSettings
from bus.signing import Checker, Signer
from bus.topics import REPLY, REQUEST, Topic

#: A thread that did not run for longer was suspended or stopped with its machine.
SUSPEND_GAP_SECONDS = 10.0
#: From connect to the last subscription acknowledged.
READY_SECONDS = 10.0
_STEP_SECONDS = 1.0
_FIRST_RETRY = (0.1, 0.5)
_LONGEST_RETRY = 30.0
#: A connection that lasted this long was a good one: back-off starts anew.
_GOOD_SECONDS = 5.0

#: A batch that is larger goes in several pieces, so that readers need not wait for its end.
_BATCH_BYTES = 64 * 1024

log = logging.getLogger(__name__)


def _nobody(_what: BusInput) -> None:
    """Stand in for the handler before `start`."""


class PahoBus:
    """`bus.port.Bus` over MQTT 5 with mutual TLS 1.3.

    Args:
        signer: Signs what is published on signed topics; None for whoever publishes on none.
        check: Proves the senders of what arrives on signed topics; None takes it as it comes.
        longest_retry_seconds: Upper bound of the pauses between attempts to connect.
    """

    def __init__(
        self,
        settings: BusSettings,
        *,
        will: LastWill | None = None,
        signer: Signer | None = None,
        check: Checker | None = None,
        clock: Callable[[], float] = suspend_aware_seconds,
        longest_retry_seconds: float = _LONGEST_RETRY,
    ) -> None:
        self._settings = settings
        self._prefix = f"{settings.root}/"
        self._clock = clock
        self._longest_retry = longest_retry_seconds
        self._writer = Writer(settings.name, signer)
        self._check = check
        self._will = None if will is None else self._encode_will(will)
        self._handler: Handler = _nobody
        self._filters: dict[str, int] = {}
        self._filters_lock = threading.Lock()
        self._connection: Connection | None = None
        #: Of each thread: `open`, its batch if it has one, and `size`, the bytes in it.
        self._batches = threading.local()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._why = ""

    # --- bus.port.Bus -------------------------------------------------------

    def subscribe(self, topic: Topic, **names: str) -> None:
        # Others may send requests at QoS 1; asking for it here keeps their choice.
        self._subscribe(self._prefix + topic.filter(**names), 1 if topic is REQUEST else 0)

    def subscribe_plain(self, topic: str) -> None:
        self._subscribe(topic, 0)

    def unsubscribe(self, topic: Topic, **names: str) -> None:
        self.unsubscribe_plain(self._prefix + topic.filter(**names))

    def _subscribe(self, name: str, qos: int) -> None:
        with self._filters_lock:
            self._filters = {**self._filters, name: qos}
            connection = self._connection
        if connection is not None:
            connection.subscribe(name, qos)

    def unsubscribe_plain(self, topic: str) -> None:
        with self._filters_lock:
            self._filters = {other: qos for other, qos in self._filters.items() if other != topic}
            connection = self._connection
        if connection is not None:
            connection.unsubscribe(topic)

    def publish(self, topic: Topic, data: object, /, **names: str) -> None:
        payload = self._writer.encode(topic, data)
        self._send(self._prefix + topic.of(**names), payload, topic.retained, PLAIN)

    def publish_plain(self, topic: str, payload: bytes, *, retained: bool) -> None:
        self._send(topic, payload, retained, NO_PROPERTIES)

    @contextlib.contextmanager
    def batch(self) -> Iterator[None]:
        if getattr(self._batches, "open", None) is not None:
            yield  # the outer one sends
            return
        self._batches.open, self._batches.size = [], 0
        try:
            yield
        finally:
            messages, self._batches.open = self._batches.open, None
            self._send_all(messages)

    @contextlib.contextmanager
    def hold(self) -> Iterator[Callable[[], None]]:
        held: list[Outgoing] = []
        outer = getattr(self._batches, "open", None), getattr(self._batches, "size", 0)
        # No number of bytes makes it large enough to be sent.
        self._batches.open, self._batches.size = held, -math.inf
        try:
            yield lambda: self._send_held(held)
        finally:
            self._batches.open, self._batches.size = outer

    def request(
        self, data: object, /, *, client: str, correlation: bytes, message_id: str | None = None
    ) -> None:
        payload = self._writer.encode(REQUEST, data, message_id)
        properties = pack_properties(self._prefix + REPLY.of(client=client), correlation)
        self._send(self._prefix + REQUEST.of(client=client), payload, False, properties)

    def reply(self, to: Inbound | Refusal, data: object) -> None:
        name = reply_name(to, self._settings.root)
        if name is None:
            return
        properties = PLAIN if to.correlation is None else pack_properties(None, to.correlation)
        self._send(name, self._writer.encode(REPLY, data), False, properties)

    def start(self, handler: Handler) -> None:
        if self._thread is not None:
            raise RuntimeError("a bus is started once")
        self._settings.read_context()  # raises here, where someone sees it, if the files are no good
        self._handler = handler
        self._thread = threading.Thread(target=self._supervise, name="bus", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        connection = self._connection
        if connection is not None:
            connection.wake()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    # --- the supervisor -----------------------------------------------------

    def _supervise(self) -> None:
        retry = random.uniform(*_FIRST_RETRY)
        while not self._stopping.is_set():
            began = self._clock()
            connection = self._build_connection()
            try:
                connection.open()
                self._serve(connection)
                connection.close(with_will=self._will is not None)
                return
            except Lost as lost:
                why = str(lost)
            except Exception as error:
                # Whatever paho raises on hostile bytes: a new connection is the answer to all of it.
                log.exception("the connection to the broker failed")
                why = f"{type(error).__name__}: {error}"
            connection.abandon()
            self._connection = None
            self._say_disconnected(why)
            if self._clock() - began > _GOOD_SECONDS:
                retry = random.uniform(*_FIRST_RETRY)
            self._stopping.wait(retry)
            retry = min(retry * 2 * random.uniform(0.8, 1.2), self._longest_retry)

    def _build_connection(self) -> Connection:
        with self._filters_lock:
            connection = Connection(self._settings, self._will, self._filters)
            self._connection = connection
        return connection

    def _serve(self, connection: Connection) -> None:
        """Deliver until told to stop.

        Raises:
            Lost: When the connection has ended.
        """
        told = False
        early: list[Arrived] = []
        began = before = self._clock()
        while not self._stopping.is_set():
            messages = connection.step(_STEP_SECONDS)
            now = self._clock()
            if now - before > SUSPEND_GAP_SECONDS:
                raise Lost(f"this machine slept or the process was stopped for {now - before:.0f} s")
            before = now
            if not told:
                # Retained messages may overtake the acknowledgement of their subscription.
                early += messages
                if not connection.ready:
                    if now - began > READY_SECONDS:
                        raise Lost(f"the broker did not complete the session in {READY_SECONDS:.0f} s")
                    continue
                told, messages = True, early
                self._catch_up(connection)
                self._why = ""
                self._deliver(Connected())
            for message in messages:
                self._deliver(self._read(message))

    def _catch_up(self, connection: Connection) -> None:
        """Subscribe to what was added, and undo what was removed, while the connection was being made."""
        wanted = self._filters
        for name, qos in wanted.items():
            if name not in connection.filters:
                connection.subscribe(name, qos)
        for name in connection.filters:
            if name not in wanted:
                connection.unsubscribe(name)

    def _say_disconnected(self, why: str) -> None:
        # The same failure again and again is told once.
        if why != self._why:
            self._why = why
            self._deliver(Disconnected(why))

    def _read(self, message: Arrived) -> Inbound | Plain | Refusal:
        try:
            name = message.name.decode()
        except UnicodeDecodeError:
            return Refusal(None, {}, "bad_name", "the topic name is not UTF-8")
        if not name.startswith(self._prefix):
            return Plain(name, message.payload)
        return route(
            name.removeprefix(self._prefix),
            message.payload,
            response_topic=message.response_topic,
            correlation=message.correlation,
            retained=message.retained,
            check=self._check,
        )

    def _deliver(self, what: BusInput) -> None:
        try:
            self._handler(what)
        except Exception:
            # A handler that raises would end this thread while everything looks connected.
            log.exception("a bus handler raised on %s", type(what).__name__)

    # --- sending ------------------------------------------------------------

    def _send(self, name: str, payload: bytes, retained: bool, properties: bytes) -> None:
        self._send_message(Outgoing(name, payload, retained, properties))

    def _send_held(self, held: list[Outgoing]) -> None:
        with self.batch():
            for message in held:
                self._send_message(message)

    def _send_message(self, message: Outgoing) -> None:
        batch: list[Outgoing] | None = getattr(self._batches, "open", None)
        if batch is None:
            self._send_all([message])
            return
        batch.append(message)
        self._batches.size += len(message.payload)
        if self._batches.size > _BATCH_BYTES:
            self._send_all(batch)
            batch.clear()
            self._batches.size = 0

    def _send_all(self, messages: list[Outgoing]) -> None:
        connection = self._connection
        if messages and connection is not None and connection.ready:
            connection.publish(messages)

    def _encode_will(self, will: LastWill) -> Will:
        name = self._prefix + will.topic.of(**will.names)
        return Will(name, self._writer.encode(will.topic, will.data), will.topic.retained)
