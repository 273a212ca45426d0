"""Figures of predictions, classes, groups and forecasts, as plain dictionaries. Pure."""

import math
from statistics import NormalDist
from typing import Any

from dash_app.presenters.figures import ACCENT, QUIET, Figure, label, layout
from dash_app.presenters.result_parts import Calibration, Forecast, Groups, Points, Recall, Roc

#: Colours that people with any kind of colour vision tell apart, on light and on dark: Okabe and Ito, 2008.
COLOURS = ("#14a08a", "#e69f00", "#56b4e9", "#d55e00", "#cc79a7", "#8a7fd6", "#b8a900", "#7d8c92")
_DOT = {"color": ACCENT, "size": 6, "opacity": 0.65}
_LINE = {"color": QUIET, "width": 1.4, "dash": "dot"}


def predicted_against_actual(points: Points) -> Figure:
    """Return predictions over what there was, and the line where they would all lie."""
    ends = [min(*points.actual, *points.predicted), max(*points.actual, *points.predicted)]
    return {
        "data": [
            _straight(ends, ends),
            _dots(points.actual, points.predicted, "actual %{x:.5g}, predicted %{y:.5g}"),
        ],
        "layout": _axes("actual", "predicted"),
    }


def residuals(points: Points) -> Figure:
    """Return residuals over predictions, and nothing, around which they should lie."""
    ends = [min(points.predicted), max(points.predicted)]
    return {
        "data": [
            _straight(ends, [0, 0]),
            _dots(points.predicted, points.residuals, "predicted %{x:.5g}, residual %{y:.5g}"),
        ],
        "layout": _axes("predicted", "residual"),
    }


def quantiles(points: Points) -> Figure:
    """Return residuals over the quantiles of a normal distribution (Blom's positions), with their line."""
    ordered = sorted(points.residuals)
    many = len(ordered)
    normal = [NormalDist().inv_cdf((at + 1 - 0.375) / (many + 0.25)) for at in range(many)]
    mean = sum(ordered) / many
    spread = math.sqrt(sum((one - mean) ** 2 for one in ordered) / many)
    ends = [normal[0], normal[-1]]
    return {
        "data": [
            _straight(ends, [mean + spread * end for end in ends]),
            _dots(normal, ordered, "quantile %{x:.3g}, residual %{y:.5g}"),
        ],
        "layout": _axes("quantile of a normal distribution", "residual"),
    }


