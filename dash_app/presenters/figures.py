"""Figures as plain dictionaries. Colours of text and background come from the style sheet, light or dark."""

from typing import Any

from dash_app.curves_look import Look
from dash_app.presenters.plain import plain
from dash_app.presenters.series import Series
from dash_app.presenters.words import number

Figure = dict[str, Any]

ACCENT = "#14a08a"
QUIET = "rgba(125,140,146,.55)"
FADED = "rgba(125,140,146,.20)"
_GRID = "rgba(125,140,146,.16)"
_AREA = "rgba(125,140,146,.14)"
_UNITS = (("h", 3600), ("min", 60), ("s", 1))
CONFIG: Any = {"displayModeBar": False, "responsive": True, "showTips": False}


def layout(**more: Any) -> Figure:
    """Return the layout that all figures share, with more laid over it."""
    axis = {
        "gridcolor": _GRID,
        "zeroline": False,
        "linecolor": _GRID,
        "ticks": "",
        "automargin": True,
        "nticks": 5,
    }
    shared = {
        "margin": {"l": 8, "r": 10, "t": 6, "b": 6},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "inherit", "size": 11.5},
        "showlegend": False,
        "hovermode": "closest",
        # A live update keeps the zoom of whoever looks.
        "uirevision": "keep",
        "dragmode": "zoom",
    }
    return {
        **shared,
        **more,
        "xaxis": {**axis, **more.get("xaxis", {})},
        "yaxis": {**axis, **more.get("yaxis", {})},
    }


def curve(series: Series, look: Look = Look()) -> Figure:  # noqa: B008 - it is frozen
    """Return one metric; smoothed, it stands before what was measured."""
    drawn = series.thinned()
    unit, seconds = _unit_of(drawn.x) if look.x == "time" else ("", 1)
    x = [value / seconds for value in drawn.x] if unit else drawn.x
    line = {
        "type": "scatter",
        "mode": "lines" if len(drawn.x) > 1 else "markers",
        "x": x,
        "y": drawn.y,
        "line": {"color": ACCENT, "width": 1.8},
        "hovertemplate": "%{y:.5g} at %{x:.6~g}" + f" {unit}".rstrip() + "<extra></extra>",
    }
    lines = [line]
    if look.weight:
        measured = {**line, "line": {"color": QUIET, "width": 1.0}, "hoverinfo": "skip"}
        del measured["hovertemplate"]
        lines = [measured, {**line, "y": series.smoothed(look.weight).thinned().y}]
    axes: Figure = {"xaxis": {"ticksuffix": f" {unit}"} if unit else {}}
    if look.is_log:
        axes["yaxis"] = {"type": "log"}
    return {"data": lines, "layout": layout(hovermode="x", **axes)}


def _unit_of(seconds: list[float]) -> tuple[str, int]:
    """Return the unit that times are written in."""
    last = seconds[-1] if seconds else 0
    return next((unit, each) for unit, each in _UNITS if last >= 2 * each or each == 1)


def usage(series: Series) -> Figure:
    """Return what was used over time, as an area."""
    drawn = series.thinned()
    unit, seconds = _unit_of(drawn.x)
    area = {
        "type": "scatter",
        "mode": "lines" if len(drawn.x) > 1 else "markers",
        "fill": "tozeroy",
        "fillcolor": _AREA,
        "x": [x / seconds for x in drawn.x],
        "y": drawn.y,
        "line": {"color": QUIET, "width": 1.4},
        "hovertemplate": f"%{{y:.4g}} after %{{x:.4g}} {unit}<extra></extra>",
    }
    axes = {"xaxis": {"ticksuffix": f" {unit}", "rangemode": "tozero"}, "yaxis": {"rangemode": "tozero"}}
    return {"data": [area], "layout": layout(hovermode="x", **axes)}


def curves_of_trials(
    trials: dict[int, Series],
    best: int | None,
    pruned: frozenset[int] = frozenset(),
    line: frozenset[int] = frozenset(),
) -> Figure:
    """Return one line per trial; the best stands out, and those that were ended early are faded.

    What the best one of a population went on from, its `line`, stands out with it.
    """
    data = []
    strong = line | {best}
    for trial in sorted(trials, key=lambda one: (one == best, one in strong, one not in pruned)):
        drawn = trials[trial].thinned(200)
        colour, width = (
            (ACCENT, 2.4) if trial in strong else (FADED, 1.0) if trial in pruned else (QUIET, 1.2)
        )
        early = ", ended early" if trial in pruned else ""
        data.append(
            {
                "type": "scatter",
                "mode": "lines" if len(drawn.x) > 1 else "markers",
                "x": drawn.x,
                "y": drawn.y,
                "line": {"color": colour, "width": width},
                "marker": {"color": colour},
                "hovertemplate": f"trial {trial}{early}: %{{y:.5g}} at %{{x}}<extra></extra>",
            }
        )
    return {"data": data, "layout": layout()}


def history(values: list[tuple[int, float]], minimize: bool) -> Figure:
    """Return each trial's value and the best so far, in the order of trials."""
    best: list[float] = []
    for _, value in values:
        best.append(value if not best else (min if minimize else max)(best[-1], value))
    trials = [trial for trial, _ in values]
    dots = {
        "type": "scatter",
        "mode": "markers",
        "x": trials,
        "y": [value for _, value in values],
        "marker": {"color": QUIET, "size": 6},
        "hovertemplate": "trial %{x}: %{y:.5g}<extra></extra>",
    }
    steps = {
        "type": "scatter",
        "mode": "lines",
        "x": trials,
        "y": best,
        "line": {"color": ACCENT, "width": 2, "shape": "hv"},
        "hoverinfo": "skip",
    }
    return {"data": [dots, steps], "layout": layout(xaxis={"title": {"text": "trial"}, "tickformat": "d"})}


def label(text: object) -> str:
    """Return text for a figure, where Plotly would read a few HTML tags."""
    return plain(text, 60).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def tick(value: float) -> str:
    """Return the label of a number on an axis."""
    return number(int(value) if float(value).is_integer() and abs(value) < 1e6 else value)
