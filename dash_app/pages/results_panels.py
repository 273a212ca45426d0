"""The panels of the page of results: the figure, groups, the pivot, what the numbers say."""

from collections.abc import Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from dash_app import component_ids as ids
from dash_app.asked import Asked
from dash_app.presenters import charts, pieces, pivot, results, scatter, spread
from dash_app.presenters.result_axes import Choice
from dash_app.presenters.words import count as counted
from hq.rest import table
from hq.rest.database import Document
from hq.rest.problems import Problem
from hq.rest.table import Column


def figure_panel(points: list[scatter.Point], axes: scatter.Axes, asked: Asked, count: int) -> Any:
    """Return the figure of points; what is selected there filters the table."""
    drawn = scatter.drawn(points, axes)
    said = f"{counted(len(drawn), 'point')}. Drag over some to filter the table."
    if count > len(points):
        said = f"The newest {counted(len(points), 'result')}. Drag over some to filter the table."
    what: Component
    if not drawn:
        what = html.P("No result has both.", className="quiet")
    else:
        what = charts.chart(ids.RESULTS_FIGURE, scatter.figure(points, axes, _box(asked)), 380)
    name = f"{results.title(axes.y)} over {results.title(axes.x)}" if axes.y else results.title(axes.x)
    name += f", by {results.title(axes.facet)}" if axes.facet else ""
    return pieces.panel(name, what, aside=html.Span(said, className="quiet"))


def _box(asked: Asked) -> dict[str, tuple[float, float]] | None:
    """Return the range that is selected, as the address says it."""
    found: dict[str, list[float]] = {}
    try:
        selection = asked.picked()
    except Problem:
        return None
    for one in selection.where[len(asked.conditions()) :]:
        axis = "x" if one.name == asked.x else "y"
        found.setdefault(axis, []).append(float(one.value) if one.sign in (">=", "<=") else 0.0)
    box = {axis: (min(values), max(values)) for axis, values in found.items() if len(values) == 2}
    return box or None


def groups_panel(groups: list[Document], choice: Choice, shown: int) -> Any:
    """Return the numbers of each group."""
    if not choice.by or not choice.of:
        return pieces.panel("Groups", html.P("Choose what to group by.", className="quiet"))
    few = counted(table.MOST_GROUPED, "result")
    return pieces.panel(
        f"{results.title(choice.of)} by {results.title(choice.by)}",
        [
            *results.groups_table(groups, choice.by, choice.of),
            *([html.P(f"Of the newest {few}.", className="quiet")] if shown > table.MOST_GROUPED else []),
        ],
        id="results-groups",
    )


def pivot_panel(cells: list[Document], choice: Choice, aggregate: str) -> list[Any]:
    """Return the pivot, nothing unless it is asked for."""
    if not choice.across or not choice.by or not choice.of:
        return []
    titles = (results.title(choice.by), results.title(choice.across), results.title(choice.of))
    name = f"{titles[2]} by {titles[0]} and {titles[1]}"
    shown = pivot.pivot(cells, titles, aggregate)
    return [pieces.panel(name, list(shown), id="results-pivot", kind="below")]


def tests_panel(points: list[scatter.Point], axes: scatter.Axes, known: Sequence[Column]) -> Any:
    """Return what the points say in words, with the tests behind it."""
    drawn = [point for point in scatter.drawn(points, axes) if scatter.is_number(point.y)]
    if not axes.y or not drawn or axes.x == axes.y:
        return pieces.panel("What the numbers say", html.P("Choose an x and a y.", className="quiet"))
    is_number = all(scatter.is_number(point.x) for point in drawn)
    x_name, y_name = results.title(axes.x), results.title(axes.y)
    y = [float(point.y) for point in drawn]
    levels = [float(p.x) if is_number else str(p.x) for p in drawn]
    said = [html.P(spread.variance_words(x_name, y_name, levels, y, is_number))]
    if is_number:
        said.append(html.P(spread.linearity_words(x_name, y_name, [float(p.x) for p in drawn], y)))
    about = f"From {counted(len(drawn), 'result')}; p is how often chance alone would give such a number."
    return pieces.panel(
        "What the numbers say", *said, html.P(about, className="quiet"), id="results-tests", kind="said"
    )
