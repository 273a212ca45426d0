"""As much of D-Bus as it takes to ask a question: connect, call a method, read one plain value.

Source: D-Bus Specification, "Message Protocol". Arguments are strings;
answers are booleans, numbers, strings, or a variant of one.
"""

import os
import socket
import struct

_SECONDS = 0.5
_ANSWER_BYTES = 64 * 1024
_SIZES = {"y": (1, "<B"), "b": (4, "<I"), "n": (2, "<h"), "q": (2, "<H"), "i": (4, "<i"), "u": (4, "<I")}
_SIZES |= {"x": (8, "<q"), "t": (8, "<Q"), "d": (8, "<d")}


class BusSilent(OSError):
    """The bus, or whom we asked on it, does not answer; the text says why."""


class MessageBus:
    """One connection.

    Args:
        path: Of the bus's socket.

    Raises:
        BusSilent: If it is not there or does not let us in; here and from `call`.
    """

    def __init__(self, path: str) -> None:
        self._serial = 0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(_SECONDS)
        try:
            self._socket.connect(path)
            user = str(os.getuid()).encode().hex()
            self._socket.sendall(b"\0AUTH EXTERNAL " + user.encode() + b"\r\n")
            if not self._socket.recv(512).startswith(b"OK "):
                raise BusSilent("it does not let us in")
            self._socket.sendall(b"BEGIN\r\n")
            self.call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello")
        except BusSilent:
            self.close()
            raise
        except OSError as error:
            self.close()
            raise BusSilent(error.strerror or str(error)) from None

    def call(self, name: str, path: str, interface: str, method: str, *arguments: str) -> float | str | None:
        """Return the first value of the answer; None when it has none."""
        self._serial += 1
        body = b""
        for argument in arguments:
            body = _add_string(body, argument)
        fields = [(1, "o", path), (2, "s", interface), (3, "s", method), (6, "s", name)]
        if arguments:
            fields.append((8, "g", "s" * len(arguments)))
        header = b""
        for code, kind, value in fields:
            header += bytes(-len(header) % 8) + bytes([code, 1]) + kind.encode() + b"\0"
            if kind == "g":
                header += bytes([len(value)]) + value.encode() + b"\0"
            else:
                # The array itself begins at a multiple of eight, so its own length aligns.
                header = _add_string(header, value)
        # Little-endian, a call, no auto-start of services for us.
        start = struct.pack("<cBBBIII", b"l", 1, 2, 1, len(body), self._serial, len(header))
        message = start + header
        try:
            self._socket.sendall(message + bytes(-len(message) % 8) + body)
            return self._answer()
        except BusSilent:
            raise
        except (OSError, struct.error, IndexError, UnicodeDecodeError) as error:
            raise BusSilent(f"no answer ({error})") from None

    def get(self, name: str, path: str, interface: str, value: str) -> float | str | None:
        """Return a property."""
        return self.call(name, path, "org.freedesktop.DBus.Properties", "Get", interface, value)

    def close(self) -> None:
        """Hang up. Safe to repeat."""
        self._socket.close()

    def _answer(self) -> float | str | None:
        while True:
            head = self._receive(16)
            body_size, _, fields_size = struct.unpack_from("<III", head, 4)
            if head[:1] != b"l" or body_size > _ANSWER_BYTES or fields_size > _ANSWER_BYTES:
                raise BusSilent("it says something that is not understood")
            fields = self._receive(fields_size + -fields_size % 8)
            body = self._receive(body_size)
            replies_to, signature = _read_fields(fields[:fields_size])
            if head[1] not in (2, 3) or replies_to != self._serial:
                continue  # a signal
            if head[1] == 3:
                raise BusSilent(str(_read(body, 0, signature[:1])) if signature else "it refused")
            return _read(body, 0, signature[:1]) if signature else None

    def _receive(self, size: int) -> bytes:
        content = b""
        while len(content) < size:
            part = self._socket.recv(size - len(content))
            if not part:
                raise BusSilent("it hung up")
            content += part
        return content


def _add_string(content: bytes, text: str) -> bytes:
    coded = text.encode()
    return content + bytes(-len(content) % 4) + struct.pack("<I", len(coded)) + coded + b"\0"


def _read(body: bytes, at: int, kind: str) -> float | str | None:
    if kind == "v":
        size = body[at]
        inner = body[at + 1 : at + 1 + size].decode()
        return _read(body, at + size + 2, inner[:1])
    if kind in ("s", "o"):
        at += -at % 4
        size = struct.unpack_from("<I", body, at)[0]
        return body[at + 4 : at + 4 + size].decode("utf-8", "replace")
    if kind not in _SIZES:
        return None
    size, form = _SIZES[kind]
    return float(struct.unpack_from(form, body, at + -at % size)[0])


def _read_fields(fields: bytes) -> tuple[int, str]:
    """Return which call a message answers (0: none) and its signature."""
    at, replies_to, signature = 0, 0, ""
    while at < len(fields):
        at += -at % 8
        code, kind = fields[at], chr(fields[at + 2])
        at += 4
        if kind == "g":
            size = fields[at]
            if code == 8:
                signature = fields[at + 1 : at + 1 + size].decode()
            at += size + 2
        elif kind == "u":
            at += -at % 4
            if code == 5:
                replies_to = struct.unpack_from("<I", fields, at)[0]
            at += 4
        else:
            at += -at % 4
            at += 5 + struct.unpack_from("<I", fields, at)[0]
    return replies_to, signature
