"""Results: any of them as a table, in groups and in a figure that are linked. The address says all of it."""

import asyncio
import importlib.util
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from dash_app import component_ids as ids
from dash_app.asked import AGGREGATES, KINDS, Asked
from dash_app.pages.first import none
from dash_app.presenters import charts, grids, pieces, pivot, results, scatter, spread
from dash_app.presenters.plain import plain
from dash_app.presenters.result_axes import Choice, choose
from dash_app.presenters.words import count as counted
from hq.rest import board, queries, table
from hq.rest.database import Document
from hq.rest.house import House
from hq.rest.problems import Problem
from hq.rest.table import NEWEST, Column

_COMPARED_AT_MOST = 8

_WRITES_PARQUET = importlib.util.find_spec("pyarrow") is not None
_AGGREGATES = [{"value": one, "label": one.capitalize()} for one in AGGREGATES]


async def page(house: House, asked: Asked) -> list[Any]:
    """Return the page."""
    database = house.database
    error, written = None, asked.where
    try:
        everything, picked = asked.everything(), asked.picked()
    except Problem as problem:
        error = f"Not filtered: {problem.detail}"
        asked = replace(asked, where="", pick="")
        everything = picked = asked.everything()
    match, match_picked = await asyncio.gather(
        table.match_of(database, everything), table.match_of(database, picked)
    )
    known, count, shown, sweeps = await asyncio.gather(
        table.read_columns(database, match),
        table.count(database, match),
        # The same is not counted twice.
        table.count(database, match_picked) if match_picked != match else none(),
        queries.read_sweeps(database, limit=board.MOST_ROWS),
    )
    shown = count if shown is None else shown
    if not count and not written and not asked.sweep:
        return [pieces.head("Results"), _nothing_yet()]
    choice = choose(asked, known, _metric(asked, sweeps["sweeps"]))
    names = list(asked.columns) or results.usual_columns(known)
    titles = {one.name: results.title(one.name) for one in known}
    axes = scatter.Axes(choice.x, choice.y, choice.color, choice.facet, asked.kind, titles)
    points, groups, cells, compared = await asyncio.gather(
        _read_points(house, match, axes),
        _read_groups(house, match_picked, choice),
        _read_pivot(house, match_picked, choice),
        _read_compared(house, asked, known),
    )
    scans = table.scans(picked, asked.sort) and shown > 0
    return [
        pieces.head("Results", *_ways_out(asked)),
        _controls(asked, choice, known, names, sweeps["sweeps"], _where(written, error)),
        html.Div(
            [
                html.Div([_figure_panel(points, axes, asked, count)], className="column"),
                html.Div(
                    [_groups_panel(groups, choice, shown), _tests_panel(points, axes, known)],
                    className="column",
                ),
            ],
            className="panels",
        ),
        *_pivot_panel(cells, choice, asked.agg),
        html.Div(
            [
                html.P(_table_words(asked, count, shown), className="quiet"),
                html.A("Compare", href="/results", hidden=True, id="results-compare", className="link"),
                html.Span(id="results-note", className="failure", role="status"),
                html.P(
                    results.scan_words(shown, asked.sort if asked.sort != NEWEST else "", bool(picked.where))
                    if scans
                    else "",
                    className="quiet",
                ),
            ],
            className="above-table",
        ),
        html.Div(
            _grid(names, known, asked),
            id="results-table",
            **pieces.attributes(
                data_columns=json.dumps(names), data_query=asked.address(sort="").partition("?")[2]
            ),
        ),
        *(
            [pieces.panel("Side by side", compared, id="results-compared", kind="below")]
            if asked.rows
            else []
        ),
        pieces.panel(
            "In Python",
            html.Pre(
                results.snippet("\N{HORIZONTAL ELLIPSIS}", asked.where, asked.sweep),
                className="snippet",
                id="results-snippet",
                tabIndex="0",
            ),
            html.Button(
                "Copy", className="button is-plain", **pieces.attributes(data_copy="results-snippet")
            ),
            kind="below",
        ),
    ]


def _metric(asked: Asked, sweeps: Sequence[Document]) -> str:
    found = next((one for one in sweeps if one["id"] == asked.sweep), None)
    return str(found["spec"].get("metric") or "") if found else ""


async def _read_points(house: House, match: Document, axes: scatter.Axes) -> list[scatter.Point]:
    names = [axes.x, axes.y or axes.x, axes.color or axes.x, axes.facet or axes.x]
    rows = await table.read_points(house.database, match, names)
    return [
        scatter.Point(
            row["job"],
            row["values"][0],
            row["values"][1] if axes.y else None,
            row["values"][2] if axes.color else None,
            row["values"][3] if axes.facet else None,
        )
        for row in rows
    ]


async def _read_groups(house: House, match: Document, choice: Choice) -> list[Document]:
    if not choice.by or not choice.of:
        return []
    return await table.read_groups(house.database, match, choice.by, choice.of)


async def _read_pivot(house: House, match: Document, choice: Choice) -> list[Document]:
    if not choice.by or not choice.of or not choice.across:
        return []
    return await table.read_pivot(house.database, match, choice.by, choice.across, choice.of)