def spread_by_level(points: Points, levels: int = 8) -> Figure:
    """Return the residuals' standard deviation in groups of rows alike in number, by prediction."""
    rows = sorted(zip(points.predicted, points.residuals, strict=True))
    levels = max(2, min(levels, len(rows) // 5))
    found = []
    for at in range(levels):
        part = rows[at * len(rows) // levels : (at + 1) * len(rows) // levels]
        if part:
            middle = sum(one for one, _ in part) / len(part)
            found.append((middle, math.sqrt(sum(residual**2 for _, residual in part) / len(part))))
    line = {
        "type": "scatter",
        "mode": "lines+markers",
        "x": [x for x, _ in found],
        "y": [y for _, y in found],
        "line": {"color": ACCENT, "width": 2},
        "marker": {"size": 7},
        "hovertemplate": "around %{x:.5g}: %{y:.5g}<extra></extra>",
    }
    return {"data": [line], "layout": _axes("predicted", "spread", yaxis={"rangemode": "tozero"})}


def confusion(counts: list[list[int]], classes: list[str]) -> Figure:
    """Return actual by predicted classes; shades are shares of the actual class, numbers are counts."""
    names = classes if len(classes) == len(counts) else [str(at) for at in range(len(counts))]
    # Names may be alike once they are safe to show; places are not.
    ticks = {"tickvals": list(range(len(names))), "ticktext": [label(name)[:24] for name in names]}
    shares = [[one / (sum(row) or 1) for one in row] for row in counts]
    cells = {
        "type": "heatmap",
        "z": shares,
        "text": [[str(one) for one in row] for row in counts],
        "texttemplate": "%{text}" if len(counts) <= 15 else "",
        "colorscale": [[0, "rgba(20,160,138,.05)"], [1, "rgba(20,160,138,.85)"]],
        "zmin": 0,
        "zmax": 1,
        "showscale": False,
        "xgap": 2,
        "ygap": 2,
        "hovertemplate": "%{text} of the actual class, %{z:.0%}<extra></extra>",
    }
    ticks |= {"showgrid": False}
    axes = _axes("predicted", "actual", xaxis=ticks, yaxis={**ticks, "autorange": "reversed"})
    return {"data": [cells], "layout": axes}


def roc(curves: dict[str, Roc]) -> Figure:
    """Return true over false positives of each class."""
    lines = [
        _curve(at, name, one.false, one.true, one.auc, "false %{x:.0%}, true %{y:.0%}")
        for at, (name, one) in enumerate(curves.items())
    ]
    return {
        "data": [_straight([0, 1], [0, 1]), *lines],
        "layout": _shares("false positives", "true positives", len(lines)),
    }


def precision_recall(curves: dict[str, Recall]) -> Figure:
    """Return precision over recall of each class."""
    lines = [
        _curve(at, name, one.recall, one.precision, one.average, "recall %{x:.0%}, precision %{y:.0%}")
        for at, (name, one) in enumerate(curves.items())
    ]
    return {"data": lines, "layout": _shares("recall", "precision", len(lines))}


def calibration(given: Calibration) -> Figure:
    """Return how often a model was right over how sure it was; larger dots are more rows."""
    most = max([*given.count, 1])
    sizes = (
        [7 + 12 * math.sqrt(one / most) for one in given.count]
        if len(given.count) == len(given.predicted)
        else 9
    )
    line = {
        "type": "scatter",
        "mode": "lines+markers",
        "x": given.predicted,
        "y": given.observed,
        "line": {"color": ACCENT, "width": 1.6},
        "marker": {"size": sizes},
        "hovertemplate": "sure %{x:.0%}, right %{y:.0%}<extra></extra>",
    }
    return {"data": [_straight([0, 1], [0, 1]), line], "layout": _shares("how sure", "how often right", 1)}


def groups(given: Groups) -> Figure:
    """Return rows in two dimensions, in the colour of their group."""
    names = sorted(set(map(str, given.group)))
    colour = {name: COLOURS[at % len(COLOURS)] for at, name in enumerate(names)}
    dots = {
        **_dots(given.x, given.y, "group %{text}"),
        "text": [label(one) for one in given.group],
        "marker": {"size": 6, "opacity": 0.75, "color": [colour[str(one)] for one in given.group]},
    }
    return {"data": [dots], "layout": layout()}


def forecast(given: Forecast) -> Figure:
    """Return what was forecast over what came."""
    shared = {"type": "scatter", "mode": "lines", "x": given.step}
    came = {**shared, "y": given.actual, "line": {"color": QUIET, "width": 2}, "name": "actual"}
    said = {**shared, "y": given.predicted, "line": {"color": ACCENT, "width": 2}, "name": "forecast"}
    return {"data": [came, said], "layout": _axes("step", "", **_LEGEND)}


_LEGEND: dict[str, Any] = {
    "showlegend": True,
    "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "font": {"size": 11}},
}


def _axes(x: str, y: str, **more: Any) -> Figure:
    xaxis = {"title": {"text": x, "standoff": 4}, **more.pop("xaxis", {})}
    yaxis = {"title": {"text": y, "standoff": 4}, **more.pop("yaxis", {})}
    return layout(xaxis=xaxis, yaxis=yaxis, **more)


def _shares(x: str, y: str, lines: int) -> Figure:
    ends = {"range": [-0.02, 1.02], "tickformat": ".0%"}
    return _axes(x, y, xaxis=ends, yaxis=ends, **(_LEGEND if lines > 1 else {}))


def _dots(x: list[float], y: list[float], words: str) -> Figure:
    hover = f"{words}<extra></extra>"
    return {"type": "scatter", "mode": "markers", "x": x, "y": y, "marker": _DOT, "hovertemplate": hover}


def _straight(x: list[float], y: list[float]) -> Figure:
    shared = {"type": "scatter", "mode": "lines", "hoverinfo": "skip", "showlegend": False}
    return {**shared, "x": x, "y": y, "line": _LINE}


def _curve(at: int, name: str, x: list[float], y: list[float], area: float | None, words: str) -> Figure:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "line": {
            "color": COLOURS[at % len(COLOURS)],
            "width": 1.8,
            "dash": "solid" if at < len(COLOURS) else "dash",
        },
        "name": label(name) + ("" if area is None else f" {area:.3f}"),
        "hovertemplate": f"{words}<extra>{label(name)}</extra>",
    }
