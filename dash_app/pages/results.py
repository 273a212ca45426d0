"""Results: any of them as a table, in groups and in a figure that are linked. The address says all of it."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from dash import html

from dash_app import component_ids as ids
from dash_app.asked import Asked
from dash_app.pages.first import none
from dash_app.pages.results_controls import controls, ways_out, where_field
from dash_app.pages.results_panels import figure_panel, groups_panel, pivot_panel, tests_panel
from dash_app.presenters import grids, pieces, results, scatter
from dash_app.presenters.result_axes import Choice, choose
from hq.rest import board, queries, table
from hq.rest.database import Document
from hq.rest.house import House
from hq.rest.problems import Problem
from hq.rest.table import NEWEST, Column

_COMPARED_AT_MOST = 8


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
        pieces.head("Results", *ways_out(asked)),
        controls(asked, choice, known, names, sweeps["sweeps"], where_field(written, error)),
        html.Div(
            [
                html.Div([figure_panel(points, axes, asked, count)], className="column"),
                html.Div(
                    [groups_panel(groups, choice, shown), tests_panel(points, axes, known)],
                    className="column",
                ),
            ],
            className="panels",
        ),
        *pivot_panel(cells, choice, asked.agg),
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
