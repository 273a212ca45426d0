"""A job's log, live: what is stored of it, then line by line as it is written.

Lines carry numbers. Where some are missing, the store is asked again: it is
written a moment after the lines went past, and what was lost on the way is there.
"""

from collections.abc import Iterable, Sequence

from dash_app import component_ids as ids
from dash_app.live.hearing import Changes
from dash_app.live.push import Push
from dash_app.presenters.ansi import Line, coloured
from hq.rest import board
from hq.rest.house import House

LINES_KEPT = 5000
_PIECES_READ = 2000
_READS_AT_MOST = 5


class Lines:
    """The last lines of the latest attempt, by their numbers."""

    def __init__(self) -> None:
        self._token = 0
        self._lines: dict[int, Line] = {}
        self._last = -1

    def add(self, token: int, seq: int, lines: Iterable[str]) -> list[Line] | None:
        """Take in lines; return those that go on at the end, None if all is to be shown anew."""
        if token < self._token:
            return []
        anew = token > self._token and self._last >= 0
        if token > self._token:
            self._token, self._last = token, -1
            self._lines.clear()
        end = self._last
        fresh = {seq + at: line for at, line in enumerate(lines) if seq + at not in self._lines}
        if not fresh:
            return None if anew else []
        shown = {number: coloured(line) for number, line in fresh.items()}
        self._lines |= shown
        self._last = max(self._last, max(shown))
        while len(self._lines) > LINES_KEPT:
            del self._lines[min(self._lines)]
        return None if anew or min(shown) != end + 1 else list(shown.values())

    @property
    def are_missing(self) -> bool:
        """Tell whether there are gaps among the last lines."""
        return len(self._lines) < min(self._last + 1, LINES_KEPT)

    def all(self) -> list[Line]:
        """Return all lines, with a word where some are missing."""
        shown: list[Line] = []
        expected = max(0, self._last + 1 - LINES_KEPT)
        for number in sorted(self._lines):
            if number > expected:
                shown.append(f"\N{HORIZONTAL ELLIPSIS} {number - expected} lines are missing here")
            shown.append(self._lines[number])
            expected = number + 1
        return shown


class LogFeed:
    """The last lines of one job's log; made safe before they leave, colours as names of classes."""

    pause = 0.1

    def __init__(self, house: House, job: str) -> None:
        self._house, self._job = house, job
        self._lines = Lines()
        self._reads = 0
        self._waiting: list[tuple[int, int, Sequence[str]]] = []

    @property
    def unfinished(self) -> bool:
        return self._lines.are_missing and self._reads < _READS_AT_MOST

    def touch(self, changes: Changes) -> bool:
        new = [(one.token, one.seq, one.lines) for one in changes.logs if one.job == self._job]
        self._waiting += new
        return bool(new)

    async def whole(self) -> Push:
        await self._read()
        return Push(lines={ids.JOB_LOG: {"lines": self._lines.all(), "reset": True}})

    async def push(self) -> Push:
        waiting, self._waiting = self._waiting, []
        parts = [self._lines.add(*one) for one in waiting]
        if self.unfinished:
            await self._read()
            parts.append(None)
        if any(part is None for part in parts):
            return Push(lines={ids.JOB_LOG: {"lines": self._lines.all(), "reset": True}})
        new = [line for part in parts for line in part or ()]
        return Push(lines={ids.JOB_LOG: {"lines": new}} if new else {})

    async def _read(self) -> None:
        self._reads += 1
        for piece in await board.read_log_end(self._house.database, self._job, _PIECES_READ):
            self._lines.add(piece["token"], piece["seq"], piece["lines"])
        if not self._lines.are_missing:
            self._reads = 0
