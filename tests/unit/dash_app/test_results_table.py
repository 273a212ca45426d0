"""The table of results on the real database, and its address, figure and pieces."""

import asyncio
import csv
import io
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, get_args

import pytest
from plotly.io.json import to_json_plotly
from pymongo import MongoClient

from dash_app.addresses import parse
from dash_app.asked import Asked, asked_of, pairs_of, to_pairs
from dash_app.presenters import results, scatter
from dash_app.presenters.result_axes import choose
from dash_app.presenters.scatter import Axes, Point
from hq.rest import results as results_of_rest
from hq.rest import table
from hq.rest.conditions import parse_conditions
from hq.rest.database import Database, open_database
from hq.rest.result_forms import Form, render
from hq.rest.table import Column, Selection

T = TypeVar("T")
HOSTILE = "<img src=x>"


def stored(at: int) -> dict[str, Any]:
    job = f"j{'abcdefghijkl'[at % 12] * 12}"
    printed = {"accuracy": at / 10, "note": HOSTILE} | ({} if at % 4 else {"rare": at})
    return {
        "_id": {"job": job, "token": 1},
        "job": job,
        "token": 1,
        "agent": "attic" if at % 2 else "study",
        "verdict": "accepted" if at < 10 else "superseded",
        "position": at,
        "at": 1000.0 + at,
        "params": {"k": at % 3, "mode": "fast" if at < 5 else "slow"},
        "script": "train",
        "sweep": None,
        "trial": None,
        "result": {"outcome": "succeeded", "duration_seconds": float(at), "result": printed},
    }


@pytest.fixture
def ask(mongodb_uri: str) -> Callable[[Callable[[Database], Awaitable[Any]]], Any]:
    with MongoClient[dict[str, Any]](mongodb_uri) as mongo:
        database = mongo.get_default_database()
        database["results"].insert_many([stored(at) for at in range(12)])
        database["jobs"].insert_one({"_id": "j" + "b" * 12, "order": 1, "spec": {"name": "Fold 1"}})

    def run(what: Callable[[Database], Awaitable[Any]]) -> Any:
        async def whole() -> Any:
            database = open_database(mongodb_uri)
            try:
                return await what(database)
            finally:
                await database.client.close()

        return asyncio.run(whole())

    return run


def test_rows_are_filtered_sorted_and_paged_by_the_database(ask: Any) -> None:
    async def rows(database: Database, where: str, sort: str, skip: int = 0) -> list[Any]:
        match = await table.match_of(database, Selection(where=parse_conditions(where)))
        names = ["params.k", "accuracy", "result.rare"]
        found = await table.read_rows(database, match, names, sort=sort, skip=skip, limit=3)
        return [row["values"] for row in found]

    assert ask(lambda database: rows(database, "", "-at")) == [[0, 0.9, None], [2, 0.8, 8], [1, 0.7, None]]
    assert ask(lambda database: rows(database, "", "-at", 9)) == [[0, 0.0, 0]]
    assert ask(lambda database: rows(database, "k = 1, machine = attic", "accuracy")) == [
        [1, 0.1, None],
        [1, 0.7, None],
    ]
    # What has no value comes last, in both directions.
    assert [row[2] for row in ask(lambda database: rows(database, "", "rare"))] == [0, 4, 8]
    assert [row[2] for row in ask(lambda database: rows(database, "", "-rare"))] == [8, 4, 0]
    assert ask(lambda database: rows(database, "name ~ fold", "-at")) == [[1, 0.1, None]]
    # Upwards by a value that few have: page by page the same as in one go, and every result once.
    pages = [
        ask(lambda database, skip=skip: rows(database, "", "result.rare", skip)) for skip in range(0, 12, 3)
    ]
    upwards = [row for page in pages for row in page]
    assert [row[2] for row in upwards] == [0, 4, 8, *[None] * 7]
    assert sorted(row[1] for row in upwards) == [at / 10 for at in range(10)]
    assert ask(lambda database: rows(database, "", "result.rare", 2)) == upwards[2:5]


EARLY = {"kind": "ended_early", "message": "it was ended"}
ENDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "good": ("accepted", "succeeded", {}),
    "bad": ("accepted", "failed", {"failure": {"kind": "exit", "message": "exit code 1"}}),
    "early": ("accepted", "failed", {"failure": EARLY}),
    # Its script noticed and ended by itself.
    "polite": ("accepted", "succeeded", {}),
    # An earlier try of that trial, which does not count.
    "tried": ("requeued", "failed", {"failure": {"kind": "exit", "message": "exit code 1"}}),
}