async def _read_compared(house: House, asked: Asked, known: Sequence[Column]) -> list[Any]:
    if not asked.rows:
        return []
    wanted = asked.rows[:_COMPARED_AT_MOST]
    match = await table.match_of(house.database, table.Selection(jobs=wanted))
    names = [one.name for one in known if one.name not in ("at", "job")]
    rows = await table.read_rows(house.database, match, names, sort=NEWEST, skip=0, limit=len(wanted))
    rows.sort(key=lambda row: wanted.index(row["job"]))
    return list(results.comparison(rows, names))


def _controls(
    asked: Asked,
    choice: Choice,
    known: Sequence[Column],
    names: Sequence[str],
    sweeps: Sequence[Document],
    where: Any,
) -> Any:
    shown = {
        "where": where.value, "sweep": asked.sweep, "columns": ",".join(names), "x": choice.x, "y": choice.y,
        "color": choice.color, "facet": choice.facet, "kind": asked.kind, "by": choice.by, "of": choice.of,
        "across": choice.across, "agg": asked.agg,
    }  # fmt: skip
    columns = results.options(known)
    of_sweeps = [
        {"value": one["id"], "label": plain(one["spec"].get("name") or one["id"], 60)} for one in sweeps
    ]
    return html.Div(
        [
            html.Div(
                [where, _select("sweep", "Sweep", of_sweeps, asked.sweep, "Any")],
                className="fields results-where",
            ),
            html.Div(
                [
                    _select("x", "x", columns, choice.x),
                    _select("y", "y", columns, choice.y, "Count"),
                    _select("color", "Colour", columns, choice.color, "One"),
                    _select("facet", "Facets", columns, choice.facet, "None"),
                    _select(
                        "kind",
                        "Drawn as",
                        [{"value": one, "label": one.capitalize()} for one in KINDS],
                        asked.kind,
                    ),
                    _select("by", "Group by", columns, choice.by),
                    _select("of", "Mean of", columns, choice.of),
                    _select("across", "Pivot across", columns, choice.across, "None"),
                    # Always there: the browser's callback takes all of them.
                    html.Div(
                        _select("agg", "In each cell", _AGGREGATES, asked.agg), hidden=not choice.across
                    ),
                ],
                className="fields is-narrow",
            ),
            dmc.MultiSelect(
                id=ids.RESULTS_CHOICES["columns"],
                label="Columns",
                data=columns,
                value=list(names),
                searchable=True,
                clearable=True,
                size="xs",
            ),
        ],
        id=ids.RESULTS_CONTROLS,
        className="results-controls",
        **pieces.attributes(data_shown=json.dumps(shown)),
    )


def _where(written: str, error: str | None) -> Any:
    return dmc.TextInput(
        id=ids.RESULTS_CHOICES["where"],
        label="Only those with",
        placeholder="accuracy >= 0.9, machine = attic, params.lr < 0.01, name ~ fold",
        value=plain(written, 2000),
        error=error,
        debounce=True,
        size="xs",
        inputProps={"autoComplete": "off", "spellCheck": "false", "data-search": "yes"},
    )


def _select(name: str, label: str, data: list[dict[str, Any]], value: str, nothing: str = "") -> Any:
    return dmc.Select(
        id=ids.RESULTS_CHOICES[name],
        label=label,
        data=data,
        value=value or None,
        placeholder=nothing or None,
        clearable=bool(nothing),
        searchable=True,
        size="xs",
        nothingFoundMessage="No such column",
    )


def _ways_out(asked: Asked) -> list[Any]:
    query = asked.address().removeprefix("/results")
    return [
        html.A("CSV", href=f"/results/table.csv{query}", download="results.csv", className="button is-plain"),
        *(
            [
                html.A(
                    "Parquet",
                    href=f"/results/table.parquet{query}",
                    download="results.parquet",
                    className="button is-plain",
                )
            ]
            if _WRITES_PARQUET
            else []
        ),
    ]


def _figure_panel(points: list[scatter.Point], axes: scatter.Axes, asked: Asked, count: int) -> Any:
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


def _groups_panel(groups: list[Document], choice: Choice, shown: int) -> Any:
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


def _pivot_panel(cells: list[Document], choice: Choice, aggregate: str) -> list[Any]:
    if not choice.across or not choice.by or not choice.of:
        return []
    titles = (results.title(choice.by), results.title(choice.across), results.title(choice.of))
    name = f"{titles[2]} by {titles[0]} and {titles[1]}"
    shown = pivot.pivot(cells, titles, aggregate)
    return [pieces.panel(name, list(shown), id="results-pivot", kind="below")]


def _tests_panel(points: list[scatter.Point], axes: scatter.Axes, known: Sequence[Column]) -> Any:
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


def _table_words(asked: Asked, count: int, shown: int) -> list[Any]:
    if not asked.pick:
        return [results.how_many(shown) + "."]
    return [
        f"{results.how_many(shown)}, selected in the figure, of {results.how_many(count)}. ",
        html.A("Show all", href=asked.address(pick=""), className="link"),
    ]


def _grid(names: Sequence[str], known: Sequence[Column], asked: Asked) -> Any:
    return grids.paged_grid(
        ids.RESULTS_GRID, results.grid_columns(names, known, asked.sort), "No result meets the filter."
    )


def _nothing_yet() -> Any:
    return pieces.empty(
        "No result yet.",
        html.P("A result is the JSON object that a script prints last. From a terminal:"),
        html.P(pieces.code("idlehands run train.py --epochs 3")),
        html.P("Every job that succeeded is a row here, with its parameters and what it printed."),
    )
