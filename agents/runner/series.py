"""The metric points of one attempt: all of them thinned for the result, new ones for progress.

Progress is lossy and the result's series is not, except by even thinning:
first and last point always stay.
"""

from collections import Counter

import msgspec

from agents.runner.progress import Reading
from schemas.facts import MetricPoint

POINTS_AT_MOST = 2000
BYTES_AT_MOST = 60 * 1024
_PENDING_AT_MOST = 500
#: Sets of metrics whose points are counted.
_NAMES_AT_MOST = 200


class Series:
    """Collects points in bounded memory, numbering every one."""

    def __init__(self) -> None:
        self._points: list[MetricPoint] = []
        self._pending: list[MetricPoint] = []
        self._seq = 0
        #: How many points there were of each set of metrics without a step.
        self._numbers: Counter[frozenset[str]] = Counter()
        self.was_thinned = False

    def add(self, reading: Reading, at: float, *, is_script_s: bool = True) -> MetricPoint | None:
        """Keep what a reading measured; return its point, or None when it measured nothing.

        What the script did not measure itself is progress, and not in the result's series.
        """
        if not reading.metrics:
            return None
        number = self._count(reading) if is_script_s else None
        point = MetricPoint(self._seq, at, reading.metrics, reading.step, number)
        self._seq += 1
        if is_script_s:
            self._points.append(point)
        if len(self._points) >= 2 * POINTS_AT_MOST:
            self._points = _every_second(self._points)
            self.was_thinned = True
        if len(self._pending) < _PENDING_AT_MOST:
            self._pending.append(point)
        return point

    def _count(self, reading: Reading) -> int | None:
        # A bar is drawn as time passes: its points are not the steps of anything.
        if reading.step is not None or reading.is_bar:
            return None
        names = frozenset(reading.metrics)
        if names not in self._numbers and len(self._numbers) >= _NAMES_AT_MOST:
            return None
        self._numbers[names] += 1
        return self._numbers[names]

    @property
    def has_pending(self) -> bool:
        """Tell whether points wait for `take_pending`."""
        return bool(self._pending)

    def discard(self, point: MetricPoint) -> None:
        """Take back a recent point that turned out to be the result's line."""
        for points in (self._points, self._pending):
            for index in range(len(points) - 1, max(-1, len(points) - 100), -1):
                if points[index] is point:
                    del points[index]
                    break

    def take_pending(self, held: MetricPoint | None = None) -> tuple[MetricPoint, ...]:
        """Return the points since the last call, in order, without `held` if it is the last."""
        kept = [held] if held is not None and self._pending and self._pending[-1] is held else []
        taken = tuple(self._pending[: len(self._pending) - len(kept)])
        self._pending = kept
        return taken

    def all(self) -> tuple[MetricPoint, ...]:
        """Return the whole series, thinned to the limits of a result."""
        points, thinned = thin(self._points)
        self.was_thinned = self.was_thinned or thinned
        return points


def thin(points: list[MetricPoint]) -> tuple[tuple[MetricPoint, ...], bool]:
    """Return evenly chosen points within the limits, and whether any was left out."""
    chosen = points
    while len(chosen) > POINTS_AT_MOST or len(msgspec.json.encode(chosen)) > BYTES_AT_MOST:
        if len(chosen) <= 1:
            return (), True
        chosen = _every_second(chosen) if len(chosen) > 2 else chosen[-1:]
    return tuple(chosen), len(chosen) < len(points)


def _every_second(points: list[MetricPoint]) -> list[MetricPoint]:
    # The last point matters most: it is what people compare.
    kept = points[::2]
    if kept[-1] is not points[-1]:
        kept[-1 if len(kept) > 1 else len(kept) :] = [points[-1]]
    return kept
