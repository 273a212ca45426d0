"""A figure of results: points, lines, boxes or a histogram, by colour and in facets. Plain dictionaries.

Each point carries its job, so that what is selected can be named.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dash_app.presenters import figures, words
from dash_app.presenters.figures import ACCENT, Figure, label

#: Told apart by people who see colours otherwise, on light and on dark: Okabe and Ito, a little softened.
PALETTE = ("#14a08a", "#d98a1f", "#4a90d9", "#c2609c", "#8a8f3a", "#b5533c", "#6a6fd0", "#7d8c92")
_FACETS_AT_MOST = 6
_BOXES_AT_MOST = 12
_GAP = 0.045
#: From dark to light in both schemes: the middle of viridis.
_SCALE = [[0, "#3b528b"], [0.5, "#21918c"], [1, "#a8cf3a"]]
_REST = "others"
#: So many times the smallest is the largest where an axis is better logarithmic.
_DECADES = 300


@dataclass(frozen=True)
class Point:
    """One result in a figure; what is missing is None."""

    job: str
    x: Any
    y: Any = None
    color: Any = None
    facet: Any = None


@dataclass(frozen=True)
class Axes:
    """What is drawn, by its names; empty where nothing is."""

    x: str
    y: str = ""
    color: str = ""
    facet: str = ""
    kind: str = "auto"
    #: What columns are called.
    titles: Mapping[str, str] = field(default_factory=dict)

    def title(self, name: str) -> str:
        """Return what a column is called, fit for a figure."""
        return label(self.titles.get(name, name))


def is_number(value: Any) -> bool:
    """Tell whether a value has a place on an axis of numbers."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_wide(values: Sequence[float]) -> bool:
    """Return whether numbers spread over so many sizes that their logarithms should be drawn."""
    return bool(values) and min(values) > 0 and max(values) >= _DECADES * min(values)


def kind_of(points: Sequence[Point], axes: Axes) -> str:
    """Return what is drawn: what was asked for where that can be, else what suits the values."""
    if not axes.y or axes.kind == "histogram":
        return "histogram"
    few = len({_key(point.x) for point in points}) <= _BOXES_AT_MOST
    if axes.kind == "box" or (
        axes.kind == "auto" and few and not all(is_number(point.x) for point in points)
    ):
        return "box" if few else "points"
    return "line" if axes.kind == "line" else "points"


def drawn(points: Sequence[Point], axes: Axes) -> list[Point]:
    """Return the points that have a place: no x or y is missing."""
    return [point for point in points if point.x is not None and (not axes.y or is_number(point.y))]


def figure(points: Sequence[Point], axes: Axes, box: dict[str, tuple[float, float]] | None = None) -> Figure:
    """Return the figure.

    Args:
        points: What to draw; those without a place are left out.
        axes: Which of it, and how.
        box: A range of `x` and of `y` that is marked as selected.
    """
    shown = drawn(points, axes)
    kind = kind_of(shown, axes)
    facets = _most_frequent([point.facet for point in shown], _FACETS_AT_MOST) if axes.facet else [None]
    numbers = (
        bool(axes.color)
        and kind != "box"
        and all(is_number(point.color) for point in shown if point.color is not None)
    )
    colors = [] if numbers or not axes.color else _most_frequent([p.color for p in shown], len(PALETTE) - 1)
    data: list[Figure] = []
    for at, facet in enumerate(facets):
        here = [point for point in shown if not axes.facet or _key(point.facet) == facet]
        for name, color, some in _by_color(here, colors, kind):
            trace = _trace(kind, some, axes)
            trace |= {"xaxis": _axis("x", at), "yaxis": _axis("y", at), "name": label(name) if name else ""}
            trace |= {"legendgroup": label(name), "showlegend": bool(name) and at == 0}
            _paint(trace, color, kind, [p.color for p in some] if numbers else None)
            data.append(trace)
    return {"data": data, "layout": _layout(axes, kind, facets, shown, bool(colors), numbers, box)}


def _trace(kind: str, points: list[Point], axes: Axes) -> Figure:
    x = [point.x if is_number(point.x) else label(words.value(point.x)) for point in points]
    if kind == "histogram":
        return {"type": "histogram", "x": x, "hovertemplate": "%{x}: %{y} results<extra></extra>"}
    custom = [point.job for point in points]
    y = [point.y for point in points]
    hover = (
        f"{axes.title(axes.x)} %{{x}}<br>{axes.title(axes.y)} %{{y:.5g}}<br>%{{customdata}}<extra></extra>"
    )
    if kind == "box":
        x = [label(words.value(point.x)) for point in points]
        box = {"type": "box", "boxpoints": "all" if len(points) <= 400 else "outliers", "pointpos": 0}
        return {**box, "jitter": 0.35, "x": x, "y": y, "customdata": custom, "hovertemplate": hover}
    if kind == "line":
        order = sorted(range(len(x)), key=lambda at: (isinstance(x[at], str), x[at]))
        x, y, custom = ([values[at] for at in order] for values in (x, y, custom))
        mode = "lines+markers"
    else:
        mode = "markers"
    # Thousands of points are drawn by the graphics card where there is one: never needed for so few.
    return {"type": "scatter", "mode": mode, "x": x, "y": y, "customdata": custom, "hovertemplate": hover}


