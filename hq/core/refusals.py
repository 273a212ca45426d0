"""Refused attempts, put together so that whoever makes them cannot fill the audit log.

The first of a kind from an address is reported at once, those that follow as one
with a count: after a minute, two, four ... up to once an hour, as long as it goes
on. Beyond some dozens of kinds and addresses, all others are one. So a day of any
attack is some hundred entries.
"""

from typing import NamedTuple

_FIRST_SECONDS = 60.0
_LONGEST_SECONDS = 3600.0
#: Kinds and addresses that are told apart at a time.
MOST = 50
ELSEWHERE = "elsewhere"


class Kind(NamedTuple):
    """What is counted as one."""

    what: str
    source: str
    who: str = ""


class Report(NamedTuple):
    """Some refused attempts of one kind. `at` is the wall time of the last one."""

    kind: Kind
    times: int
    at: float
    detail: str


class _Tally:
    def __init__(self, due: float) -> None:
        self.count = 0
        self.at = 0.0
        self.detail = ""
        self.due = due
        self.pause = _FIRST_SECONDS


class Refusals:
    """Counts, and says what is to be reported. `now` is on a monotonic clock."""

    def __init__(self) -> None:
        self._tallies: dict[Kind, _Tally] = {}

    def count(self, kind: Kind, detail: str, now: float, wall: float) -> None:
        """Count one attempt; of its kind, the last detail is kept."""
        tally = self._tallies.get(kind)
        if tally is None:
            if len(self._tallies) >= MOST:
                kind = Kind(kind.what, ELSEWHERE)
            tally = self._tallies.setdefault(kind, _Tally(now))
        tally.count += 1
        tally.at, tally.detail = wall, detail

    def take_due(self, now: float, *, all_of_them: bool = False) -> list[Report]:
        """Return what is to be reported now, and forget it; everything, when this is the end."""
        reports: list[Report] = []
        for kind, tally in [*self._tallies.items()]:
            if tally.count and (now >= tally.due or all_of_them):
                reports.append(Report(kind, tally.count, tally.at, tally.detail))
                tally.count = 0
                tally.due = now + tally.pause
                tally.pause = min(tally.pause * 2, _LONGEST_SECONDS)
            elif not tally.count and now >= tally.due + _LONGEST_SECONDS:
                # Quiet for an hour: its place is free, and it is news again.
                del self._tallies[kind]
        return reports
