"""A job's log, live: what is stored of it, then line by line as it is written."""

from collections import deque

from dash_app import component_ids as ids
from dash_app.live.hearing import Changes
from dash_app.live.push import Push
from dash_app.presenters.plain import plain
from hq.rest import board
from hq.rest.house import House

LINES_KEPT = 5000
_PIECES_READ = 400


class LogFeed:
    """The last lines of one job's log; `plain` before they leave."""

    pause = 0.1

    def __init__(self, house: House, job: str) -> None:
        self._house, self._job = house, job
        self._lines: deque[str] = deque(maxlen=LINES_KEPT)
        self._token = 0
        self._next = 0
        self._read = False
        self._waiting: list[tuple[int, int, tuple[str, ...]]] = []

    def touch(self, changes: Changes) -> bool:
        new = [(one.token, one.seq, one.lines) for one in changes.logs if one.job == self._job]
        self._waiting += new
        return bool(new)

    async def whole(self) -> Push:
        if not self._read:
            for piece in await board.read_log_end(self._house.database, self._job, _PIECES_READ):
                self._take(piece["token"], piece["seq"], piece["lines"])
            self._read = True
        return Push(lines={ids.JOB_LOG: {"lines": list(self._lines), "reset": True}})

    async def push(self) -> Push:
        waiting, self._waiting = self._waiting, []
        new = [line for token, seq, lines in waiting for line in self._take(token, seq, lines)]
        return Push(lines={ids.JOB_LOG: {"lines": new}} if new else {})

    def _take(self, token: int, seq: int, lines: tuple[str, ...] | list[str]) -> list[str]:
        """Add lines that were not seen, and say where some are missing; return what was added."""
        added = []
        if token < self._token:
            return []
        if token > self._token:
            if self._token:
                added.append("\N{BOX DRAWINGS LIGHT HORIZONTAL}" * 3 + " another attempt")
            self._token, self._next = token, seq if not self._lines else 0
        if seq > self._next:
            added.append(f"\N{HORIZONTAL ELLIPSIS} {seq - self._next} lines were not sent")
        added += [plain(line) for line in lines[max(0, self._next - seq) :]]
        self._next = max(self._next, seq + len(lines))
        self._lines.extend(added)
        return added
