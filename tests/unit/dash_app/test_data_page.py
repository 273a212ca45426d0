"""What a dataset's first bytes are shown as: columns, types, distributions; text stays text."""

import pytest

from dash_app.addresses import parse
from dash_app.presenters import datasets, profile
from dash_app.presenters.profile import Table

CSV = "a,b,<b>c</b>\n1,x,\n2,y,NA\n4,x,?\n"


def test_columns_have_types_and_what_is_missing() -> None:
    table = profile.read_table("some.CSV", CSV, True)
    assert table is not None

    a, b, c = profile.profiles(table)

    assert (a.kind, a.numbers, a.missing, sum(a.bins)) == ("number", (1.0, 2.0, 4.0), 0, 3)
    assert (b.kind, b.frequent) == ("text", (("x", 2), ("y", 1)))
    assert (c.name, c.kind, c.missing) == ("<b>c</b>", "empty", 3)
    assert "<b>c</b>" in str(datasets.columns([a, b, c]))


def test_what_was_cut_off_is_left_out() -> None:
    whole = profile.read_table("x.tsv", "a\tb\n1\t2\n3\t4", True)
    part = profile.read_table("x.tsv", "a\tb\n1\t2\n3\t4", False)

    assert whole == Table(("a", "b"), (("1", "2"), ("3", "4")))
    assert part == Table(("a", "b"), (("1", "2"),))
    assert profile.decode("grü".encode()[:-1]) == "gr"


@pytest.mark.parametrize("name", ["x.csv", "x.tsv", "x.jsonl", "x.txt"])
@pytest.mark.parametrize(
    "text", ["", "\n\n", '"', "[" * 5000, "1\n2", '{"a": {"b": [1]}}\n{"a": NaN}', "a\n1e999\n2"]
)
def test_odd_content_breaks_nothing(name: str, text: str) -> None:
    table = profile.read_table(name, text, True)

    if table is not None:
        found = profile.profiles(table)
        datasets.columns(found)
        datasets.rows(table)
        datasets.correlation(*profile.correlations(table, found))
    assert profile.decode(b"\x00\x01") is None
    assert profile.decode(b"\xff\xfe more than that") is None


def test_json_lines_are_a_table() -> None:
    table = profile.read_table("x.jsonl", '{"a": 1, "b": "x"}\n{"a": 2}\n', True)

    assert table == Table(("a", "b"), (("1", "x"), ("2", None)))


def test_correlation_is_of_rows_where_both_are_there() -> None:
    rows = tuple((str(n), str(-2 * n), None if n % 2 else "1", str(n % 3)) for n in range(12))
    table = Table(("up", "down", "same", "odd"), rows)

    names, matrix = profile.correlations(table, profile.profiles(table))

    assert names == ["up", "down", "odd"]
    assert matrix[0][1] == pytest.approx(-1)


def test_addresses_of_data() -> None:
    assert parse("/data", "").kind == "data"
    assert parse("/data/wine", "?version=3f").identity == "wine"
    assert parse("/data/Wine!", "").kind == "nothing"
