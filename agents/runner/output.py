"""The output of one script in bounded memory: lines, log batches, the tail for a traceback.

Knows bytes and lines; not processes, not what a line means. However much a
script prints, and whatever it prints, each object here holds at most what
its constants say.
"""

import re
from collections import deque

import msgspec

from agents.runner.result_line import RESULT_BYTES_AT_MOST
from schemas.messages import LogLines
from schemas.names import JobId, Token

LINE_BYTES = 8 * 1024
TAIL_BYTES = 64 * 1024
KEPT_BYTES = 16 * 1024 * 1024
#: Per batch, five batches a second: the first lines, and the last ones of a flood.
_FIRST_LINES = 150
_LAST_LINES = 50
_BATCH_BYTES = 64 * 1024
_PARTS_AT_MOST = 6
_JSON_START = re.compile(rb"\s{0,64}\{")


class LineSplitter:
    """Cuts a stream into lines. A line that a carriage return ended keeps it, as it was overwritten.

    Of a line without end it keeps 8 KiB, or 8 MiB and a byte when it begins like JSON.
    """

    def __init__(self) -> None:
        self._open = bytearray()
        self._room = LINE_BYTES
        self._return_held = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the lines that `chunk` completes."""
        if self._return_held:
            chunk = b"\r" + chunk
            self._return_held = False
        if b"\r" in chunk:
            if chunk.endswith(b"\r"):
                # Its newline may be the first byte of the next chunk.
                chunk = chunk[:-1]
                self._return_held = True
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\r\n")
        first, *rest = chunk.split(b"\n")
        self._extend(first)
        if not rest:
            return []
        # The open line may have been cut, and with it the return at its end.
        overwritten = first.endswith(b"\r")
        lines = [self._take_open(overwritten), *rest[:-1]]
        self._extend(rest[-1])
        return lines

    def peek(self) -> bytes:
        """Return the beginning of the line that is still open."""
        return bytes(self._open[:LINE_BYTES])

    def finish(self) -> bytes | None:
        """Return the last line if no newline ended it, or None."""
        self._return_held = False
        return self._take_open(False) if self._open else None

    def _extend(self, part: bytes) -> None:
        if not part:
            return
        if len(self._open) <= 64 and self._room == LINE_BYTES and _JSON_START.match(self._open + part[:66]):
            self._room = RESULT_BYTES_AT_MOST + 1
        room = self._room - len(self._open)
        if room > 0:
            self._open += part[:room]

    def _take_open(self, overwritten: bool) -> bytes:
        line = bytes(self._open)
        if overwritten and not line.endswith(b"\r"):
            line += b"\r"
        # A fresh one gives the 8 MiB of a long line back.
        self._open = bytearray()
        self._room = LINE_BYTES
        return line


class Tail:
    """The last 64 KiB of a stream."""

    def __init__(self) -> None:
        self._chunks: deque[bytes] = deque()
        self._bytes = 0

    def feed(self, chunk: bytes) -> None:
        """Take in the next bytes."""
        self._chunks.append(chunk)
        self._bytes += len(chunk)
        while self._bytes - len(self._chunks[0]) >= TAIL_BYTES:
            self._bytes -= len(self._chunks.popleft())
        if len(self._chunks) > 1024:
            self._chunks = deque([b"".join(self._chunks)])

    def text(self) -> str:
        """Return the tail as text; bytes that are not UTF-8 are replaced."""
        return b"".join(self._chunks)[-TAIL_BYTES:].decode("utf-8", "replace")


class KeptStdout:
    """The first 16 MiB of a script's stdout, where its spec asks for them."""

    def __init__(self) -> None:
        self._content = bytearray()
        #: Bytes that came after those.
        self.lost = 0

    def feed(self, chunk: bytes) -> None:
        """Take in the next bytes."""
        room = KEPT_BYTES - len(self._content)
        self._content += chunk[:room] if room > 0 else b""
        self.lost += max(0, len(chunk) - max(room, 0))

    def text(self) -> str:
        """Return what is kept as text; bytes that are not UTF-8 are replaced."""
        return self._content.decode("utf-8", "replace")


class LogBuffer:
    """Lines on their way to a batch. Numbers every line; what a flood drops is a gap in the numbers."""

    def __init__(self, job: JobId, token: Token) -> None:
        self._job = job
        self._token = token
        self._seq = 0
        self._first: list[tuple[int, str, bytes]] = []
        self._last: deque[tuple[int, str, bytes]] = deque(maxlen=_LAST_LINES)
        self._handed_on = 0

    @property
    def dropped(self) -> int:
        """How many lines were dropped so far, of those that are not waiting."""
        return self._seq - self._handed_on - len(self._first) - len(self._last)

    def add(self, stream: str, lines: list[bytes]) -> None:
        """Take in whole lines of one stream."""
        room = max(0, _FIRST_LINES - len(self._first))
        for line in lines[:room]:
            self._first.append((self._seq, stream, line[:LINE_BYTES]))
            self._seq += 1
        rest = lines[room:]
        skipped = max(0, len(rest) - _LAST_LINES)
        self._seq += skipped
        for line in rest[skipped:]:
            self._last.append((self._seq, stream, line[:LINE_BYTES]))
            self._seq += 1

    def take(self) -> list[LogLines]:
        """Return what gathered since the last call, in order, at most 64 KiB encoded in each part."""
        waiting = [*self._first, *self._last]
        self._handed_on += len(waiting)
        self._first = []
        self._last.clear()
        parts: list[LogLines] = []
        texts: list[str] = []
        start, size = 0, 0
        for index, (seq, stream, line) in enumerate(waiting):
            text = line.decode("utf-8", "replace")
            # Control characters grow sixfold in JSON.
            bytes_encoded = len(msgspec.json.encode(text)) + 1
            follows = index > 0 and seq == waiting[index - 1][0] + 1 and stream == waiting[index - 1][1]
            if texts and (not follows or size + bytes_encoded > _BATCH_BYTES):
                parts.append(self._part(waiting[start], tuple(texts)))
                texts, size = [], 0
            if not texts:
                start = index
            texts.append(text)
            size += bytes_encoded
        if texts:
            parts.append(self._part(waiting[start], tuple(texts)))
        if len(parts) > _PARTS_AT_MOST:
            # Long lines of control characters: keep the beginning and the end here too.
            half = _PARTS_AT_MOST // 2
            self._handed_on -= sum(len(part.lines) for part in parts[half:-half])
            parts[half:-half] = []
        return parts

    def _part(self, first: tuple[int, str, bytes], lines: tuple[str, ...]) -> LogLines:
        return LogLines(self._job, self._token, first[0], lines, first[1])