def _paint(trace: Figure, color: str, kind: str, values: list[Any] | None) -> None:
    if kind == "histogram":
        trace["marker"] = {"color": color, "opacity": 0.8}
        return
    marker: Figure = {"color": color, "size": 7, "opacity": 0.75}
    if values is not None:
        marker |= {"color": values, "coloraxis": "coloraxis"}
    if kind == "box":
        trace |= {"fillcolor": "rgba(125,140,146,.12)"}
        marker["size"] = 5
    trace["marker"] = marker
    trace["line"] = {"color": color, "width": 1.4}
    if kind == "points":
        trace["unselected"] = {"marker": {"opacity": 0.25}}


def _by_color(points: list[Point], colors: list[Any], kind: str) -> list[tuple[str, str, list[Point]]]:
    if not colors:
        return [("", ACCENT, points)]
    found = [
        (words.value(value) if not isinstance(value, str) else value, PALETTE[at % len(PALETTE)], some)
        for at, value in enumerate(colors)
        if (some := [point for point in points if _key(point.color) == value])
    ]
    rest = [point for point in points if _key(point.color) not in colors]
    return [*found, (_REST, PALETTE[-1], rest)] if rest else found


def _layout(
    axes: Axes,
    kind: str,
    facets: list[Any],
    shown: Sequence[Point],
    legend: bool,
    scale: bool,
    box: dict[str, tuple[float, float]] | None,
) -> Figure:
    width = (1 - _GAP * (len(facets) - 1)) / len(facets)
    more: Figure = {}
    notes = []
    plain = figures.layout()
    for at, facet in enumerate(facets):
        start = at * (width + _GAP)
        x: Figure = {
            "title": {"text": axes.title(axes.x)},
            "domain": [start, start + width],
            "anchor": _axis("y", at),
        }
        if kind == "box" or not all(is_number(point.x) for point in shown):
            x["type"] = "category"
        elif kind != "histogram" and is_wide([point.x for point in shown]):
            x |= {"type": "log", "dtick": 1, "tickformat": "~g"}
        y: Figure = {"anchor": _axis("x", at)}
        if at == 0:
            y["title"] = {"text": "results" if kind == "histogram" else axes.title(axes.y)}
        else:
            y |= {"matches": "y", "showticklabels": False}
            x["matches"] = "x"
        number = "" if at == 0 else str(at + 1)
        more[f"xaxis{number}"] = {**plain["xaxis"], **x}
        more[f"yaxis{number}"] = {**plain["yaxis"], **y}
        if axes.facet:
            # The figure's title says of what; there is little room on a phone.
            text = f"{label(words.value(facet))[: 48 // len(facets)]}"
            notes.append(
                {"text": text, "x": start + width / 2, "y": 1.0, "xref": "paper", "yref": "paper"}
                | {"xanchor": "center", "yanchor": "bottom", "showarrow": False, "font": {"size": 11}}
            )
    selections = []
    if box and kind in ("points", "line") and {"x", "y"} <= box.keys():
        (x0, x1), (y0, y1) = box["x"], box["y"]
        selections = [{"type": "rect", "xref": "x", "yref": "y", "x0": x0, "x1": x1, "y0": y0, "y1": y1}]
    margin = {"l": 8, "r": 10, "t": 26 if notes or legend else 8, "b": 6}
    more |= {"annotations": notes, "selections": selections, "margin": margin, "barmode": "overlay"}
    more |= {"dragmode": "select", "clickmode": "event+select", "boxmode": "group" if legend else "overlay"}
    # A selection that is no longer in the address is gone from the figure too.
    more |= {"selectionrevision": str(box), "uirevision": str(axes)}
    if legend:
        more |= {"showlegend": True, "legend": {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0}}
    if scale:
        bar = {"title": {"text": axes.title(axes.color), "side": "right"}, "thickness": 9, "outlinewidth": 0}
        more["coloraxis"] = {"colorscale": _SCALE, "colorbar": bar}
    return figures.layout(**more)


def _most_frequent(values: list[Any], most: int) -> list[Any]:
    """Return the most frequent values in an order that people expect."""
    counts: dict[Any, int] = {}
    for value in values:
        counts[_key(value)] = counts.get(_key(value), 0) + 1
    kept = sorted(counts, key=lambda one: -counts[one])[:most]
    return sorted(kept, key=lambda one: (not is_number(one), one if is_number(one) else str(one)))


def _key(value: Any) -> Any:
    """Return a value that can be told apart from others and shown."""
    return (
        value if isinstance(value, int | float | str) and not isinstance(value, bool) else words.value(value)
    )


def _axis(letter: str, at: int) -> str:
    return letter if at == 0 else f"{letter}{at + 1}"
