"""Datasets in pieces: the list, versions, columns with their distributions, correlation. Text stays text."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from dash import html
from dash.development.base_component import Component

from dash_app.addresses import of_job
from dash_app.presenters import figures, pieces, words
from dash_app.presenters.plain import plain
from dash_app.presenters.profile import Profile, Table

Document = dict[str, Any]
_ROWS_SHOWN = 20


def of_dataset(name: str, version: str = "") -> str:
    """Return the address of a dataset."""
    return f"/data/{quote(name, safe='')}" + (f"?version={version[:12]}" if version else "")


def listed(rows: Sequence[Document]) -> Component:
    """Return the list of datasets."""
    heads = ("Dataset", "Newest", "Versions", "What", "Size", "By", "Added")
    body = [
        html.Tr(
            [
                html.Td(html.A(plain(row["name"], 80), href=of_dataset(row["name"])), className="name"),
                html.Td(row["sha256"][:12], className="mono"),
                html.Td(str(row["versions"])),
                html.Td(_what(row)),
                html.Td(words.size(row["bytes"])),
                html.Td(plain(row["by"], 60)),
                html.Td(pieces.clock(row["at"])),
            ]
        )
        for row in rows
    ]
    head = html.Thead(html.Tr([html.Th(one) for one in heads]))
    table = html.Table([head, html.Tbody(body)], className="numbers is-list")
    return pieces.sideways(table, kind="panel")


def versions(rows: Sequence[Document], shown: str) -> Component:
    """Return the versions of a dataset, the newest first."""
    return html.Ul(
        [
            html.Li(
                [
                    html.A(
                        row["sha256"][:12],
                        href=of_dataset(row["name"], row["sha256"]),
                        className="file-name mono" + (" is-chosen" if row["sha256"] == shown else ""),
                    ),
                    html.Span(
                        [words.size(row["bytes"]), ", ", plain(row["by"], 40), ", ", pieces.clock(row["at"])]
                    ),
                ]
            )
            for row in rows
        ],
        className="files",
    )


def users(jobs: Sequence[Document]) -> Component:
    """Return the jobs that used a dataset, the newest first."""
    if not jobs:
        return html.P("No result names it yet.", className="quiet")
    return html.Ul(
        [
            html.Li(
                [
                    html.A(
                        f"{plain(job['script'], 60)} {job['job']}",
                        href=of_job(job["job"]),
                        className="file-name",
                    ),
                    html.Span(pieces.clock(job["at"])),
                ]
            )
            for job in jobs
        ],
        className="files",
    )


def columns(found: Sequence[Profile]) -> Component:
    """Return every column with its type, what is missing, and how its values lie."""
    heads = ("Column", "Type", "Missing", "Distinct", "Smallest", "Mean", "Largest", "Values")
    table = html.Table(
        [html.Thead(html.Tr([html.Th(one) for one in heads])), html.Tbody([_column(one) for one in found])],
        className="numbers",
    )
    return pieces.sideways(table)


def _column(one: Profile) -> Component:
    numbers, said = one.numbers, ["", "", ""]
    if numbers:
        said = [words.number(found) for found in (min(numbers), sum(numbers) / len(numbers), max(numbers))]
    values = _bars(one) if one.bins else ", ".join(f"{text} ({n})" for text, n in one.frequent)
    return html.Tr(
        [
            html.Td(plain(one.name, 80) or "(no name)", className="name"),
            html.Td(one.kind),
            html.Td(str(one.missing) if one.missing else "", className="is-missing"),
            html.Td(str(one.distinct)),
            *(html.Td(text) for text in said),
            html.Td(values, className="values"),
        ]
    )


def _bars(one: Profile) -> Component:
    most = max(one.bins)
    bars = [html.Span(style={"height": f"{max(4, round(100 * n / most)) if n else 0}%"}) for n in one.bins]
    about = f"{len(one.bins)} equal parts from smallest to largest: {', '.join(map(str, one.bins))}"
    return html.Div(bars, className="bins", role="img", title=about, **pieces.attributes(aria_label=about))


def rows(table: Table) -> Component:
    """Return the first rows."""
    head = html.Tr([html.Th(plain(name, 60)) for name in table.names])
    body = [
        html.Tr([html.Td("" if value is None else plain(value, 120)) for value in row])
        for row in table.rows[:_ROWS_SHOWN]
    ]
    return pieces.sideways(html.Table([html.Thead(head), html.Tbody(body)], className="numbers is-list"))


def correlation(names: Sequence[str], matrix: list[list[float | None]]) -> figures.Figure:
    """Return correlations as a map from -1 to 1."""
    labels = [figures.label(name) for name in names]
    heat = {
        "type": "heatmap",
        "x": list(range(len(labels))),
        "y": list(range(len(labels))),
        "z": matrix,
        "zmin": -1,
        "zmax": 1,
        "colorscale": [[0, "rgba(181,83,60,.5)"], [0.5, "rgba(125,140,146,.08)"], [1, "rgba(20,160,138,.5)"]],
        "text": [["" if value is None else f"{value:.2f}" for value in row] for row in matrix],
        "texttemplate": "%{text}",
        "hoverinfo": "skip",
        "showscale": False,
        "xgap": 2,
        "ygap": 2,
    }
    ticks = {"tickmode": "array", "tickvals": list(range(len(labels))), "ticktext": labels, "showgrid": False}
    return {"data": [heat], "layout": figures.layout(xaxis=ticks, yaxis={**ticks, "autorange": "reversed"})}


def _what(row: Document) -> str:
    return words.count(row["files"], "file") if row["kind"] == "folder" else plain(row["filename"], 60)
