"""POST /scripts/run: the short form of submitting a script and waiting for what it prints."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from dash_app.scripts_route import split_lines, to_word
from idlehands.house.allowed_scripts import allow
from tests.unit.dash_app.conftest import LittleHouse
from tests.unit.dash_app.little_house import client, eventually

API = "/api/v1"


@pytest.fixture(scope="module")
def scripts(house: LittleHouse, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scripts")
    (folder / "data_prep.py").write_text("import beside\nprint('hello')")
    (folder / "beside.py").write_text("")
    allow(house.allowed_scripts, folder)
    house.agent.start()
    return folder


def run(
    operator: httpx.Client, scripts: Path, parameters: dict[str, Any], path: str = "/scripts/run", **more: Any
) -> httpx.Response:
    body = {"scriptsPath": str(scripts), "scriptName": "data_prep.py", "jobParameters": parameters}
    return operator.post(path, json=body, **more)


@pytest.mark.parametrize("path", ["/scripts/run", f"{API}/scripts/run"])
def test_a_script_is_run_and_its_lines_are_answered(operator: httpx.Client, scripts: Path, path: str) -> None:
    given = {"z": "wine.csv", "a": 1.5, "none": None, "list": [1, "x"], "yes": True, "small": -1e-7}

    answer = run(operator, scripts, given, path)

    assert answer.status_code == 200, answer.text
    assert answer.json() == ["wine.csv", "1.5", "None", '[1, "x"]', "True", "-0.0000001"]
    job = operator.get(f"{API}/jobs/{answer.headers['idlehands-job']}").json()
    assert (job["submitter"], job["spec"]["arguments"], job["spec"]["name"]) == (
        "some-operator",
        "positional",
        "data_prep",
    )


def test_a_value_that_no_command_line_can_carry_submits_nothing(
    operator: httpx.Client, scripts: Path
) -> None:
    answer = run(operator, scripts, {"nul": "a\x00b"})

    assert (answer.status_code, "NUL" in answer.json()["detail"]) == (422, True)
    assert "idlehands-job" not in answer.headers


def test_a_failure_answers_the_end_of_the_traceback(operator: httpx.Client, scripts: Path) -> None:
    answer = run(operator, scripts, {"error": 1})

    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    problem = answer.json()
    assert (problem["code"], problem["traceback"]) == ("script_failed", "Traceback: KeyError")
    assert problem["job"] in problem["detail"]


def test_a_deadline_names_the_job_and_a_repeat_with_its_key_waits_on(
    operator: httpx.Client, scripts: Path
) -> None:
    key = {"idempotency-key": uuid4().hex}

    first = run(operator, scripts, {"forever": 1}, "/scripts/run?deadline_seconds=0.1", headers=key)
    again = run(operator, scripts, {"forever": 1}, "/scripts/run?deadline_seconds=0.1", headers=key)

    problem = first.json()
    assert (first.status_code, problem["code"]) == (504, "deadline")
    assert operator.get(f"{API}/jobs/{problem['job']}").json()["status"] in ("queued", "running")
    assert again.json()["job"] == problem["job"]
    other = run(operator, scripts, {"forever": 2}, headers=key)
    assert (other.status_code, other.json()["code"]) == (409, "key_reused")
    operator.post(f"{API}/jobs/{problem['job']}/cancel")
    cancelled = run(operator, scripts, {"forever": 1}, headers=key)
    assert (cancelled.status_code, cancelled.json()["code"]) == (409, "cancelled")


def test_a_client_that_goes_cancels_its_job(house: LittleHouse, scripts: Path) -> None:
    mark = uuid4().hex
    with house.client("operator") as leaving:
        # Long enough for the job to be submitted, also on a busy machine.
        leaving.timeout = httpx.Timeout(1.5)
        with pytest.raises(httpx.ReadTimeout):
            run(leaving, scripts, {"forever": mark})

    with house.client("viewer") as viewer:

        def is_cancelled() -> bool:
            jobs = viewer.get(f"{API}/jobs?limit=50").json()["jobs"]
            mine = [job for job in jobs if job["spec"]["params"].get("forever") == mark]
            return bool(mine) and mine[0]["status"] == "cancelled"

        eventually(is_cancelled, 60)


def test_many_at_once_each_get_their_own_lines(house: LittleHouse, scripts: Path) -> None:
    def one(number: int) -> None:
        with client(house.server, house.tokens["operator"]) as mine:
            for turn in range(3):
                assert run(mine, scripts, {"n": f"{number}.{turn}"}).json() == [f"{number}.{turn}"]

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(one, range(10)))
    assert threading.active_count() < 100


def test_only_allowed_scripts_are_run_and_only_for_operators(
    house: LittleHouse, operator: httpx.Client, viewer: httpx.Client, scripts: Path
) -> None:
    def code(folder: Path, name: str) -> tuple[int, str]:
        answer = operator.post("/scripts/run", json={"scriptsPath": str(folder), "scriptName": name})
        return answer.status_code, answer.json()["code"]

    assert code(scripts.parent, "data_prep.py") == (403, "not_allowed")
    assert code(scripts, "../x.py") == (403, "not_allowed")
    assert code(Path("/etc"), "passwd") == (403, "not_allowed")
    assert code(scripts, "none.py") == (404, "not_found")
    assert run(viewer, scripts, {}).status_code == 403
    assert operator.post("/scripts/run", json={"scriptsPath": str(scripts)}).status_code == 422
    misspelt = {"scriptsPath": str(scripts), "scriptName": "data_prep.py", "parameters": {}}
    assert operator.post("/scripts/run", json=misspelt).status_code == 422
    with house.client(None) as stranger:
        assert run(stranger, scripts, {}).status_code == 401


def test_a_script_that_was_changed_is_a_new_one(operator: httpx.Client, scripts: Path) -> None:
    def bundle() -> str:
        job = run(operator, scripts, {}).headers["idlehands-job"]
        found = operator.get(f"{API}/jobs/{job}").json()
        return str(found["spec"]["script"]["bundle"])

    first = bundle()
    assert bundle() == first
    (scripts / "beside.py").write_text("VALUE = 1\n")
    assert bundle() != first


@pytest.mark.parametrize(
    ("value", "word"),
    [("-x", "-x"), (0, "0"), (1e100, "1e+100"), (False, "False"), ({"a": "ü"}, '{"a": "ü"}'), ("", "")],
)
def test_each_type_of_value_becomes_one_word(value: Any, word: str) -> None:
    assert to_word(value) == word


def test_lines_are_what_newlines_end() -> None:
    assert split_lines("") == []
    assert split_lines("\n") == [""]
    assert split_lines("a\r\nb\u2028c\n\nd") == ["a", "b\u2028c", "", "d"]
