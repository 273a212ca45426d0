"""One plain MQTT 5 connection, spoken byte by byte: what a principal tries, and what the broker says to it.

Synchronous and without threads, so that a ping marks "all that was coming has
come": the broker sends a connection's packets in order.
"""

import contextlib
import socket
import struct
from collections.abc import Iterable
from types import TracebackType
from typing import NamedTuple, Self

from bus.settings import BusSettings
from idlehands.house.packets import counted, receive_packet, send_packet

#: MQTT 5, section 2.4: not authorized.
REFUSED = 0x87
_PUBLISH, _PUBACK, _PONG = 0x30, 0x40, 0xD0
_SECONDS = 60.0


class Message(NamedTuple):
    """What arrived."""

    topic: str
    payload: bytes
    retained: bool


class Will(NamedTuple):
    """What the broker shall publish when the connection is lost."""

    topic: str
    payload: bytes


class Line:
    """A connection that the broker has accepted; a context manager.

    Raises:
        OSError, EOFError: From the constructor, when the broker does not let it in.
    """

    def __init__(
        self, settings: BusSettings, *, client_id: str = "", fresh: bool = True, will: Will | None = None
    ) -> None:
        plain = socket.create_connection((settings.host, settings.port), timeout=_SECONDS)
        self.arrived: list[Message] = []
        self._packet_id = 0
        try:
            self._socket = settings.read_context().wrap_socket(plain)
            flags = (0x02 if fresh else 0) | (0x04 if will else 0)
            body = _text("MQTT") + bytes([5, flags]) + struct.pack("!H", 60) + b"\0" + _text(client_id)
            if will:
                body += b"\0" + _text(will.topic) + counted(will.payload)
            self._send(0x10, body)
            kind, answer = self._receive()
            if kind != 0x20 or answer[1] != 0:
                raise ConnectionRefusedError(f"the broker refused: {kind:02x} {answer.hex()}")
            #: Whether the broker goes on with a session that it kept for this client id.
            self.resumed = bool(answer[0] & 1)
        except BaseException:
            plain.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._send(0xE0, b"")
        self.drop()

    def drop(self) -> None:
        """Close without leave, as a machine that loses its power."""
        self._socket.close()

    def publish(self, topic: str, payload: bytes = b"", *, retain: bool = False) -> int:
        """Publish at QoS 1 and return the broker's reason code; below 0x80 means that it took it."""
        self._packet_id = self._packet_id % 65535 + 1
        packet_id = struct.pack("!H", self._packet_id)
        self._send(_PUBLISH | 0x02 | retain, _text(topic) + packet_id + b"\0" + payload)
        while True:
            kind, body = self._receive()
            if kind & 0xF0 == _PUBACK and body[:2] == packet_id:
                return body[2] if len(body) > 2 else 0
            self._take(kind, body)

    def subscribe(self, filters: Iterable[str]) -> list[int]:
        """Subscribe at QoS 0 and return the broker's reason codes."""
        self._packet_id = self._packet_id % 65535 + 1
        packet_id = struct.pack("!H", self._packet_id)
        self._send(0x82, packet_id + b"\0" + b"".join(_text(each) + b"\0" for each in filters))
        while True:
            kind, body = self._receive()
            if kind == 0x90 and body[:2] == packet_id:
                return list(body[3:])
            self._take(kind, body)

    def ping(self) -> list[Message]:
        """Return all that has arrived until the broker answered a ping, and forget it."""
        self._send(0xC0, b"")
        while (packet := self._receive())[0] != _PONG:
            self._take(*packet)
        arrived, self.arrived = self.arrived, []
        return arrived

    def is_open(self) -> bool:
        """Tell whether the broker still answers on this connection."""
        try:
            self._send(0xC0, b"")
            while (packet := self._receive())[0] != _PONG:
                if packet[0] == 0xE0:
                    return False
                self._take(*packet)
        except (OSError, EOFError):
            return False
        return True

    def _take(self, kind: int, body: bytes) -> None:
        if kind & 0xF0 != _PUBLISH:
            raise EOFError(f"the broker sent {kind:02x} {body.hex()}")
        (length,) = struct.unpack_from("!H", body)
        at = 2 + length + (2 if kind & 0x06 else 0)
        size, at = _read_length(body, at)
        self.arrived.append(Message(body[2 : 2 + length].decode(), body[at + size :], bool(kind & 1)))

    def _send(self, kind: int, body: bytes) -> None:
        send_packet(self._socket, kind, body)

    def _receive(self) -> tuple[int, bytes]:
        return receive_packet(self._socket)


def _text(text: str) -> bytes:
    return counted(text.encode())


def _read_length(content: bytes, at: int) -> tuple[int, int]:
    number, shift = 0, 0
    while True:
        byte = content[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return number, at