def test_what_a_sweep_ended_early_is_pruned_and_did_not_fail(ask: Any, mongodb_uri: str) -> None:
    jobs = {name: "polite" if name == "tried" else name for name in ENDS}
    with MongoClient[dict[str, Any]](mongodb_uri) as mongo:
        database = mongo.get_default_database()
        database["results"].delete_many({})
        for number, (name, (verdict, outcome, more)) in enumerate(ENDS.items()):
            row = stored(number)
            result = row["result"] | {"outcome": outcome, **more}
            attempt = {"job": jobs[name], "token": number}
            database["results"].insert_one(
                row | attempt | {"_id": attempt, "verdict": verdict, "result": result}
            )
        database["jobs"].insert_many(
            [
                {"_id": name, "order": number + 2, "status": "pruned"}
                for number, name in enumerate(("early", "polite"))
            ]
        )

    async def look(database: Database) -> Any:
        page = await results_of_rest.read_results(database, limit=9, sort="at", every=True)
        pruned = await results_of_rest.read_results(database, limit=9, sort="at", where="outcome = pruned")
        failed = await results_of_rest.read_results(database, limit=9, where="outcome = failed")
        other = await results_of_rest.read_results(database, limit=9, sort="at", where="outcome != failed")
        match = await table.match_of(database, Selection())
        rows = await table.read_rows(database, match, ["outcome"], sort="-outcome", skip=0, limit=9)
        return page, pruned, failed, other, rows

    page, pruned, failed, other, rows = ask(look)

    told = {"good": "succeeded", "bad": "failed", "early": "pruned", "polite": "pruned", "tried": "failed"}
    assert [row["outcome"] for row in page["results"]] == list(told.values())
    # What the script itself reported is said as it was.
    assert [row["result"]["outcome"] for row in page["results"]][2:4] == ["failed", "succeeded"]
    assert [row["job"] for row in pruned["results"]] == ["early"]
    assert [row["job"] for row in failed["results"]] == ["bad"]
    assert [row["job"] for row in other["results"]] == ["good", "early", "polite"]
    assert [row["values"] for row in rows] == [["succeeded"], ["succeeded"], ["pruned"], ["failed"]]
    lines = list(csv.DictReader(io.StringIO(results_of_rest.to_csv(page["results"]))))
    assert [line["outcome"] for line in lines] == list(told.values())


ODD: dict[str, Any] = {
    "nothing": None,
    "nan": "NaN",
    "large": 2**63 - 1,
    "small": -(2**63),
    "tiny": 5e-324,
    "huge": 1.7976931348623157e308,
    "deep": {"a": [{"b": [None, True, 1.5, "ü"]}], "": {}},
    "list": [],
    "bool": True,
    "text": "=cmd|' /C calc'!A0",
    "lines": 'one\r\ntwo,"three"',
    "emoji \U0001f9ea": "\u2028 \u202e \U0001f9ea",
    "job": "not the job",
    "__proto__": 1,
    "=1+1": 1,
}


def test_odd_values_come_in_all_four_forms(ask: Any, mongodb_uri: str) -> None:
    with MongoClient[dict[str, Any]](mongodb_uri) as mongo:
        collection = mongo.get_default_database()["results"]
        collection.delete_many({})
        for number, values in enumerate((ODD, {name: str(value) for name, value in ODD.items()}, {}, None)):
            row = stored(number)
            result = row["result"] | {"result": values}
            attempt = {"job": f"job{number}", "token": 1}
            params = ODD if number == 0 else {}
            collection.insert_one(row | attempt | {"_id": attempt, "params": params, "result": result})

    page = ask(lambda database: results_of_rest.read_results(database, limit=9, sort="at"))

    got: dict[str, Any] = {form: render(page, form, None).body for form in get_args(Form)}
    assert json.loads(got["json"])["results"][0]["result"]["result"] == ODD
    assert [json.loads(line)["params"] for line in got["ndjson"].splitlines()] == [ODD, {}, {}, {}]
    lines = list(csv.reader(io.StringIO(got["csv"].decode())))
    assert {len(line) for line in lines} == {len(lines[0])}
    assert not [cell for line in lines for cell in line if cell.startswith(("=", "@", "+"))]
    assert got["parquet"][:4] == b"PAR1"


def test_columns_groups_and_counts_are_of_what_is_selected(ask: Any) -> None:
    async def look(database: Database) -> Any:
        match = await table.match_of(database, Selection())
        return (
            await table.read_columns(database, match),
            await table.read_groups(database, match, "params.mode", "accuracy"),
            await table.count(database, match),
        )

    columns, groups, count = ask(look)

    known = {one.name: one.is_number for one in columns}
    assert count == 10
    assert known["params.k"]
    assert not known["params.mode"]
    assert known["result.accuracy"]
    assert not known["result.note"]
    assert known["seconds"]
    assert [(row["value"], row["count"]) for row in groups] == [("fast", 5), ("slow", 5)]
    assert groups[0]["mean"] == pytest.approx(0.2)
    assert groups[0]["std"] == pytest.approx(0.158113883)
    assert table.scans(Selection(), "-at") is False
    assert table.scans(Selection(), "accuracy") is True


