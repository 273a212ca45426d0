"""How busy and warm a machine was in the last minutes, as small curves; and its day in a line. Plain data."""

from collections.abc import Sequence
from typing import Any

from dash_app.presenters import words
from idlehands.energy import Total, describe
from schemas.facts import MachineLoad

Document = dict[str, Any]
#: Field, name, unit, and the ends of its curve: room temperature is no heat.
_GAUGES = (
    ("cpu", "CPU", " %", 0, 100),
    ("memory", "Memory", " %", 0, 100),
    ("gpu", "GPU", " %", 0, 100),
    ("cpu_celsius", "CPU", " \N{DEGREE SIGN}C", 20, 100),
    ("gpu_celsius", "GPU", " \N{DEGREE SIGN}C", 20, 100),
)
#: Beyond this a point is drawn at an edge. As wide as a card's curve in CSS pixels, half of it.
_BACK_SECONDS = 600.0


def gauges(loads: Sequence[tuple[float, MachineLoad]]) -> list[Document]:
    """Return a curve for each thing that the machine tells: its name, the latest in words, and points.

    Points are `[x, y]` from 0 to 1: x is 1 for the latest and 0 ten minutes before, y is 1 for all of it.
    """
    if not loads:
        return []
    latest = loads[-1][0]
    found = []
    for field, name, unit, low, high in _GAUGES:
        told = [(at, getattr(load, field)) for at, load in loads if getattr(load, field) is not None]
        if not told:
            continue
        points = [
            [
                round(max(0.0, 1 - (latest - at) / _BACK_SECONDS), 3),
                round(min(1.0, max(0.0, (value - low) / (high - low))), 3),
            ]
            for at, value in told
        ]
        found.append({"name": name, "now": f"{told[-1][1]:.0f}{unit}", "points": points})
    return found


def today(machine: Document) -> str:
    """Return what a machine did since midnight, such as `Today 12 attempts, 3.2 Wh estimated`."""
    parts = [words.count(machine["attempts"], "attempt")]
    if machine["sources"]:
        total = Total(machine["kwh"], set(machine["sources"]))
        total.costs.update(machine["costs"])
        parts.append(describe(total))
    return f"Today {', '.join(parts)}"


def days(found: Document) -> dict[str, str]:
    """Return that of each machine, by its name."""
    return {one["name"]: today(one) for one in found["machines"]}
