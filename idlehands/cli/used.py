"""What a job used of its machine, in a line for each thing: a small curve, the last value and the largest."""

from collections.abc import Iterable
from typing import Any

from schemas.resources import CPU, GPU, GPU_MEMORY, MEMORY, QUIET, describe_quiet

_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 24
#: What it is called, its unit, and what is a full bar at least.
_WORDS = {
    CPU: ("cpu", "% of a core", 100.0),
    MEMORY: ("memory", "MB", 1.0),
    GPU: ("graphics card", "%", 100.0),
    GPU_MEMORY: ("video memory", "MB", 1.0),
}


def describe_usage(points: Iterable[dict[str, Any]], job: str, is_running: bool) -> list[tuple[str, str]]:
    """Return names and words for the points of `/jobs/ID/progress?resources=true`; nothing without any."""
    points = list(points)
    values: dict[str, list[float]] = {name: [] for name in _WORDS}
    for point in points:
        for name, value in (point.get("metrics") or {}).items():
            if name in values and value is not None:
                values[name].append(value)
    said = []
    for name, found in values.items():
        if found:
            called, unit, full = _WORDS[name]
            curve = draw(found, full)
            said.append((called, f"{curve} {found[-1]:.0f} {unit}, at most {max(found):.0f}"))
    quiet = points[-1]["metrics"].get(QUIET) if points and is_running else None
    return [*said, ("quiet", describe_quiet(quiet, job))] if quiet else said


def draw(values: list[float], full: float) -> str:
    """Return a curve of at most 24 characters; a full bar is the largest value, or `full` if that is more."""
    top = max(*values, full)
    width = min(_WIDTH, len(values))
    parts = [
        values[
            at * len(values) // width : max((at + 1) * len(values) // width, at * len(values) // width + 1)
        ]
        for at in range(width)
    ]
    return "".join(_BARS[min(7, max(0, int(8 * max(part) / top)))] for part in parts)
