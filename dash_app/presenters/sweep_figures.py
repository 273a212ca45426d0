"""Figures of what a sweep's trials say, each from the answer of `hq.analysis`."""

from typing import Any

from dash_app.presenters.figures import ACCENT, QUIET, Figure, label, layout

Document = dict[str, Any]

_BEST = "#14a08a"
_SCALE = [[0.0, "#20343d"], [0.35, "#27616b"], [0.7, "#2f9c8c"], [1.0, "#c9ecb4"]]
#: Told apart by eyes of all kinds, in light and dark (after Okabe and Ito).
COLOURS = ("#0b8f7c", "#d9822b", "#4c8fd6", "#b8558f", "#8a8f2a", "#7a6bd1", "#c0504a", "#6f8088")
_BY_STATE = {
    "succeeded": "#14a08a",
    "pruned": "rgba(125,140,146,.55)",
    "running": "#4c8fd6",
    "failed": "#d05a56",
    "dead": "#d05a56",
}
#: Lanes of a machine are told apart by how many of these they are called: nobody needs to read it.
_NOTHING = "\N{ZERO WIDTH SPACE}"
_POINT = "trial %{customdata}: %{y:.5g}<extra></extra>"


def importance(shares: dict[str, float]) -> Figure:
    """Return a bar per parameter, the largest on top, with its share beside it."""
    names = list(shares)[::-1]
    bars = {
        "type": "bar",
        "orientation": "h",
        "x": [shares[name] for name in names],
        "y": [label(name) for name in names],
        "text": [f"{shares[name]:.0%}" for name in names],
        "textposition": "outside",
        "cliponaxis": False,
        "marker": {"color": ACCENT},
        "hovertemplate": "%{y}: %{x:.1%}<extra></extra>",
    }
    most = max(shares.values(), default=1.0) or 1.0
    return {
        "data": [bars],
        "layout": layout(
            xaxis={"tickformat": ".0%", "range": [0, most * 1.15], "fixedrange": True},
            yaxis={"fixedrange": True, "showgrid": False},
            bargap=0.45,
            margin={"l": 8, "r": 28, "t": 4, "b": 4},
        ),
    }


def slice_of(one: Document, best: int | None) -> Figure:
    """Return the values over one parameter; later trials are darker and the best stands out."""
    x = one["x"] if one["numeric"] else [label(value) for value in one["x"]]
    last = max(one["trials"], default=0) or 1
    sizes = [11 if trial == best else 6.5 for trial in one["trials"]]
    points = {
        "type": "scatter",
        "mode": "markers",
        "x": x,
        "y": one["y"],
        "customdata": one["trials"],
        "marker": {
            "size": sizes,
            "color": [ACCENT if trial == best else "#5b93b5" for trial in one["trials"]],
            "opacity": [1.0 if trial == best else 0.3 + 0.6 * trial / last for trial in one["trials"]],
            "line": {"width": 0},
        },
        "hovertemplate": f"{label(one['name'])} %{{x}}, {_POINT}",
    }
    axis: Figure = {"type": "log"} if one["log"] else {} if one["numeric"] else {"type": "category"}
    return {"data": [points], "layout": layout(xaxis=axis)}


def contour(found: Document) -> Figure:
    """Return the surface between the trials, and the trials on it."""
    surface, (x, y) = found["surface"], found["over"]
    less_is_better = next(goal["minimize"] for goal in found["goals"] if goal["name"] == found["value"])
    shades = {"colorscale": _SCALE, "reversescale": less_is_better}
    data: list[Figure] = []
    if surface["z"]:
        data.append(
            {
                "type": "contour",
                **surface,
                **shades,
                "ncontours": 14,
                "line": {"width": 0},
                "hoverinfo": "skip",
                "colorbar": {"thickness": 10, "outlinewidth": 0, "nticks": 5},
            }
        )
    data.append(
        {
            "type": "scatter",
            "mode": "markers",
            "x": found["x"],
            "y": found["y"],
            "customdata": [
                [trial, value] for trial, value in zip(found["trials"], found["values"], strict=True)
            ],
            "marker": {"size": 7, "color": "#ffffff", "line": {"width": 1.2, "color": "#15272b"}},
            "hovertemplate": "trial %{customdata[0]}: %{customdata[1]:.5g}<extra></extra>",
        }
    )
    axes = [
        {"title": {"text": label(name)}, "showgrid": False} | ({"type": "log"} if log else {})
        for name, log in zip((x, y), found["log"], strict=True)
    ]
    return {"data": data, "layout": layout(xaxis=axes[0], yaxis=axes[1])}


