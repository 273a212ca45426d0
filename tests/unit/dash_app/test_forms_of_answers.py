"""Results as NDJSON, CSV and Parquet, and the event log as server-sent events."""

import importlib.util
import io
import json
from typing import Any

import httpx
import pytest

from hq.rest.problems import Problem
from hq.rest.result_forms import choose_form, to_parquet
from tests.unit.dash_app.conftest import LittleHouse
from tests.unit.dash_app.little_house import eventually

API = "/api/v1"


@pytest.fixture(scope="module")
def job(house: LittleHouse) -> str:
    """A job that has ended."""
    house.agent.start()
    body = {"jobs": [{"script": {"bundle": "0" * 64, "entry": "train.py"}, "params": {"x": 2}}]}
    with house.client("operator") as operator:
        (made,) = operator.post(f"{API}/jobs", json=body).json()["jobs"]
        eventually(lambda: operator.get(f"{API}/jobs/{made}").json().get("status") == "succeeded", 60)
    return str(made)


def test_results_come_line_by_line(viewer: httpx.Client, job: str) -> None:
    asked = viewer.get(f"{API}/results?format=ndjson")
    accepted = viewer.get(f"{API}/results", headers={"accept": "application/x-ndjson"})

    rows = [json.loads(line) for line in asked.text.splitlines()]
    assert job in {row["job"] for row in rows}
    assert asked.headers["content-type"] == "application/x-ndjson"
    assert accepted.text == asked.text


def test_results_come_as_parquet_or_it_is_said_why_not(viewer: httpx.Client, job: str) -> None:
    answer = viewer.get(f"{API}/results?format=parquet")

    if importlib.util.find_spec("pyarrow") is None:
        assert (answer.status_code, answer.json()["code"]) == (501, "no_parquet")
    else:
        assert answer.content[:4] == answer.content[-4:] == b"PAR1"


def test_columns_of_several_kinds_are_text() -> None:
    pytest.importorskip("pyarrow")
    import pyarrow.parquet as parquet  # type: ignore[import-untyped,unused-ignore]

    row: dict[str, Any] = {
        "job": "j",
        "params": {"a": 1, "b": 1},
        "result": {"result": {"n": 1, "deep": [1]}},
    }
    other = {"job": "k", "params": {"a": "x", "c": True}, "result": {"result": {"n": 0.5}}}

    table = parquet.read_table(io.BytesIO(to_parquet([row, other]))).to_pydict()

    assert table["params.a"] == ["1", '"x"']
    assert (table["params.b"], table["params.c"]) == ([1, None], [None, True])
    assert (table["result.n"], table["result.deep"]) == ([1.0, 0.5], ["[1]", None])


def test_the_form_is_what_was_asked_for_or_the_first_that_is_accepted() -> None:
    assert choose_form(None, "*/*") == "json"
    assert choose_form(None, "text/html, TEXT/CSV;q=0.9, application/x-ndjson") == "csv"
    assert choose_form("json", "text/csv") == "json"


def test_events_are_followed_from_where_a_reader_was(viewer: httpx.Client, job: str) -> None:
    def read(count: int, **headers: str) -> list[dict[str, Any]]:
        found = []
        accept = {"accept": "text/event-stream", **headers}
        with viewer.stream("GET", f"{API}/events", headers=accept) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            for line in stream.iter_lines():
                if line.startswith("data: "):
                    found.append(json.loads(line[6:]))
                    if len(found) == count:
                        break
        return found

    first = read(3)
    point = f"{first[1]['position']}.{first[1]['index']}"

    assert [(one["position"], one["index"]) for one in first] == sorted(
        (one["position"], one["index"]) for one in first
    )
    assert read(1, **{"last-event-id": point}) == first[2:]
    wrong = viewer.get(f"{API}/events", headers={"accept": "text/event-stream", "last-event-id": "x"})
    assert wrong.status_code == 422


def test_parquet_without_pyarrow_is_a_problem_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)

    with pytest.raises(Problem) as refused:
        to_parquet([])

    assert (refused.value.status, refused.value.code) == (501, "no_parquet")
