"""Data: the datasets, and of one its versions, who used it, and what its first bytes hold."""

import asyncio
from typing import Any

from dash import html

from dash_app.presenters import charts, datasets, pieces, profile, registry, words
from dash_app.presenters.plain import plain
from hq.rest.board import read_users
from hq.rest.database import Document
from hq.rest.house import House
from hq.rest.problems import not_found

_COMMAND = "idlehands data add wine wine.csv"


async def list_page(house: House, may_change: bool) -> list[Any]:
    """Return the list of datasets, with a place to drop a file for who may."""
    rows = await house.datasets.list_all()
    shown: list[Any] = [pieces.head("Data"), registry.tabs("/data")]
    if may_change:
        shown.append(_upload())
    if rows:
        return [*shown, datasets.listed(rows)]
    return [
        *shown,
        pieces.empty(
            "No dataset yet.",
            html.P(
                "A dataset is a file or a folder under a name; a parameter data://NAME becomes a path to it."
            ),
            html.P(["From a terminal: ", pieces.code(_COMMAND)]),
            *([] if may_change else [html.P("You are logged in as viewer, who can look and add nothing.")]),
        ),
    ]


async def page(house: House, name: str, wanted: str) -> list[Any]:
    """Return one dataset, at the version that begins so, or the newest.

    Raises:
        Problem: 404 when there is no such dataset or version.
    """
    versions = await house.datasets.read(name)
    shown = next((one for one in versions if one["sha256"].startswith(wanted)), None)
    if shown is None:
        raise not_found("dataset", f"{name}@{wanted}" if wanted else name)
    jobs, content = await asyncio.gather(
        read_users(house.database, name), _read_start(house, shown["sha256"])
    )
    return [
        pieces.head(plain(name, 80), over=html.A("Data", href="/data")),
        html.Div(
            [
                html.Div(await asyncio.to_thread(_preview, shown, content), className="column"),
                html.Div(
                    [
                        pieces.panel(
                            "In a job", html.P(pieces.code(f"data://{name}@{shown['sha256'][:12]}"))
                        ),
                        pieces.panel("Versions", datasets.versions(versions, shown["sha256"])),
                        pieces.panel("Used by", datasets.users(jobs), id="data-users"),
                    ],
                    className="column",
                ),
            ],
            className="panels",
        ),
    ]


async def _read_start(house: House, sha256: str) -> bytes:
    blob = await house.blobs.find(sha256)
    if blob is None:
        return b""
    length = min(int(blob["length"]), profile.MOST_BYTES)
    return b"".join([piece async for piece in house.blobs.read_from(blob, 0, length)]) if length else b""


def _preview(shown: Document, content: bytes) -> list[Any]:
    """Return what the first bytes hold: a table with its columns, or lines of text."""
    filename, is_whole = str(shown["filename"]), int(shown["bytes"]) <= len(content)
    about = f"{words.size(shown['bytes'])}, {plain(filename, 80)}"
    if shown["kind"] == "folder":
        return [_note(about, f"A folder of {words.count(shown['files'], 'file')}; jobs find it whole.")]
    text = profile.decode(content)
    if text is None or not content:
        why = (
            "It is empty or not stored any more." if not content else "It is no text, so there is no preview."
        )
        return [_note(about, f"{why} CSV, TSV, JSON lines and text have one.")]
    table = profile.read_table(filename, text, is_whole)
    part = "" if is_whole else f" Of its first {words.size(len(content))}."
    if table is None or not table.rows:
        lines = html.Pre(profile.first_lines(text), className="log", tabIndex="0")
        return [pieces.panel("The first lines", html.P(about + "." + part, className="quiet"), lines)]
    found = profile.profiles(table)
    names, matrix = profile.correlations(table, found)
    seen = f"{words.count(len(table.rows), 'row')} and {words.count(len(found), 'column')} looked at"
    said = f"{about}. {seen}.{part}"
    panels = [
        pieces.panel("Columns", html.P(said, className="quiet"), datasets.columns(found), id="data-columns"),
    ]
    if len(names) > 1:
        height = 60 + 34 * len(names)
        figure = charts.chart("data-correlation", datasets.correlation(names, matrix), height)
        panels.append(pieces.panel("Correlation", figure))
    return [*panels, pieces.panel("The first rows", datasets.rows(table))]


def _note(about: str, words_: str) -> Any:
    return pieces.panel("Content", html.P(about + "."), html.P(words_, className="quiet"))


def _upload() -> Any:
    """Return the place to drop a file; `assets/data.js` sends it."""
    return html.Div(
        [
            # A field for files is no component of Dash: the script puts one there.
            html.Div(id="data-choose"),
            html.Div(
                [html.Div(className="bar-fill")],
                className="bar",
                id="data-bar",
                hidden=True,
                role="progressbar",
                **pieces.attributes(aria_label="Upload"),
            ),
            html.P(id="data-said", className="quiet", role="status"),
        ],
        id="data-upload",
        className="upload",
    )
