"""Metric points into series that can be drawn: by metric, in order, thinned."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from schemas.resources import RESOURCES

Document = dict[str, Any]

#: What a curve is drawn across.
Across = Literal["step", "time", "epoch"]
POINTS_DRAWN = 600
_METRICS_SHOWN = 12


@dataclass
class Series:
    """One metric over its steps."""

    x: list[float] = field(default_factory=list)
    y: list[float | None] = field(default_factory=list)

    def thinned(self, most: int = POINTS_DRAWN) -> "Series":
        """Return at most about so many points; the first and the last stay."""
        if len(self.x) <= most:
            return self
        stride = -(-len(self.x) // most)
        keep = [*range(0, len(self.x) - 1, stride), len(self.x) - 1]
        return Series([self.x[at] for at in keep], [self.y[at] for at in keep])

    def smoothed(self, weight: float) -> "Series":
        """Return the exponential moving average, in which each value before counts `weight` times the next.

        Without the pull towards 0 at its beginning, as TensorBoard does it. Gaps stay gaps.
        """
        average, total = 0.0, 0.0
        drawn: list[float | None] = []
        for value in self.y:
            if value is None:
                drawn.append(None)
                continue
            average = weight * average + (1 - weight) * value
            total = weight * total + (1 - weight)
            drawn.append(average / total)
        return Series(self.x, drawn)


def by_metric(points: Iterable[Document], across: Across = "step") -> dict[str, Series]:
    """Return the series of one attempt's points, in the order in which their metrics first came.

    What the agent measured is not among them: see `of_resources`. By epoch, a point without one has that of
    the point before it.
    """
    found: dict[str, Series] = {}
    began: float | None = None
    epoch = 0.0
    for point in points:
        step = point.get("step")
        x = float(point["seq"] if step is None else step)
        if across == "time":
            at = float(point.get("at") or 0)
            began = at if began is None else began
            x = at - began
        elif across == "epoch":
            said = (point.get("metrics") or {}).get("epoch")
            epoch = x = float(said) if said is not None else epoch
        for name, value in (point.get("metrics") or {}).items():
            if name in RESOURCES or (name not in found and len(found) >= _METRICS_SHOWN):
                continue
            if across == "epoch" and name == "epoch":
                continue
            series = found.setdefault(name, Series())
            if across == "epoch" and series.x[-1:] == [x]:
                # Of an epoch's values the last one: there is one place for all of them.
                series.y[-1] = value
                continue
            series.x.append(x)
            series.y.append(value)
    return found


def of_resources(points: Iterable[Document]) -> dict[str, Series]:
    """Return what one attempt used of its machine, over the seconds since its start."""
    found = {name: Series() for name in RESOURCES}
    for point in points:
        for name, value in (point.get("metrics") or {}).items():
            if name in found and point.get("step") is not None:
                found[name].x.append(float(point["step"]))
                found[name].y.append(value)
    return {name: series for name, series in found.items() if series.x}


def of_latest(points: Iterable[Document]) -> list[Document]:
    """Return the points of the latest attempt, each once, in order."""
    ordered = {(point["token"], point["seq"]): point for point in points}
    if not ordered:
        return []
    latest = max(token for token, _ in ordered)
    return [ordered[key] for key in sorted(ordered) if key[0] == latest]