def pareto(found: Document) -> Figure:
    """Return the trials by their first two values; the front is a line from point to point."""
    front = set(found["front"])
    rows = [(trial, values) for trial, values in zip(found["trials"], found["values"], strict=True)]
    on_front = sorted(values for trial, values in rows if trial in front)
    behind = [(trial, values) for trial, values in rows if trial not in front]
    ahead = [(trial, values) for trial, values in rows if trial in front]

    def points(of: list[tuple[int, list[float]]], colour: str, size: float) -> Figure:
        return {
            "type": "scatter",
            "mode": "markers",
            "x": [values[0] for _, values in of],
            "y": [values[1] for _, values in of],
            "customdata": [trial for trial, _ in of],
            "marker": {"color": colour, "size": size},
            "hovertemplate": "trial %{customdata}: %{x:.5g}, %{y:.5g}<extra></extra>",
        }

    line = {
        "type": "scatter",
        "mode": "lines",
        "x": [values[0] for values in on_front],
        "y": [values[1] for values in on_front],
        "line": {"color": _BEST, "width": 1.4, "dash": "dot"},
        "hoverinfo": "skip",
    }
    names = [label(name) for name in found["names"]]
    return {
        "data": [points(behind, QUIET, 7), line, points(ahead, _BEST, 10)],
        "layout": layout(xaxis={"title": {"text": names[0]}}, yaxis={"title": {"text": names[1]}}),
    }


def timeline(machines: list[Document]) -> Figure:
    """Return what ran where and when: a line per machine, a bar per trial, in seconds since the first."""
    first = min((bar["start"] for machine in machines for bar in machine["bars"]), default=0.0)
    last = max((bar["end"] for machine in machines for bar in machine["bars"]), default=1.0)
    unit, seconds = next(
        (unit, seconds)
        for unit, seconds in (("h", 3600.0), ("min", 60.0), ("s", 1.0))
        if last - first >= 2 * seconds or seconds == 1.0
    )
    data = []
    for machine in machines[::-1]:
        # Several at a time: each goes into the first lane that is free.
        for lane, bars in enumerate(_lanes(machine["bars"])):
            name = label(machine["agent"])
            data.append(
                {
                    "type": "bar",
                    "orientation": "h",
                    "y": [[name] * len(bars), [_NOTHING * (lane + 1)] * len(bars)],
                    "base": [(bar["start"] - first) / seconds for bar in bars],
                    "x": [max(bar["end"] - bar["start"], (last - first) / 1000) / seconds for bar in bars],
                    "customdata": [[bar["trial"], label(bar["state"])] for bar in bars],
                    "marker": {
                        "color": [_BY_STATE.get(bar["state"], QUIET) for bar in bars],
                        "line": {"width": 1, "color": "rgba(255,255,255,.35)"},
                    },
                    "hovertemplate": (
                        f"trial %{{customdata[0]}}, %{{customdata[1]}}: %{{x:.3g}} {unit}<extra></extra>"
                    ),
                }
            )
    return {
        "data": data,
        "layout": layout(
            barmode="overlay",
            bargap=0.3,
            xaxis={"ticksuffix": f" {unit}", "rangemode": "tozero"},
            yaxis={"type": "multicategory", "showgrid": False, "fixedrange": True, "showdividers": False},
        ),
    }


def count_lanes(machines: list[Document]) -> int:
    """Return how many lines the timeline has."""
    return sum(len(_lanes(machine["bars"])) for machine in machines)


def _lanes(bars: list[Document]) -> list[list[Document]]:
    lanes: list[list[Document]] = []
    for bar in bars:
        free = next((lane for lane in lanes if lane[-1]["end"] <= bar["start"]), None)
        if free is None:
            lanes.append([bar])
        else:
            free.append(bar)
    return lanes


def distribution(found: Document) -> Figure:
    """Return the share of trials that is at most each value."""
    steps = {
        "type": "scatter",
        "mode": "lines",
        "x": found["values"],
        "y": found["share"],
        "line": {"color": ACCENT, "width": 2, "shape": "hv"},
        "fill": "tozeroy",
        "fillcolor": "rgba(20,160,138,.10)",
        "hovertemplate": "%{y:.0%} at most %{x:.5g}<extra></extra>",
    }
    low, high = found["values"][0], found["values"][-1]
    # Plotly would begin at zero, for the sake of the area.
    margin = (high - low) * 0.04 or 1.0
    middle = {"type": "line", "x0": found["median"], "x1": found["median"], "y0": 0, "y1": 1, "yref": "paper"}
    return {
        "data": [steps],
        "layout": layout(
            xaxis={"title": {"text": label(found["value"])}, "range": [low - margin, high + margin]},
            yaxis={"tickformat": ".0%", "range": [0, 1.04]},
            shapes=[middle | {"line": {"color": QUIET, "width": 1, "dash": "dot"}}],
        ),
    }


def compared(curves: list[Document], order: list[int]) -> Figure:
    """Return the curves of chosen trials, in the colours that they have in the table."""
    data = [
        {
            "type": "scatter",
            "mode": "lines" if len(curve["x"]) > 1 else "markers",
            "x": curve["x"],
            "y": curve["y"],
            "line": {"color": colour_of(order.index(curve["trial"])), "width": 2},
            "marker": {"color": colour_of(order.index(curve["trial"]))},
            "hovertemplate": f"trial {curve['trial']}: %{{y:.5g}} at %{{x}}<extra></extra>",
        }
        for curve in curves
        if curve["trial"] in order
    ]
    return {"data": data, "layout": layout()}


def colour_of(at: int) -> str:
    """Return the colour of the trial that was chosen at that place."""
    return COLOURS[at % len(COLOURS)]
