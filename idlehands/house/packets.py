"""The few MQTT packets with which a house looks at its own broker (MQTT 3.1.1, OASIS standard).

Speaks them by itself, because it must try what the bus refuses to do: to
connect without a certificate, under another's name, and to other topics.
"""

import contextlib
import socket
import ssl
import struct
from types import TracebackType

from bus.settings import BROKER_NAME
from idlehands.house.home import Home

_CONNECT, _CONNACK, _PUBLISH, _SUBSCRIBE = 0x10, 0x20, 0x30, 0x82
_PING, _PONG, _DISCONNECT = 0xC0, 0xD0, 0xE0
_CLEAN_SESSION, _USERNAME = 0x02, 0x80
_TIMEOUT_SECONDS = 2.0


class Conversation:
    """A connection that the broker has accepted. A context manager that takes leave in good order.

    Raises:
        OSError, EOFError: From everything, when the broker refuses, ends it, or is silent for two seconds.
    """

    def __init__(self, home: Home, context: ssl.SSLContext | None, *, username: str = "") -> None:
        """Connect.

        Args:
            home: Whose broker.
            context: Verifies the broker and shows a certificate, or none; without it there is no TLS.
            username: Which name is claimed besides the certificate's.
        """
        address = (home.reachable_at, home.settings.ports.broker)
        connection = socket.create_connection(address, timeout=_TIMEOUT_SECONDS)
        try:
            if context is not None:
                connection = context.wrap_socket(connection, server_hostname=BROKER_NAME)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket = connection
            flags = _CLEAN_SESSION | (_USERNAME if username else 0)
            # An empty client id: the broker chooses one.
            body = _text("MQTT") + bytes([4, flags]) + struct.pack("!H", 30) + _text("")
            self._send(_CONNECT, body + (_text(username) if username else b""))
            kind, answer = self._receive()
            if kind != _CONNACK or answer[1:2] != b"\x00":
                raise ConnectionRefusedError(f"the broker refused the connection: {answer.hex()}")
        except BaseException:
            connection.close()
            raise

    def __enter__(self) -> "Conversation":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Without this the broker's log fills with complaints about us.
        with self._socket, contextlib.suppress(OSError):
            self._send(_DISCONNECT, b"")
            self._socket.recv(1)

    def subscribe(self, topic_filter: str) -> None:
        """Ask for messages; what is retained comes first."""
        self._send(_SUBSCRIBE, b"\x00\x01" + _text(topic_filter) + b"\x00")

    def publish(self, topic: str, payload: bytes) -> None:
        """Send at QoS 0; a broker that does not allow it says nothing."""
        self._send(_PUBLISH, _text(topic) + payload)

    def settle(self) -> list[tuple[str, bytes]]:
        """Return the messages that the broker had for us before it answered this call's ping.

        By then it has handled everything that this connection sent before.
        """
        self._send(_PING, b"")
        arrived: list[tuple[str, bytes]] = []
        while True:
            kind, body = self._receive()
            if kind & 0xF0 == _PUBLISH:
                (length,) = struct.unpack_from("!H", body)
                arrived.append((body[2 : 2 + length].decode(errors="replace"), body[2 + length :]))
            elif kind == _PONG:
                return arrived

    def _send(self, kind: int, body: bytes) -> None:
        send_packet(self._socket, kind, body)

    def _receive(self) -> tuple[int, bytes]:
        return receive_packet(self._socket)


def send_packet(connection: socket.socket, kind: int, body: bytes) -> None:
    """Send a packet: its first byte, the length of what follows, and that."""
    length, rest = b"", len(body)
    while True:
        rest, byte = divmod(rest, 128)
        length += bytes([byte | (0x80 if rest else 0)])
        if not rest:
            break
    connection.sendall(bytes([kind]) + length + body)


def receive_packet(connection: socket.socket) -> tuple[int, bytes]:
    """Return the first byte of the next packet and its body.

    Raises:
        OSError, EOFError: If the connection ends before.
    """
    kind = _exactly(connection, 1)[0]
    length, shift = 0, 0
    while True:
        byte = _exactly(connection, 1)[0]
        length |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return kind, _exactly(connection, length)


def counted(content: bytes) -> bytes:
    """Return binary data with its length before it, as packets carry texts too."""
    return struct.pack("!H", len(content)) + content


def _exactly(connection: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        part = connection.recv(count - len(received))
        if not part:
            raise EOFError("the broker closed the connection")
        received += part
    return received


def _text(text: str) -> bytes:
    return counted(text.encode())
