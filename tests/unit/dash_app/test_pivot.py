"""The pivot of results: in order, with what is there in each cell, and shared by its address."""

from typing import Any

import pytest
from plotly.io.json import to_json_plotly

from dash_app.asked import asked_of, pairs_of
from dash_app.presenters.pivot import MOST_COLUMNS, pivot

TITLES = ("layers", "optimizer", "accuracy")


def cell(row: Any, column: Any, mean: float | None, count: int = 1) -> dict[str, Any]:
    return {"row": row, "column": column, "count": count, "mean": mean, "sum": (mean or 0) * count}


def texts(component: Any) -> list[str]:
    """Return all texts of a table in their order."""
    if isinstance(component, str):
        return [component]
    if isinstance(component, list | tuple):
        return [text for one in component for text in texts(one)]
    return texts(getattr(component, "children", None) or [])


def test_rows_and_columns_are_in_their_order_and_gaps_are_empty() -> None:
    cells = [cell(10, "sgd", 0.5), cell(2, "adam", 0.9, 3), cell(None, "adam", 0.1), cell(2.5, None, 0.2)]

    shown = texts(pivot(cells, TITLES, "mean")[0])

    assert shown == [
        *("layers \N{RIGHTWARDS ARROW} optimizer", "adam", "sgd", "none"),
        *("2", "0.9"),
        *("2.5", "0.2"),
        *("10", "0.5"),
        *("none", "0.1"),
    ]


@pytest.mark.parametrize(("aggregate", "shown"), [("mean", "0.9"), ("sum", "2.7"), ("count", "3")])
def test_a_cell_has_the_number_that_was_asked_for(aggregate: str, shown: str) -> None:
    assert texts(pivot([cell(1, "a", 0.9, 3)], TITLES, aggregate)[0])[-1] == shown


def test_the_largest_number_is_darkest_and_a_single_one_is_not() -> None:
    text = str(
        to_json_plotly(pivot([cell(1, "a", 1.0), cell(2, "a", 3.0), cell(3, "a", 2.0)], TITLES, "mean"))
    )
    assert [part.split("%")[0] for part in text.split("var(--accent) ")[1:]] == ["0", "30", "15"]
    assert "var(--accent) 0%" in str(to_json_plotly(pivot([cell(1, "a", 1.0)], TITLES, "mean")))


def test_a_pivot_is_bounded_and_says_so_and_none_has_words() -> None:
    wide = [cell(1, f"c{number:03}", 1.0) for number in range(MOST_COLUMNS + 5)]

    assert "of 1 and 29" in " ".join(texts(pivot(wide, TITLES, "mean")))
    assert texts(pivot([], TITLES, "mean")) == ["No result has a number there."]
    assert "<b>" in " ".join(texts(pivot([cell("<b>x", "a", None)], TITLES, "std")))


def test_the_address_has_the_pivot_and_leaves_out_what_cannot_be() -> None:
    asked = asked_of(pairs_of({"by": "params.a", "across": "machine", "agg": "sum"}))

    assert (asked.across, asked.agg) == ("machine", "sum")
    assert "across=machine" in asked.address()
    assert asked_of(pairs_of({"across": "none", "agg": "$where"})) == asked_of(())
