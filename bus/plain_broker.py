"""A connection to a broker of somebody else: MQTT 3.1.1, user and password, TLS if it has that.

Knows nothing of the house's topics. It connects in the background, again and again, and a broker that
is away costs nobody anything: what is published meanwhile is dropped.
"""

import ssl
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from bus.paho_client import Client, MQTTMessage

_KEEPALIVE_SECONDS = 30
_LONGEST_RETRY_SECONDS = 30
#: What one message may have; what is larger is not of a home.
_LARGEST = 65_536
#: Messages that wait to be written.
_QUEUED = 1000


class PlainSettings(Struct, frozen=True):
    """Where a broker is and who we are there."""

    host: str
    port: int = 1883
    user: str = ""
    password: str = ""
    tls: bool = False


class PlainMessage(Struct, frozen=True):
    """What arrived."""

    topic: str
    payload: bytes
    retained: bool


class PlainState(Struct, frozen=True):
    """How the connection is. `since` is Unix seconds."""

    connected: bool
    since: float
    why: str = ""


class PlainBroker:
    """One connection, for as long as it is wanted.

    Args:
        settings: Where to.
        will: Topic and payload that the broker keeps and publishes, retained, when we are gone.
        on_message: Called on a thread of its own for each message; must be quick.
        on_connected: Called there with every connection.
    """

    def __init__(
        self,
        settings: PlainSettings,
        *,
        will: tuple[str, bytes] | None = None,
        on_message: Callable[[PlainMessage], None],
        on_connected: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._on_message, self._on_connected = on_message, on_connected
        self._filters: dict[str, int] = {}
        self._lock = threading.Lock()
        self.state = PlainState(False, time.time(), "not connected yet")
        client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv311)
        client.reconnect_delay_set(1, _LONGEST_RETRY_SECONDS)
        client.max_queued_messages_set(_QUEUED)
        client.connect_timeout = 10.0
        if settings.user:
            client.username_pw_set(settings.user, settings.password)
        if settings.tls:
            client.tls_set_context(ssl.create_default_context())
        if will is not None:
            client.will_set(will[0], will[1], qos=0, retain=True)
        client.on_connect = self._connected
        client.on_connect_fail = self._not_connected
        client.on_disconnect = self._disconnected
        client.on_message = self._arrived
        self._client = client

    def start(self) -> None:
        """Connect in the background. Call once."""
        self._client.connect_async(self._settings.host, self._settings.port, _KEEPALIVE_SECONDS)
        self._client.loop_start()

    def stop(self) -> None:
        """Disconnect; the will is published by whoever wants that. Safe to repeat."""
        self._client.disconnect()
        self._client.loop_stop()

    def subscribe(self, filters: Mapping[str, int]) -> None:
        """Receive what matches, and no more what was asked for before."""
        with self._lock:
            gone = [name for name in self._filters if name not in filters]
            self._filters = dict(filters)
        if self.state.connected:
            for name in gone:
                self._client.unsubscribe(name)
            self._subscribe()

    def publish(self, topic: str, payload: bytes, *, retained: bool) -> bool:
        """Publish once, and tell whether it could be sent: not while there is no connection."""
        if not self.state.connected:
            return False
        info = self._client.publish(topic, payload, qos=0, retain=retained)
        return info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS

    def _subscribe(self) -> None:
        with self._lock:
            filters = list(self._filters.items())
        if filters:
            self._client.subscribe(filters)

    def _connected(self, _client: Client, _data: Any, _flags: Any, code: Any, _more: Any) -> None:
        if code.is_failure:
            self.state = PlainState(False, time.time(), f"it refused the connection: {code}")
            return
        self.state = PlainState(True, time.time())
        self._subscribe()
        self._on_connected()

    def _not_connected(self, _client: Client, _data: Any) -> None:
        self.state = PlainState(False, self._since(), "it is not reached")

    def _disconnected(self, _client: Client, _data: Any, _flags: Any, code: Any, _more: Any) -> None:
        if self.state.connected or not self.state.why:
            self.state = PlainState(False, time.time(), f"the connection broke off: {code}")

    def _since(self) -> float:
        return time.time() if self.state.connected else self.state.since

    def _arrived(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        if len(message.payload) <= _LARGEST:
            self._on_message(PlainMessage(message.topic, bytes(message.payload), message.retain))
