"""One connection to the broker: one paho client, from connect to its end, never reused.

Reading happens only in `step`, on the supervisor's thread. Writing happens on
the thread that publishes, under a lock: handing the bytes to another thread
costs a system call and, while the interpreter is busy, up to 5 ms. The lock
is needed because OpenSSL's connections are not made for two threads at once.
Messages are only collected here; whoever calls `step` delivers them, outside
of the lock, so that a handler that takes a lock of its own cannot deadlock.
"""

import contextlib
import secrets
import selectors
import socket
import ssl
import threading
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from bus.codec import MAX_MESSAGE_BYTES
from bus.paho_client import Client
from bus.paho_packets import (
    Arrived,
    Outgoing,
    PackedProperties,
    QuickClient,
    client_class,
    read_message,
    write_publish,
)
from bus.settings import BusSettings, BusSettingsError, HouseContext

KEEPALIVE_SECONDS = 20
CONNECT_TIMEOUT_SECONDS = 5.0
#: Messages that may wait for a broker that does not read. More are dropped: QoS 0 promises nothing.
MAX_UNSENT = 20_000
_READ_BATCH = 16
_WITH_WILL = ReasonCode(PacketTypes.DISCONNECT, identifier=4)


class Will(NamedTuple):
    """What the broker publishes for us when we vanish."""

    name: str
    payload: bytes
    retained: bool


class Lost(Exception):
    """The connection could not be made or is gone; the text says why."""


