"""The audit log for people: a table, the newest first."""

import datetime
from collections.abc import Sequence
from typing import Any

from dash import html

from dash_app.presenters import pieces
from dash_app.presenters.plain import plain

_COLUMNS = ("When (UTC)", "What", "Who", "To whom", "From", "Detail")


def table(entries: Sequence[dict[str, Any]]) -> list[Any]:
    """Return the entries as rows, and where to see more of them."""
    more = html.P(["More, and by who, what and when: ", pieces.code("idlehands audit")], className="quiet")
    if not entries:
        return [html.P("Nothing yet.", className="quiet"), more]
    head = html.Thead(html.Tr([html.Th(name) for name in _COLUMNS]))
    # On a phone each cell stands in a line of its own, with the name of its column before it.
    rows = [
        html.Tr(
            [
                html.Td(cell, **pieces.attributes(data_name=name))
                for name, cell in zip(_COLUMNS, _cells(entry), strict=True)
            ],
            className=_kind(entry),
        )
        for entry in entries
    ]
    return [html.Table([head, html.Tbody(rows)], className="audit"), more]


def _cells(entry: dict[str, Any]) -> tuple[str, ...]:
    moment = datetime.datetime.fromtimestamp(entry["at"], datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")
    what = plain(entry["what"], 70)
    times = f"{what}, {entry['count']} times" if entry["count"] > 1 else what
    rest = (plain(entry[name], 300) for name in ("who", "subject", "source", "detail"))
    return moment, times, *rest


def _kind(entry: dict[str, Any]) -> str:
    return "" if entry["outcome"] == "done" else "is-refused"
