"""A look at the broker from outside: who gets in, and what it retains.

Speaks the few MQTT packets it needs by itself, because it must try what the
bus refuses to do: to connect without a certificate.
"""

import contextlib
import socket
import ssl
import struct
from collections.abc import Iterator
from pathlib import Path

from bus.settings import BROKER_NAME
from idlehands.house.home import Home, HouseError

_CONNECT, _CONNACK, _PUBLISH, _SUBSCRIBE = 0x10, 0x20, 0x30, 0x82
_PING, _PONG, _DISCONNECT = 0xC0, 0xD0, 0xE0
_TIMEOUT_SECONDS = 2.0


def accepts(home: Home, certificate: Path | None, *, tls: bool = True) -> bool:
    """Tell whether the broker lets in who shows the certificate in `certificate`, or none."""
    try:
        with _connected(home, certificate, tls=tls):
            return True
    except (OSError, EOFError):
        return False


def check_closed(home: Home) -> None:
    """Check that the broker refuses who has no certificate, and who has no TLS.

    Raises:
        HouseError: If it lets one of them in. Then the house must not run.
    """
    for tls, who in ((True, "a client without a certificate"), (False, "a client without TLS")):
        if accepts(home, None, tls=tls):
            raise HouseError(
                f"The broker at {home.broker_address} lets in {who}, so everybody on the network could run "
                "code here. The house does not start. Is another broker on that port, or is this mosquitto "
                f"changed? Its configuration is {home.broker / 'mosquitto.conf'}."
            )


def read_retained(home: Home, certificate: Path, topic: str) -> bytes | None:
    """Return what the broker retains on the full topic name `topic`, None when nothing.

    Raises:
        OSError, EOFError: If the broker cannot be reached.
    """
    with _connected(home, certificate) as connection:
        _send(connection, _SUBSCRIBE, b"\x00\x01" + _text(topic) + b"\x00")
        # A ping behind the subscription: its answer comes after whatever is retained.
        _send(connection, _PING, b"")
        while True:
            kind, body = _receive(connection)
            if kind & 0xF0 == _PUBLISH:
                (length,) = struct.unpack_from("!H", body)
                return body[2 + length :]
            if kind == _PONG:
                return None


@contextlib.contextmanager
def _connected(home: Home, certificate: Path | None, *, tls: bool = True) -> Iterator[socket.socket]:
    """Hold a connection that the broker has accepted, and take leave of it in good order.

    Raises:
        OSError, EOFError: If it has not.
    """
    connection = _connect(home, certificate, tls=tls)
    with connection:
        yield connection
        # Without this the broker's log fills with complaints about us.
        with contextlib.suppress(OSError):
            _send(connection, _DISCONNECT, b"")
            connection.recv(1)


def _connect(home: Home, certificate: Path | None, *, tls: bool = True) -> socket.socket:
    """Return a connection that the broker has accepted.

    Raises:
        OSError, EOFError: If it has not.
    """
    connection = socket.create_connection(
        (home.reachable_at, home.settings.ports.broker), timeout=_TIMEOUT_SECONDS
    )
    try:
        if tls:
            context = ssl.create_default_context(cafile=str(home.pki / "ca.pem"))
            context.minimum_version = ssl.TLSVersion.TLSv1_3
            if certificate is not None:
                context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
            connection = context.wrap_socket(connection, server_hostname=BROKER_NAME)
        # MQTT 3.1.1, clean session, no user name, an empty client id.
        _send(connection, _CONNECT, _text("MQTT") + b"\x04\x02" + struct.pack("!H", 30) + _text(""))
        kind, body = _receive(connection)
        if kind != _CONNACK or body[1:2] != b"\x00":
            raise ConnectionRefusedError(f"the broker refused the connection: {body.hex()}")
    except BaseException:
        connection.close()
        raise
    return connection


def _text(text: str) -> bytes:
    return struct.pack("!H", len(text.encode())) + text.encode()


def _send(connection: socket.socket, kind: int, body: bytes) -> None:
    connection.sendall(bytes([kind, len(body)]) + body if len(body) < 128 else _long(kind, body))


def _long(kind: int, body: bytes) -> bytes:
    return bytes([kind, len(body) % 128 | 0x80, len(body) // 128]) + body


def _receive(connection: socket.socket) -> tuple[int, bytes]:
    kind = _exactly(connection, 1)[0]
    length, shift = 0, 0
    while True:
        byte = _exactly(connection, 1)[0]
        length |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return kind, _exactly(connection, length)


def _exactly(connection: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        part = connection.recv(count - len(received))
        if not part:
            raise EOFError("the broker closed the connection")
        received += part
    return received
