"""Figures: one measured quantity each, repeated, and how they are shown and kept.

Knows numbers only, not how they were measured.
"""

import math
import os
import platform
import statistics
import time
from collections.abc import Sequence

import msgspec

_STEPS = 50_000


class Figure(msgspec.Struct, frozen=True):
    """One quantity, measured several times.

    Attributes:
        name: What was measured.
        unit: Of every value.
        values: Every single measurement, in the order of measuring.
        floor: What was asked for, in words; empty when it asks for nothing.
        note: What limits it, or how it was measured.
    """

    name: str
    unit: str
    values: tuple[float, ...]
    floor: str = ""
    note: str = ""

    @property
    def median(self) -> float:
        """Return the middle of all values."""
        return statistics.median(self.values)

    @property
    def p95(self) -> float:
        """Return the smallest value that at least 95 of 100 values do not exceed."""
        return percentile(self.values, 95)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the nearest-rank percentile.

    Raises:
        ValueError: If there are no values.
    """
    if not values:
        raise ValueError("a percentile of nothing: nothing was measured")
    ranked = sorted(values)
    return ranked[max(0, math.ceil(percent / 100 * len(ranked)) - 1)]


def format_table(figures: Sequence[Figure]) -> str:
    """Return the figures as a table of text, one per line."""
    rows: list[tuple[str, ...]] = [("figure", "median", "p95", "low", "high", "unit", "n", "floor")]
    rows += [
        (
            figure.name,
            *(_short(value) for value in (figure.median, figure.p95, min(figure.values), max(figure.values))),
            figure.unit,
            str(len(figure.values)),
            figure.floor,
        )
        for figure in figures
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if 1 <= column <= 4 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _short(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def measure_step() -> float:
    """Return how long one step of a plain Python loop takes now, in nanoseconds (median of nine).

    A virtual machine that shares its processor is several times slower in one hour than in
    another, with a load of nothing: this tells a slow hour from slow code.
    """
    took = []
    for _ in range(9):
        before = time.perf_counter_ns()
        total = 0
        for number in range(_STEPS):
            total += number & 7
        took.append((time.perf_counter_ns() - before) / _STEPS)
    return statistics.median(took)


def read_machine() -> dict[str, object]:
    """Return what the figures were measured on, and how busy and how fast it was just now."""
    return {
        "step_ns": round(measure_step(), 1),
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load": os.getloadavg()[0],
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def to_json(figures: Sequence[Figure], machine: dict[str, object]) -> bytes:
    """Return the figures with all their values, as indented JSON."""
    rows = [
        {"name": f.name, "unit": f.unit, "median": f.median, "p95": f.p95, "floor": f.floor, "note": f.note}
        | {"values": [round(value, 6) for value in f.values]}
        for f in figures
    ]
    return msgspec.json.format(msgspec.json.encode({"machine": machine, "figures": rows}), indent=1) + b"\n"
