"""A pivot of results: rows by the values of one column, columns by another, a number in each cell."""

from collections.abc import Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from dash_app.presenters import pieces, words
from dash_app.presenters.plain import plain

Document = dict[str, Any]
MOST_ROWS = 60
MOST_COLUMNS = 24
#: Of a cell whose number is the largest, percent of colour.
_DARKEST = 30


def pivot(cells: Sequence[Document], titles: tuple[str, str, str], aggregate: str) -> list[Component]:
    """Return the table, with the darkest ground where the number is largest.

    Args:
        cells: Each with `row`, `column`, `count` and one number by the aggregate's name.
        titles: What rows and columns are values of, and what the numbers are of.
        aggregate: Which of a cell's numbers is shown.
    """
    if not cells:
        return [html.P("No result has a number there.", className="quiet")]
    rows, columns = _values(cells, "row"), _values(cells, "column")
    found = {(_key(one.get("row")), _key(one.get("column"))): one for one in cells}
    numbers = [one[aggregate] for one in cells if one.get(aggregate) is not None]
    low, high = min(numbers, default=0.0), max(numbers, default=0.0)
    head = [
        html.Tr(
            [html.Th(f"{titles[0]} \N{RIGHTWARDS ARROW} {titles[1]}"), *map(_head, columns[:MOST_COLUMNS])]
        )
    ]
    body = [
        html.Tr(
            [
                html.Th(_said(row), scope="row"),
                *(
                    _cell(found.get((_key(row), _key(column))), aggregate, low, high)
                    for column in columns[:MOST_COLUMNS]
                ),
            ]
        )
        for row in rows[:MOST_ROWS]
    ]
    table = html.Table([html.Thead(head), html.Tbody(body)], className="numbers pivot")
    about = (
        f"{aggregate} of {titles[2]}; the larger, the darker. Point at a cell for how many results it is of."
    )
    shown: list[Component] = [pieces.sideways(table), html.P(about, className="quiet")]
    if len(rows) > MOST_ROWS or len(columns) > MOST_COLUMNS:
        said = f"The first {MOST_ROWS} rows and {MOST_COLUMNS} columns of {len(rows)} and {len(columns)}."
        shown.append(html.P(said, className="quiet"))
    return shown


def _values(cells: Sequence[Document], which: str) -> list[Any]:
    """Return the values of rows or columns: numbers in their order, then words, then none."""
    by_key = {_key(one.get(which)): one.get(which) for one in cells}
    return [by_key[key] for key in sorted(by_key)]


def _key(value: Any) -> tuple[int, float, str]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return 0, float(value), ""
    return (2, 0.0, "") if value is None else (1, 0.0, words.value(value))


def _said(value: Any) -> Component:
    return html.Bdi("none" if value is None else plain(words.value(value), 60))


def _head(value: Any) -> Component:
    return html.Th(_said(value), scope="col")


def _cell(one: Document | None, aggregate: str, low: float, high: float) -> Component:
    value = None if one is None else one.get(aggregate)
    if one is None or value is None:
        return html.Td("")
    share = 0.0 if high <= low else (value - low) / (high - low)
    ground = f"color-mix(in srgb, var(--accent) {share * _DARKEST:.0f}%, transparent)"
    return html.Td(
        words.number(value), title=words.count(one["count"], "result"), style={"backgroundColor": ground}
    )
