"""Parallel coordinates: one line per trial over its parameters and its value, coloured by how good it is.

Drawn with ordinary lines: Plotly's own kind compiles code in the browser, which the page forbids.
"""

import math
from dataclasses import dataclass
from typing import Any

from dash_app.presenters.figures import ACCENT, Figure, label, layout, tick
from dash_app.sweep_state import Brush

#: From far behind to close to the best; the best itself is drawn in the accent.
_LEFT_OUT = "rgba(125,140,146,.10)"
_SHADES = ("rgba(125,140,146,.28)", "rgba(110,150,170,.42)", "rgba(80,150,200,.55)", "rgba(50,155,190,.75)")


@dataclass(frozen=True)
class Trial:
    """One trial that has a value."""

    number: int
    params: dict[str, Any]
    value: float


@dataclass(frozen=True)
class Axis:
    """A parameter, or the value, with where each trial is on it and what is written beside it."""

    name: str
    places: list[float | None]
    ticks: list[tuple[float, str]]


def parallel(
    trials: list[Trial],
    metric: str,
    minimize: bool,
    logarithmic: frozenset[str] = frozenset(),
    brush: Brush | None = None,
) -> Figure:
    """Return the figure. Parameters that are the same in all trials are left out.

    Args:
        trials: Those with a value.
        metric: What the value is called.
        minimize: Whether smaller is better.
        logarithmic: Parameters that were searched on such a scale.
        brush: A rectangle; lines that do not go through it on each of its axes are faded.
    """
    axes = make_axes(trials, metric, logarithmic)
    chosen = set(brushed(axes, len(trials), brush))
    order = sorted(chosen, key=lambda at: trials[at].value, reverse=not minimize)
    left_out = [at for at in range(len(trials)) if at not in chosen]
    data = [_lines(axes, trials, left_out, _LEFT_OUT, 1)] if left_out else []
    shades: dict[int, list[int]] = {}
    for rank, at in enumerate(order[1:]):
        quarter = 3 - min(3, rank * 4 // max(1, len(order) - 1))
        shades.setdefault(quarter, []).append(at)
    data += [_lines(axes, trials, shades[quarter], _SHADES[quarter], 1.3) for quarter in sorted(shades)]
    if order:
        data.append(_lines(axes, trials, order[:1], ACCENT, 3))
    return {"data": data, "layout": _layout(axes, brush)}


def make_axes(trials: list[Trial], metric: str, logarithmic: frozenset[str]) -> list[Axis]:
    """Return an axis for each parameter that differs, and one for the value."""
    names = list(dict.fromkeys(name for trial in trials for name in trial.params))
    varied = [name for name in names if len({repr(trial.params.get(name)) for trial in trials}) > 1] or names
    axes = [
        make_axis(name, [trial.params.get(name) for trial in trials], name in logarithmic) for name in varied
    ]
    return [*axes, make_axis(metric, [trial.value for trial in trials], False)]


def brushed(axes: list[Axis], count: int, brush: Brush | None) -> list[int]:
    """Return which of so many trials go through the rectangle on each axis that it covers, or all."""
    if brush is None:
        return list(range(count))
    left, right, low, high = brush
    covered = [axis for at, axis in enumerate(axes) if left <= at <= right]
    if not covered:
        return list(range(count))

    def goes_through(at: int) -> bool:
        places = [axis.places[at] for axis in covered]
        return all(place is not None and low <= place <= high for place in places)

    return [at for at in range(count) if goes_through(at)]


def make_axis(name: str, values: list[Any], logarithmic: bool) -> Axis:
    """Return an axis of numbers, or of categories where one of the values is no number."""
    given = [value for value in values if value is not None]
    if given and all(isinstance(value, int | float) and not isinstance(value, bool) for value in given):
        return _numbers(name, values, logarithmic and min(given) > 0)
    kinds = list(dict.fromkeys(repr(value) for value in given))
    step = 1 / max(1, len(kinds) - 1)
    at = {kind: index * step if len(kinds) > 1 else 0.5 for index, kind in enumerate(kinds)}
    shown = {repr(value): value for value in given}
    ticks = [(at[kind], label(shown[kind])) for kind in kinds[:12]]
    return Axis(name, [None if value is None else at[repr(value)] for value in values], ticks)


def _numbers(name: str, values: list[Any], logarithmic: bool) -> Axis:
    scale = math.log10 if logarithmic else float
    scaled = [None if value is None else scale(value) for value in values]
    known = [value for value in scaled if value is not None]
    low, high = min(known), max(known)
    if high == low:
        places = [None if value is None else 0.5 for value in scaled]
        return Axis(name, places, [(0.5, tick(next(value for value in values if value is not None)))])
    places = [None if value is None else (value - low) / (high - low) for value in scaled]
    ticks = [(part, low + part * (high - low)) for part in (0.0, 0.5, 1.0)]
    return Axis(name, places, [(part, short(10**value if logarithmic else value)) for part, value in ticks])


def short(value: float) -> str:
    """Return a number in the few digits that fit beside an axis."""
    return tick(value) if float(value).is_integer() else f"{value:.3g}"


def _lines(axes: list[Axis], trials: list[Trial], chosen: list[int], colour: str, width: float) -> Figure:
    x: list[int | None] = []
    y: list[float | None] = []
    text: list[str | None] = []
    for at in chosen:
        for place, axis in enumerate(axes):
            x.append(place)
            y.append(axis.places[at])
            text.append(f"trial {trials[at].number}: {tick(trials[at].value)}")
        x.append(None)
        y.append(None)
        text.append(None)
    return {
        "type": "scatter",
        "mode": "lines+markers",
        # Only points can be brushed; what is not among them is faded here, not by Plotly.
        "marker": {"size": 3, "color": colour},
        "selected": {"marker": {"opacity": 1}},
        "unselected": {"marker": {"opacity": 1}},
        "x": x,
        "y": y,
        "text": text,
        "line": {"color": colour, "width": width, "shape": "spline", "smoothing": 0.45},
        "hovertemplate": "%{text}<extra></extra>",
    }


def width(trials: list[Trial]) -> int:
    """Return how many pixels the figure needs so that names do not run into each other."""
    return 110 * (len({name for trial in trials for name in trial.params}) + 1)


def _layout(axes: list[Axis], brush: Brush | None) -> Figure:
    last = len(axes) - 1
    shade = {"color": "rgba(125,140,146,.45)", "width": 1}
    lines = [{"type": "line", "x0": at, "x1": at, "y0": 0, "y1": 1, "line": shade} for at in range(last + 1)]
    words = []
    for at, axis in enumerate(axes):
        # Outside of the first and the last axis there is room; between them, left of each.
        right = at == last and last > 0
        side = {"xanchor": "left", "xshift": 6} if right else {"xanchor": "right", "xshift": -6}
        words += [
            {"x": at, "y": y, "text": text, "showarrow": False, "font": {"size": 10.5}, **side}
            for y, text in axis.ticks
        ]
        edge = {0: {"xanchor": "left", "xshift": -40}, last: {"xanchor": "right", "xshift": 40}}.get(at, {})
        name = f"<b>{label(axis.name)}</b>"
        words.append({"x": at, "y": 1.13, "text": name, "showarrow": False, "font": {"size": 11.5}, **edge})
    return layout(
        xaxis={"visible": False, "range": [-0.01, last + 0.01], "fixedrange": True},
        yaxis={"visible": False, "range": [-0.06, 1.2], "fixedrange": True},
        shapes=lines,
        annotations=words,
        margin={"l": 58, "r": 50, "t": 4, "b": 4},
        # A rectangle is drawn over an axis; Plotly shows it, and tells the page which it is.
        dragmode="select",
        selections=[] if brush is None else [_selection(brush)],
        newselection={"line": {"color": ACCENT, "width": 1.5, "dash": "solid"}},
        selectionrevision=str(brush),
    )


def _selection(brush: Brush) -> Figure:
    left, right, low, high = brush
    corners = {"type": "rect", "x0": left, "x1": right, "y0": low, "y1": high, "xref": "x", "yref": "y"}
    return corners | {"line": {"color": ACCENT, "width": 1.5, "dash": "solid"}}
