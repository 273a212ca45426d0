"""The quick reading of PUBLISH packets agrees with paho's own, and never raises."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt import _packet
from paho.mqtt.client import MQTTMessage
from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from bus.paho_packets import PLAIN, Arrived, pack_properties, read_message, read_publish, write_publish


def _packet_of(name: str, payload: bytes, properties: bytes) -> bytes:
    return len(name.encode()).to_bytes(2) + name.encode() + properties + payload


def _by_paho(header: int, packet: bytes) -> Arrived:
    parsed = _packet.decode_publish(header, packet, MQTTProtocolVersion.MQTTv5)
    message = MQTTMessage(parsed.mid, parsed.topic)
    message.payload, message.retain, message.properties = parsed.payload, parsed.retain, parsed.properties
    return read_message(message)


@given(
    st.text(min_size=1, max_size=20).filter(lambda text: "\0" not in text),
    st.binary(max_size=50),
    st.none() | st.just("a/b"),
    st.none() | st.binary(min_size=1, max_size=30),
    st.booleans(),
)
def test_quick_reading_agrees_with_paho(
    name: str, payload: bytes, response_topic: str | None, correlation: bytes | None, retained: bool
) -> None:
    properties = Properties(PacketTypes.PUBLISH)
    if response_topic is not None:
        properties.ResponseTopic = response_topic
    if correlation is not None:
        properties.CorrelationData = correlation
    properties.MessageExpiryInterval = 7
    properties.PayloadFormatIndicator = 1
    packet = _packet_of(name, payload, properties.pack())
    header = 0x30 | retained

    assert read_publish(header, packet) == _by_paho(header, packet)


def test_what_is_unusual_is_left_to_paho() -> None:
    plain = _packet_of("a", b"x", PLAIN)
    many = Properties(PacketTypes.PUBLISH)
    many.UserProperty = ("key", "value")

    assert read_publish(0x30, plain) == Arrived(b"a", b"x", False)
    assert read_publish(0x32, plain) is None, "QoS 1 has a packet id"
    assert read_publish(0x30, _packet_of("a", b"x", many.pack())) is None
    assert read_publish(0x30, b"\x00\x05a") is None
    assert read_publish(0x30, b"") is None


def test_mutated_packets_never_raise() -> None:
    chance = random.Random(3)
    whole = _packet_of("idlehands/v1/a", b"payload", pack_properties("b/c", b"id"))
    for _ in range(20_000):
        packet = bytearray(whole)
        for _ in range(chance.randrange(1, 4)):
            packet[chance.randrange(len(packet))] = chance.randrange(256)
        read_publish(0x30, bytes(packet[: chance.randrange(len(packet) + 1)]))


@given(
    st.text(min_size=1, max_size=20).filter(lambda text: not set("\0+#") & set(text)),
    st.integers(0, 300) | st.sampled_from([16_000, 16_383, 20_000, 262_144]),
    st.booleans(),
)
def test_what_is_written_is_read_by_paho(name: str, size: int, retained: bool) -> None:
    packet = write_publish(name, b"x" * size, retained, PLAIN)

    at, left, shift = 1, 0, 0
    while True:
        left |= (packet[at] & 0x7F) << shift
        shift += 7
        at += 1
        if packet[at - 1] < 0x80:
            break
    assert left == len(packet) - at
    assert _by_paho(packet[0], packet[at:]) == Arrived(name.encode(), b"x" * size, retained)


@pytest.mark.parametrize("name", ["", "a/+/b", "#", "x" * 65_536])
def test_a_name_that_the_broker_would_hang_up_on_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no topic name"):
        write_publish(name, b"", False, PLAIN)
