"""As much of the X11 protocol as it takes to ask for idle time and the active window.

Not Xlib: it ends its process when the display goes. Source: X Window System
Protocol, and the MIT-SCREEN-SAVER extension's "QueryInfo".
"""

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

_SECONDS = 0.5
_COOKIE = b"MIT-MAGIC-COOKIE-1"
_FULL_SCREEN = b"_NET_WM_STATE_FULLSCREEN"


class DisplayUnusable(OSError):
    """The display cannot be asked; the text says why."""


class DisplayGone(DisplayUnusable):
    """Nobody listens: what is left of a display that ended."""


class Display:
    """One connection to a local display.

    Args:
        path: Of its socket.
        number: Of the display.
        authorities: Files that may hold the key to it.

    Raises:
        DisplayUnusable: If it cannot be used; here and from every method.
    """

    def __init__(self, path: str, number: int, authorities: list[Path]) -> None:
        cookies = [*_find_cookies(authorities, number), b""]
        for cookie in cookies:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._socket.settimeout(_SECONDS)
            try:
                self._socket.connect(path)
                self._root = self._set_up(cookie)
                self._atoms: dict[bytes, int] = {}
                self._saver = self._find_saver()
                return
            except DisplayUnusable:
                self._socket.close()
                if cookie == cookies[-1]:
                    raise
            except (ConnectionRefusedError, FileNotFoundError):
                self._socket.close()
                raise DisplayGone("nobody listens") from None
            except OSError as error:
                self._socket.close()
                raise DisplayUnusable(f"it does not answer ({error.strerror or error})") from None

    def idle_seconds(self) -> float:
        """Return the time since the last input."""
        if not self._saver:
            raise DisplayUnusable("it has no screen saver extension")
        answer = self._ask(struct.pack("<BBHI", self._saver, 1, 2, self._root))
        return int(struct.unpack_from("<I", answer, 16)[0]) / 1000

    def is_full_screen(self) -> bool:
        """Tell whether the active window fills the screen by its own wish."""
        active = self._property(self._root, b"_NET_ACTIVE_WINDOW")
        if not active or not active[0]:
            return False
        return self._atom(_FULL_SCREEN) in self._property(active[0], b"_NET_WM_STATE")

    def close(self) -> None:
        """Hang up. Safe to repeat."""
        self._socket.close()

    def _set_up(self, cookie: bytes) -> int:
        name = _COOKIE if cookie else b""
        self._send(
            struct.pack("<BxHHHHxx", 0x6C, 11, 0, len(name), len(cookie)) + _padded(name) + _padded(cookie)
        )
        head = self._receive(8)
        body = self._receive(4 * struct.unpack_from("<H", head, 6)[0])
        if head[0] != 1:
            raise DisplayUnusable("it does not let us in")
        vendor, formats = struct.unpack_from("<H", body, 16)[0], body[21]
        return int(struct.unpack_from("<I", body, 32 + len(_padded(b"x" * vendor)) + 8 * formats)[0])

    def _find_saver(self) -> int:
        name = b"MIT-SCREEN-SAVER"
        answer = self._ask(struct.pack("<BxHHxx", 98, 2 + len(name) // 4, len(name)) + name)
        return answer[9] if answer[8] else 0

    def _atom(self, name: bytes) -> int:
        if name not in self._atoms:
            request = struct.pack("<BBHHxx", 16, 0, 2 + len(_padded(name)) // 4, len(name)) + _padded(name)
            self._atoms[name] = int(struct.unpack_from("<I", self._ask(request), 8)[0])
        return self._atoms[name]

    def _property(self, window: int, name: bytes) -> tuple[int, ...]:
        request = struct.pack("<BBHIIIII", 20, 0, 6, window, self._atom(name), 0, 0, 64)
        try:
            answer = self._ask(request)
        except _Refused:
            return ()  # the window is gone already
        count = struct.unpack_from("<I", answer, 16)[0] if answer[1] == 32 else 0
        return struct.unpack_from(f"<{count}I", answer, 32)

    def _ask(self, request: bytes) -> bytes:
        self._send(request)
        while True:
            answer = self._receive(32)
            if answer[0] == 0:
                raise _Refused(f"it refused a request (error {answer[1]})")
            if answer[0] == 1:
                return answer + self._receive(4 * struct.unpack_from("<I", answer, 4)[0])

    def _send(self, content: bytes) -> None:
        try:
            self._socket.sendall(content)
        except OSError as error:
            raise DisplayUnusable(f"it does not answer ({error})") from None

    def _receive(self, size: int) -> bytes:
        content = b""
        while len(content) < size:
            try:
                part = self._socket.recv(size - len(content))
            except OSError as error:
                raise DisplayUnusable(f"it does not answer ({error})") from None
            if not part:
                raise DisplayUnusable("it hung up")
            content += part
        return content


class _Refused(DisplayUnusable):
    """An answer that says no."""


def _padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 4)


def _find_cookies(files: list[Path], number: int) -> Iterator[bytes]:
    """Yield the keys to a display: of each file, those that name it or none."""
    for file in files:
        try:
            content = file.read_bytes()[: 1 << 20]
        except OSError:
            continue
        yield from _parse_cookies(content, number)


def _parse_cookies(content: bytes, number: int) -> Iterator[bytes]:
    at = 0
    try:
        while at + 2 <= len(content):
            at += 2
            fields = []
            for _ in range(4):
                size = struct.unpack_from(">H", content, at)[0]
                fields.append(content[at + 2 : at + 2 + size])
                at += 2 + size
            _, display, name, cookie = fields
            if name == _COOKIE and display in (b"", str(number).encode()):
                yield cookie
    except struct.error:
        return