class Connection:
    """One generation of the connection. Not restartable: make a new one."""

    def __init__(self, settings: BusSettings, will: Will | None, filters: dict[str, int]) -> None:
        self._settings = settings
        #: What was subscribed to when the connection was made.
        self.filters = filters
        self._lock = threading.Lock()
        self._selector = selectors.DefaultSelector()
        # A pair of sockets, not a pipe: Windows selects on nothing else.
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._context: HouseContext | None = None
        self._socket: ssl.SSLSocket | None = None
        self._inbox: list[Arrived] = []
        self._unsent = 0
        self._why = ""
        self._open_subscriptions: set[int] = set()
        #: Connected, and every filter was acknowledged.
        self.ready = False
        self._client = self._build_client(will)

    def _build_client(self, will: Will | None) -> Client:
        client = client_class()(
            CallbackAPIVersion.VERSION2,
            client_id=secrets.token_hex(16),
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
        )
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = lambda _client, _data, message: self._inbox.append(read_message(message))
        if isinstance(client, QuickClient):
            client.arrived = lambda arrived: self._inbox.append(arrived)
        client.on_disconnect = self._on_disconnect
        if will is not None:
            client.will_set(will.name, will.payload, qos=0, retain=will.retained)
        client.connect_timeout = CONNECT_TIMEOUT_SECONDS
        return client

    # --- life ---------------------------------------------------------------

    def open(self) -> None:
        """Connect and send what begins an MQTT session; `ready` follows in some later `step`.

        Raises:
            Lost: If there is no broker, or it is not ours.
        """
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = 0
        properties.MaximumPacketSize = MAX_MESSAGE_BYTES + 16_384
        where = self._settings.address
        try:
            self._context = self._settings.read_context()
            self._client.tls_set_context(self._context)
            self._client.connect(
                self._settings.host,
                self._settings.port,
                KEEPALIVE_SECONDS,
                clean_start=True,
                properties=properties,
            )
        except BusSettingsError as error:
            raise Lost(str(error)) from None
        except ConnectionRefusedError:
            raise Lost(f"nothing listens on {where}: is the broker running (`idlehands up`)?") from None
        except socket.gaierror:
            raise Lost(f"the host name of the broker at {where} is not known") from None
        except ssl.SSLCertVerificationError as error:
            raise Lost(
                f"the broker at {where} is not of the house of {self._settings.certificate / 'ca.pem'}: "
                f"{error.verify_message}"
            ) from None
        except TimeoutError:
            raise Lost(f"the broker at {where} did not answer in {CONNECT_TIMEOUT_SECONDS:.0f} s") from None
        except OSError as error:
            raise Lost(f"no connection to the broker at {where}: {error}") from None
        found = cast(ssl.SSLSocket | None, self._client.socket())
        if found is None:
            raise Lost(self._hung_up())
        # Without it a small message waits for the acknowledgement of the one before: 43 ms.
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = found
        self._selector.register(found, selectors.EVENT_READ)

    def close(self, *, with_will: bool = False) -> None:
        """Say goodbye, after all that was published, and free everything. Safe to repeat."""
        with self._lock:
            if self._client.socket() is not None:
                self._client.disconnect(_WITH_WILL if with_will else None)
                self._drain()
            self._free()

    def abandon(self) -> None:
        """Free everything without a goodbye: the broker will publish the will."""
        with self._lock:
            self._free()

    def _drain(self) -> None:
        for _ in range(20):
            if self._client.socket() is None or not self._client.want_write():
                return
            self._selector.modify(self._socket, selectors.EVENT_WRITE)  # type: ignore[arg-type]
            self._selector.select(0.1)
            self._client.loop_write()

    def _free(self) -> None:
        if self._selector.get_map() is None:
            return
        self._selector.close()
        self._wake_read.close()
        self._wake_write.close()
        if self._context is not None and self._context.made is not None:
            # Closed under paho, which then cleans up as after any lost connection.
            self._context.made.close()
        self._socket = None
        self.ready = False

    # --- traffic ------------------------------------------------------------

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """Send each once, on this thread and in one piece, or drop them silently."""
        client = self._client
        packets = b""
        if isinstance(client, QuickClient):
            packets = b"".join([write_publish(*message) for message in messages])
        with self._lock:
            if client.socket() is None or self._unsent > MAX_UNSENT:
                return
            if isinstance(client, QuickClient):
                client.send(packets)
            else:
                for name, payload, retained, properties in messages:
                    client.publish(name, payload, 0, retained, PackedProperties(properties))
            if client.want_write():
                # The socket is full; `step` has to wait for room as well from now on.
                if self._unsent == 0:
                    self._wake()
                self._unsent += len(messages)

    def subscribe(self, name: str, qos: int) -> None:
        """Add a filter; nothing says when it is in place except what comes back."""
        with self._lock:
            if self.ready:
                self._client.subscribe(name, qos)

    def unsubscribe(self, name: str) -> None:
        """Remove a filter."""
        with self._lock:
            if self.ready:
                self._client.unsubscribe(name)

    def step(self, timeout: float) -> list[Arrived]:
        """Read, write and keep alive for at most `timeout` seconds; return what arrived.

        Raises:
            Lost: When the connection has ended. Messages that came before it are lost with it.
        """
        found = self._socket
        if found is None:
            raise Lost(self._why or "not connected")
        with self._lock:
            waiting = self._client.want_write()
            if not waiting:
                self._unsent = 0
            buffered = found.pending() > 0
        self._selector.modify(found, selectors.EVENT_READ | (selectors.EVENT_WRITE if waiting else 0))
        events = self._selector.select(0 if buffered else timeout)
        ready = {key.fileobj: mask for key, mask in events}
        if self._wake_read in ready:
            self._wake_read.recv(1024)
        mask = ready.get(found, 0)
        with self._lock:
            if mask & selectors.EVENT_WRITE:
                self._client.loop_write()
            if buffered or mask & selectors.EVENT_READ:
                self._read(found)
            self._client.loop_misc()
            if self._client.socket() is None:
                raise Lost(self._why or "the connection broke off")
            inbox, self._inbox = self._inbox, []
        return inbox

    def _read(self, found: ssl.SSLSocket) -> None:
        for _ in range(_READ_BATCH):
            if self._client.loop_read() != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return
            if found.pending() == 0:
                return

    def wake(self) -> None:
        """Make a waiting `step` return. Safe from any thread, and after the end."""
        with self._lock:
            self._wake()

    def _wake(self) -> None:
        # Full: it has been woken often enough already. Closed: there is nobody to wake.
        with contextlib.suppress(OSError):
            self._wake_write.send(b"w")

    # --- what paho calls, on the thread of `step` ------------------------------

    def _on_connect(self, client: Client, _data: Any, _flags: Any, code: ReasonCode, _more: Any) -> None:
        if code.is_failure:
            self._why = f"the broker refused the connection: {code}"
            return
        if not self.filters:
            self.ready = True
            return
        # One filter a packet: the broker answers in order, and one refusal does not hide among others.
        for name, qos in self.filters.items():
            _, mid = client.subscribe(name, qos)
            if mid is not None:
                self._open_subscriptions.add(mid)

    def _on_subscribe(
        self, _client: Client, _data: Any, mid: int, codes: list[ReasonCode], _more: Any
    ) -> None:
        self._open_subscriptions.discard(mid)
        for code in codes:
            if code.is_failure:
                self._why = f"the broker refused a subscription: {code}"
        self.ready = self.ready or not self._open_subscriptions

    def _on_disconnect(self, _client: Client, _data: Any, flags: Any, code: ReasonCode, _more: Any) -> None:
        if self._why:
            return
        if flags.is_disconnect_packet_from_server:
            self._why = f"the broker ended the connection: {code}"
        elif not self.ready and not self._open_subscriptions:
            self._why = self._hung_up()
        else:
            self._why = f"the connection to the broker at {self._settings.address} broke off ({code})"

    def _hung_up(self) -> str:
        # TLS 1.3: a refused client certificate shows only after the handshake, as a closed connection.
        return (
            f"the broker at {self._settings.address} hung up before it answered: it may be stopping, "
            f"or the certificate in {self._settings.certificate} is revoked, expired or of another house"
        )
