"""What a service did since this HQ began, in numbers of bounded size: how many calls, how soon, when.

Volatile, as calls are. Times are from the request to the answer.
"""

import math
from collections import deque
from typing import Any

import msgspec
from msgspec import Struct

#: So many of the latest calls say how soon it answers.
TIMES_KEPT = 200
#: So many minutes are told apart.
MINUTES_KEPT = 30
_MINUTE_SECONDS = 60.0


class Figures(Struct):
    """The numbers of one service."""

    calls: int = 0
    failures: int = 0
    refused: int = 0
    seconds: deque[float] = msgspec.field(default_factory=lambda: deque(maxlen=TIMES_KEPT))
    #: Minute -> calls that were answered in it; minutes without any are left out.
    minutes: dict[int, int] = {}

    def note(self, seconds: float, *, ok: bool, now: float) -> None:
        """Take in a call that was answered."""
        self.calls += 1
        self.failures += not ok
        self.seconds.append(max(0.0, seconds))
        minute = _minute(now)
        self.minutes[minute] = self.minutes.get(minute, 0) + 1
        for old in [one for one in self.minutes if one <= minute - MINUTES_KEPT]:
            del self.minutes[old]

    def show(self, now: float) -> dict[str, Any]:
        """Return the numbers for people; `minutes` are calls by minute, the last is the one that runs."""
        minute = _minute(now)
        return {
            "calls": self.calls,
            "failures": self.failures,
            "refused": self.refused,
            "median_seconds": self._quantile(0.5),
            "p95_seconds": self._quantile(0.95),
            "minutes": [self.minutes.get(one, 0) for one in range(minute - MINUTES_KEPT + 1, minute + 1)],
        }

    def _quantile(self, share: float) -> float | None:
        if not self.seconds:
            return None
        # The smallest that is not below so many of them.
        return sorted(self.seconds)[min(len(self.seconds) - 1, math.floor(share * len(self.seconds)))]


def _minute(now: float) -> int:
    return math.floor(now / _MINUTE_SECONDS)