def test_an_address_says_all_and_nothing_that_cannot_be() -> None:
    asked = Asked(
        where="a > 1", sort="-accuracy", x="params.k", rows=("j" + "a" * 12,), columns=("machine", "k")
    )
    address = asked.address()

    view = parse("/results", address.partition("?")[2])

    assert asked_of(view.given) == asked
    assert view.kind == "results"
    assert dict(to_pairs(Asked())) == {}
    wrong = {"sort": "$x", "x": "a.b.c", "kind": "pie", "sweep": "x", "rows": "j1", "columns": "$a,ok"}
    assert asked_of(pairs_of(wrong)) == Asked(columns=("ok",))
    assert asked_of(pairs_of({"where": "a" * 9000})).where == "a" * 3000


def test_what_is_picked_in_the_figure_narrows_the_table() -> None:
    jobs = ("j" + "a" * 12, "j" + "b" * 12)

    assert Asked(pick=".".join(jobs), where="k = 1").picked().jobs == jobs
    ranged = Asked(pick="params.k>=0.5,params.k<=2").picked()
    assert [(one.name, one.sign, one.value) for one in ranged.where] == [
        ("params.k", ">=", "0.5"),
        ("params.k", "<=", "2"),
    ]


def test_figures_suit_the_values_and_show_text_as_text() -> None:
    numbers = [Point(f"j{at}", at / 7 + 1, at, at % 3, "ab"[at % 2]) for at in range(40)]
    words = [Point(f"j{at}", HOSTILE if at % 2 else "b", at, HOSTILE) for at in range(20)]

    plain = scatter.figure(numbers, Axes("x", "y"), {"x": (1, 2), "y": (3, 4)})
    faceted = scatter.figure(numbers, Axes("x", "y", "c", "f"))
    boxes = scatter.figure(words, Axes("mode", "y", "c"))
    counts = scatter.figure(numbers, Axes("x"))

    assert plain["data"][0]["customdata"][0] == "j0"
    assert plain["layout"]["selections"][0]["x1"] == 2
    assert {trace["xaxis"] for trace in faceted["data"]} == {"x", "x2"}
    assert faceted["layout"]["coloraxis"]
    assert {trace["type"] for trace in boxes["data"]} == {"box"}
    assert HOSTILE not in str(to_json_plotly(boxes)).encode().decode("unicode_escape")
    assert counts["data"][0]["type"] == "histogram"
    assert scatter.figure([], Axes("x", "y"))["data"][0]["x"] == []
    assert scatter.is_wide([0.0001, 0.1])
    assert not scatter.is_wide([0, 1e9])
    json.loads(str(to_json_plotly(faceted)))


def test_a_comparison_shows_only_what_differs() -> None:
    rows = [{"job": "ja", "values": [1, "x"]}, {"job": "jb", "values": [2, "x"]}]

    shown = str(results.comparison(rows, ["params.lr", "script"]))

    assert "lr" in shown
    assert "script" not in shown
    assert "1 column is the same" in shown
    assert "Choose two rows" in str(results.comparison(rows[:1], ["params.lr"]))


def test_the_snippet_is_python_and_names_what_is_filtered() -> None:
    text = results.snippet("http://house:8080", 'note = "a"', "")

    compile(text, "snippet", "exec")
    assert "'where': 'note = \"a\"'" in text
    assert "sweep" not in text


@pytest.mark.parametrize(
    ("columns", "metric", "x", "y", "by"),
    [
        ("params.pause=n params.lr=N params.mode=W", "", "params.lr", "", "params.mode"),
        (
            "params.pause=n params.mode=W result.loss=n result.acc=N",
            "",
            "params.mode",
            "result.acc",
            "params.mode",
        ),
        ("params.pause=n result.loss=N result.acc=N", "acc", "params.pause", "result.acc", "machine"),
        ("params.a=N params.b=N seconds=N", "", "params.a", "seconds", "machine"),
        ("params.mode=w params.kind=W", "", "params.kind", "", "params.kind"),
        ("", "", "machine", "", "machine"),
    ],
)
def test_what_varies_is_drawn_by_itself(columns: str, metric: str, x: str, y: str, by: str) -> None:
    """N is a column of numbers, W of words; a small letter for one that never varies."""
    pairs = [one.split("=") for one in columns.split()]
    known = [Column(name, kind in "nN", kind.isupper()) for name, kind in pairs]

    choice = choose(asked_of(()), known, metric)

    assert (choice.x, choice.y, choice.by) == (x, y, by)
    assert choose(asked_of((("x", "params.pause"), ("y", "none"))), known, metric).x == "params.pause"


def test_cells_are_told_by_place() -> None:
    known = [Column("params.lr", True), Column("result.note", False)]
    row = results.grid_row({"job": "ja", "token": 2, "values": [0.1, {"a": 1}]})

    columns = results.grid_columns(["params.lr", "result.note"], known, "-params.lr")

    assert row == {"id": "ja-2", "job": "ja", "c0": 0.1, "c1": '{"a":1}'}
    assert [column["field"] for column in columns] == ["job", "c0", "c1"]
    assert columns[1]["sort"] == "desc"
