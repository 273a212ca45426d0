"""The table of results in words and pieces: columns, groups, a comparison, how to get at it from Python."""

from collections.abc import Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from dash_app.addresses import of_job
from dash_app.presenters import pieces, words
from dash_app.presenters.plain import plain
from dash_app.presenters.scatter import is_number
from hq.rest.conditions import PARAMS, PRINTED
from hq.rest.table import MOST_COUNTED, MOST_GROUPS, Column

Document = dict[str, Any]
#: Columns that are shown while nobody chose any.
_USUAL_AT_MOST = 14
_SELDOM = ("sweep", "script", "cpu_seconds", "memory_mb", "kwh", "cost", "trial")
_FACTS = ("machine", "script", "sweep", "at")
_UNITS = {"seconds": "Took", "at": "Ended", "memory_mb": "Memory, MB", "kwh": "kWh", "machine": "Machine"}


def title(name: str) -> str:
    """Return what a column is called."""
    if name in _UNITS:
        return _UNITS[name]
    return plain(name.removeprefix(PARAMS).removeprefix(PRINTED), 60)


def usual_columns(known: Sequence[Column]) -> list[str]:
    """Return the columns that are shown by themselves: parameters and values first."""
    names = [one.name for one in known if one.name not in _SELDOM]
    own = [name for name in names if not name.startswith((PARAMS, PRINTED))]
    return [name for name in names if name not in own][:_USUAL_AT_MOST] + own


def options(known: Sequence[Column]) -> list[dict[str, Any]]:
    """Return the columns to choose from, in their groups."""
    groups: dict[str, list[dict[str, str]]] = {"Parameters": [], "Results": [], "Facts": []}
    for one in known:
        group = "Parameters" if one.name.startswith(PARAMS) else "Facts"
        group = "Results" if one.name.startswith(PRINTED) else group
        groups[group].append({"value": one.name, "label": title(one.name)})
    return [{"group": group, "items": items} for group, items in groups.items() if items]


def grid_columns(names: Sequence[str], known: Sequence[Column], sort: str) -> list[dict[str, Any]]:
    """Return the columns of the grid. Cells are told by place: a name is only ever text."""
    numbers = {one.name for one in known if one.is_number}
    columns: list[dict[str, Any]] = [
        {"field": "job", "headerName": "Job", "cellRenderer": "JobLink", "width": 150, "pinned": "left"}
    ]
    for at, name in enumerate(names):
        column: dict[str, Any] = {
            "field": f"c{at}",
            "colId": name,
            "headerName": title(name),
            "headerTooltip": plain(name, 80),
            "width": 132,
            "cellClass": "quiet" if name in _FACTS else "number" if name in numbers else "mono",
            "valueFormatter": {"function": "number(params.value)"},
            "sortingOrder": ["desc", "asc"] if name in numbers else ["asc", "desc"],
        }
        if name == "at":
            column |= {"valueFormatter": {"function": "moment(params.value)"}, "width": 170}
        elif name in ("seconds", "cpu_seconds"):
            column["valueFormatter"] = {"function": "duration(params.value)"}
        if name == sort.lstrip("-"):
            column["sort"] = "desc" if sort.startswith("-") else "asc"
        columns.append(column)
    for column in columns:
        column["suppressMovable"] = True
    columns[0]["sortable"] = False
    return columns


def grid_row(row: Document) -> Document:
    """Return a row for the grid: numbers stay numbers, all else becomes text."""
    cells = {f"c{at}": cell(value) for at, value in enumerate(row["values"])}
    return {"id": f"{row['job']}-{row.get('token', 0)}", "job": row["job"], **cells}


def cell(value: Any) -> Any:
    """Return a value as a cell shows it."""
    return value if value is None or is_number(value) else words.value(value)


def how_many(count: int) -> str:
    """Return how many results there are, as far as they were counted."""
    return (
        f"more than {MOST_COUNTED:,} results".replace(",", "\N{THIN SPACE}")
        if count > MOST_COUNTED
        else (words.count(count, "result"))
    )


def scan_words(count: int, sort: str, is_filtered: bool) -> str:
    """Return what an order or filter without an index costs."""
    what = " and ".join(
        part
        for part in (
            "filtering" if is_filtered else "",
            f"sorting by {title(sort.lstrip('-'))}" if sort else "",
        )
        if part
    )
    return f"{what.capitalize()} has no index: {how_many(count)} are read for each page of the table."


def groups_table(rows: Sequence[Document], by: str, of: str) -> list[Component]:
    """Return a table of groups."""
    if not rows:
        return [html.P("No result has a number there.", className="quiet")]
    heads = (title(by), "n", "mean", "std", "min", "max")
    body = [
        html.Tr(
            [html.Td(words.value(row["value"]), className="name")]
            + [
                html.Td("" if row[name] is None else words.number(row[name]))
                for name in ("count", "mean", "std", "min", "max")
            ]
        )
        for row in rows[:MOST_GROUPS]
    ]
    table = html.Table(
        [html.Thead(html.Tr([html.Th(head) for head in heads])), html.Tbody(body)], className="numbers"
    )
    said: list[Component] = [pieces.sideways(table)]
    if len(rows) > MOST_GROUPS:
        said.append(html.P(f"The first {MOST_GROUPS} of more groups.", className="quiet"))
    return said


def comparison(rows: Sequence[Document], names: Sequence[str]) -> list[Component]:
    """Return chosen results side by side: only what differs, and how many columns do not."""
    if len(rows) < 2:
        return [html.P("Choose two rows or more in the table to compare them.", className="quiet")]
    differing = [
        (at, name)
        for at, name in enumerate(names)
        if len({words.value(row["values"][at]) for row in rows}) > 1
    ]
    same = len(names) - len(differing)
    head = html.Tr([html.Th("")] + [html.Th(html.A(row["job"], href=of_job(row["job"]))) for row in rows])
    body = [
        html.Tr([html.Th(title(name))] + [html.Td(_short(row["values"][at])) for row in rows])
        for at, name in differing
    ]
    said = words.count(same, "column is", "columns are")
    return [
        pieces.sideways(html.Table([html.Thead(head), html.Tbody(body)], className="numbers")),
        html.P(f"{said} the same in all of them.", className="quiet"),
    ]


def snippet(origin: str, where: str, sweep: str) -> str:
    """Return lines of Python that read the same results with pandas."""
    given = {"format": "csv", "limit": "10000", "where": where, "sweep": sweep}
    params = {name: value for name, value in given.items() if value}
    return (
        "import os, urllib.parse\n"
        "import pandas as pd\n\n"
        f"params = {params!r}\n"
        f'url = "{origin}/api/v1/results?" + urllib.parse.urlencode(params)\n'
        'token = os.environ["IDLEHANDS_TOKEN"]  # idlehands token create --role viewer --name me\n'
        'results = pd.read_csv(url, storage_options={"Authorization": f"Bearer {token}"})\n'
    )


def _short(value: Any) -> str:
    return "" if value is None else words.value(value)
