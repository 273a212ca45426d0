"""PUBLISH packets without paho's property objects, read and written (MQTT 5.0, section 3.3).

paho spends 70 us on the MQTT 5 properties of one message that arrives, more
than on all else together, and a system call on each that leaves. The client
here reads the few properties that matter straight from the packet, leaves
every packet that is in any way unusual to paho, and sends many packets as one
piece. It looks into paho's private parts, so it is used only with the versions
that it was tested with; others take the slow way.
"""

from collections.abc import Callable
from typing import NamedTuple, cast

import paho.mqtt
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from bus.codec import CONTENT_TYPE
from bus.paho_client import Client, MQTTMessage, MQTTMessageInfo

TESTED_VERSIONS = ("2.1.0", "2.2.0")
_PAYLOAD_FORMAT, _EXPIRY, _CONTENT_TYPE, _RESPONSE_TOPIC, _CORRELATION = 1, 2, 3, 8, 9


class Arrived(NamedTuple):
    """A message as it came, not yet decoded."""

    name: bytes
    payload: bytes
    retained: bool
    response_topic: str | None = None
    correlation: bytes | None = None


class PackedProperties(Properties):
    """Properties that were packed already."""

    def __init__(self, content: bytes) -> None:
        super().__init__(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        # Properties refuses attributes that are not MQTT's.
        self.__dict__["once"] = content

    def pack(self) -> bytes:
        return cast(bytes, self.__dict__["once"])


def pack_properties(response_topic: str | None = None, correlation: bytes | None = None) -> bytes:
    """Return the MQTT 5 properties of one of our messages, as they stand in the packet."""
    found = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    found.ContentType = CONTENT_TYPE
    if response_topic is not None:
        found.ResponseTopic = response_topic
    if correlation is not None:
        found.CorrelationData = correlation
    return bytes(found.pack())  # type: ignore[no-untyped-call]


PLAIN = pack_properties()
#: Of a message that is none of ours.
NO_PROPERTIES = bytes(Properties(PacketTypes.PUBLISH).pack())  # type: ignore[no-untyped-call]


class Outgoing(NamedTuple):
    """A message ready to leave: whole topic name, envelope, and packed properties."""

    name: str
    payload: bytes
    retained: bool
    properties: bytes


def read_publish(header: int, packet: bytes) -> Arrived | None:
    """Return the message in a QoS 0 PUBLISH packet; None when it is anything else or unusual."""
    if header & 0x06:
        return None
    try:
        name_end = 2 + (packet[0] << 8 | packet[1])
        size = packet[name_end]
        at = name_end + 1
        end = at + size
        if size > 127 or end > len(packet):
            return None
        response_topic: str | None = None
        correlation: bytes | None = None
        while at < end:
            kind = packet[at]
            if kind == _PAYLOAD_FORMAT:
                at += 2
                continue
            if kind == _EXPIRY:
                at += 5
                continue
            start = at + 3
            at = start + (packet[at + 1] << 8 | packet[at + 2])
            if kind == _RESPONSE_TOPIC and response_topic is None:
                response_topic = packet[start:at].decode()
            elif kind == _CORRELATION and correlation is None:
                correlation = packet[start:at]
            elif kind != _CONTENT_TYPE:
                return None
        if at != end:
            return None
    except (IndexError, UnicodeDecodeError):
        return None
    return Arrived(packet[2:name_end], packet[end:], bool(header & 1), response_topic, correlation)


def write_publish(name: str, payload: bytes, retained: bool, properties: bytes) -> bytes:
    """Return a QoS 0 PUBLISH packet.

    Raises:
        ValueError: If the topic name has wildcards or is too long: the broker would hang up.
    """
    topic = name.encode()
    if b"+" in topic or b"#" in topic or not 0 < len(topic) < 65_536:
        raise ValueError(f"{name[:200]!r} is no topic name to publish on")
    left = 2 + len(topic) + len(properties) + len(payload)
    header = bytearray((0x31 if retained else 0x30,))
    while left > 0x7F:
        header.append(left & 0x7F | 0x80)
        left >>= 7
    header.append(left)
    return b"".join((header, len(topic).to_bytes(2), topic, properties, payload))


def read_message(message: MQTTMessage) -> Arrived:
    """Return what paho made of a message."""
    found = message.properties
    # The name as bytes: paho's own property raises on a name that is not UTF-8.
    return Arrived(
        message._topic,
        bytes(message.payload),
        bool(message.retain),
        getattr(found, "ResponseTopic", None),
        getattr(found, "CorrelationData", None),
    )


class QuickClient(Client):
    """A paho client that hands ordinary messages to `arrived` itself, and takes packets that are ready."""

    arrived: Callable[[Arrived], None]

    def _handle_publish(self) -> MQTTErrorCode:
        found = read_publish(self._in_packet["command"], bytes(self._in_packet["packet"]))
        if found is None:
            return super()._handle_publish()
        self.arrived(found)
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def send(self, packets: bytes) -> None:
        """Queue whole QoS 0 packets as one piece and write as much as the socket takes."""
        if self._sock is not None:
            self._packet_queue(0x30, packets, 0, 0, MQTTMessageInfo(0))


def client_class() -> type[Client]:
    """Return the quick client where it is known to fit the installed paho."""
    return QuickClient if paho.mqtt.__version__ in TESTED_VERSIONS else Client
