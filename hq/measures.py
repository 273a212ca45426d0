"""How long things take in HQ: histograms that cost a comparison and two additions each time."""

from bisect import bisect_left
from typing import Any

#: Upper bounds in seconds.
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Histogram:
    """Durations by size. Written by one thread, read by others."""

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS) + 1)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration."""
        self._counts[bisect_left(BOUNDS, seconds)] += 1
        self._sum += seconds

    def read(self) -> dict[str, Any]:
        """Return `{"bounds", "counts", "sum"}`; the last count is of what is above all bounds."""
        return {"bounds": list(BOUNDS), "counts": list(self._counts), "sum": round(self._sum, 6)}
