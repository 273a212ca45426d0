"""Sweeps, their trials and the table of results over REST."""

import csv
import io
from pathlib import Path
from typing import Any

import httpx
import pytest

from bus.memory_bus import MemoryBus
from bus.port import Inbound
from bus.topics import REPLY
from hq.rest.weighing import weigh_trials
from idlehands.bundle import build_bundle
from schemas.requests import Propose
from tests.unit.dash_app.conftest import LittleHouse
from tests.unit.dash_app.little_house import eventually

API = "/api/v1"
SWEEP: dict[str, Any] = {
    "job": {
        "script": {"bundle": "0" * 64, "entry": "train.py", "name": "train"},
        "params": {"fixed": "=2+2"},
    },
    "space": {"x": {"type": "int", "low": 0, "high": 3}},
    "sampler": "grid",
    "trials": 4,
    "metric": "accuracy",
}


@pytest.fixture(scope="module")
def sweep(house: LittleHouse) -> str:
    """Return a sweep of four trials that has run."""
    house.agent.start()
    search = MemoryBus(house.hub, "search")
    replies: list[object] = []
    search.subscribe(REPLY, client="search")
    search.start(lambda what: replies.append(what.data) if isinstance(what, Inbound) else None)
    with house.client("operator") as operator:
        answer = operator.post(f"{API}/sweeps", json=SWEEP)
        assert answer.status_code == 201, answer.text
        identity = str(answer.json()["sweep"])
        trials = tuple({"x": x} for x in (0, 3, 1, 2))
        search.request(Propose(sweep=identity, first=0, trials=trials), client="search", correlation=b"1")
        eventually(lambda: operator.get(f"{API}/sweeps/{identity}").json()["succeeded"] == 4)
    search.stop()
    return identity


def test_a_sweep_says_how_far_it_is(viewer: httpx.Client, sweep: str) -> None:
    found = viewer.get(f"{API}/sweeps/{sweep}").json()

    assert (found["proposed"], found["live"], found["exhausted"]) == (4, 0, True)
    assert found["spec"]["space"]["x"] == {"type": "int", "low": 0, "high": 3}
    assert [one["id"] for one in viewer.get(f"{API}/sweeps").json()["sweeps"]] == [sweep]


def test_trials_come_in_order_with_their_results(viewer: httpx.Client, sweep: str) -> None:
    first = viewer.get(f"{API}/sweeps/{sweep}/trials", params={"limit": 3}).json()
    rest = viewer.get(f"{API}/sweeps/{sweep}/trials", params={"limit": 3, "after": first["next"]}).json()

    trials = first["trials"] + rest["trials"]
    assert [(trial["trial"], trial["params"]["x"]) for trial in trials] == [(0, 0), (1, 3), (2, 1), (3, 2)]
    assert [trial["result"]["result"]["accuracy"] for trial in trials] == [0.7, 1.0, 0.8, 0.9]
    assert [trial["values"] for trial in trials] == [[0.7], [1.0], [0.8], [0.9]]
    assert {trial["why"] for trial in trials} == {""}
    assert rest["next"] is None


def test_a_trial_without_a_value_says_what_its_result_lacks() -> None:
    spec = {**SWEEP, "metric": "loss"}
    jobs = [{"_id": name, "status": status} for name, status in (("a", "succeeded"), ("b", "failed"))]
    results = {"a": {"result": {"result": {"accuracy": 0.5}}}}

    found = weigh_trials(spec, jobs, results)

    assert found["a"]["why"] == "without a value: its result has no loss; it has accuracy"
    assert found["a"]["values"] == ()
    assert "b" not in found
    assert weigh_trials({**SWEEP, "metric": ""}, jobs, results) == {}
    assert weigh_trials({"of": "a newer HQ"}, jobs, results) == {}


def test_results_of_a_sweep_come_best_first(viewer: httpx.Client, sweep: str) -> None:
    page = viewer.get(f"{API}/results", params={"sweep": sweep}).json()

    assert page["sort"] == "-accuracy"
    assert [row["params"]["x"] for row in page["results"]] == [3, 2, 1, 0]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("accuracy", [0, 1, 2, 3]),
        ("-params.x", [3, 2, 1, 0]),
        ("trial", [0, 3, 1, 2]),
        ("-seconds", None),
        ("no_such_column", None),
    ],
)
def test_results_are_sorted_by_any_column(
    viewer: httpx.Client, sweep: str, sort: str, expected: list[int] | None
) -> None:
    page = viewer.get(f"{API}/results", params={"sweep": sweep, "sort": sort}).json()

    found = [row["params"]["x"] for row in page["results"]]
    assert found == expected or (expected is None and sorted(found) == [0, 1, 2, 3])


def test_results_are_paged(viewer: httpx.Client, sweep: str) -> None:
    first = viewer.get(f"{API}/results", params={"sweep": sweep, "limit": 3}).json()
    rest = viewer.get(f"{API}/results", params={"sweep": sweep, "limit": 3, "after": first["next"]}).json()

    assert [row["params"]["x"] for row in first["results"] + rest["results"]] == [3, 2, 1, 0]


@pytest.mark.parametrize(("params", "accept"), [({"format": "csv"}, "*/*"), ({}, "text/csv")])
def test_results_as_csv_run_no_formula(
    viewer: httpx.Client, sweep: str, params: dict[str, str], accept: str
) -> None:
    answer = viewer.get(f"{API}/results", params={"sweep": sweep, **params}, headers={"accept": accept})

    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert answer.headers["content-type"].startswith("text/csv")
    assert [row["params.x"] for row in rows] == ["3", "2", "1", "0"]
    assert rows[0]["accuracy"] == "1.0"
    assert {row["note"] for row in rows} == {"'=1+1"}
    assert {row["params.fixed"] for row in rows} == {"'=2+2"}


@pytest.mark.parametrize("sort", ["$where", "a..b", "-", "result.$x", "x" * 90, "a.b.c"])
def test_what_cannot_be_sorted_by_is_refused(viewer: httpx.Client, sort: str) -> None:
    answer = viewer.get(f"{API}/results", params={"sort": sort})

    assert (answer.status_code, answer.json()["code"]) == (422, "bad_sort")


def test_a_bad_space_is_refused_by_hq_in_words(operator: httpx.Client) -> None:
    space = {"x": {"type": "float", "low": 0, "high": 1, "log": True}}

    answer = operator.post(f"{API}/sweeps", json={**SWEEP, "space": space})

    assert answer.json()["code"] == "bad_space"
    assert "low > 0" in answer.json()["detail"]
    assert answer.status_code == 422


def test_a_sweep_is_cancelled_with_its_trials(operator: httpx.Client, house: LittleHouse) -> None:
    answer = operator.post(f"{API}/sweeps", json=SWEEP).json()

    cancelled = operator.post(f"{API}/sweeps/{answer['sweep']}/cancel").json()

    position = cancelled["position"]
    found = operator.get(f"{API}/sweeps/{answer['sweep']}?at_least={position}").json()
    assert (found["status"], found["why"]) == ("cancelled", "cancelled by some-operator")
    assert operator.get(f"{API}/sweeps/saaaaaaaaaaaa").status_code == 404


def test_a_sweep_is_paused_changed_added_to_and_finished(operator: httpx.Client) -> None:
    sweep = operator.post(f"{API}/sweeps", json={**SWEEP, "sampler": "random"}).json()["sweep"]
    path = f"{API}/sweeps/{sweep}"

    assert operator.post(f"{path}/pause").status_code == 200
    assert operator.post(f"{path}/pause").json()["code"] == "already_paused"
    added = operator.post(f"{path}/trials", json={"trials": [{"x": 2}]})
    assert added.json()["jobs"][0].startswith("j")
    assert operator.post(f"{path}/trials", json={"trials": [{"y": 2}]}).json()["code"] == "bad_params"
    stop = {"target": 0.5, "live": "wind_down"}
    changed = operator.post(f"{path}/change", json={"trials": 9, "stop": stop}).json()
    found = operator.get(f"{path}?at_least={changed['position']}").json()
    assert (found["status"], found["spec"]["trials"], found["spec"]["stop"]) == ("paused", 9, stop)
    assert found["early_stopping"] == {"state": "none", "why": ""}

    finished = operator.post(f"{path}/finish", json={"live": "finish"}).json()
    found = operator.get(f"{path}?at_least={finished['position']}").json()

    assert (found["status"], found["rule"], found["dropped"]) == ("finished", "asked", 1)
    assert operator.post(f"{path}/resume").json()["code"] == "unknown_sweep"


def test_a_change_that_is_none_is_refused_in_words(operator: httpx.Client) -> None:
    sweep = operator.post(f"{API}/sweeps", json=SWEEP).json()["sweep"]

    answer = operator.post(f"{API}/sweeps/{sweep}/change", json={"trails": 9})
    assert answer.status_code == 422
    assert "trails" in answer.json()["detail"]
    assert operator.post(f"{API}/sweeps/{sweep}/finish", json={"live": "kill"}).status_code == 422
    operator.post(f"{API}/sweeps/{sweep}/cancel")


def test_a_space_with_a_parameter_that_the_stored_script_does_not_have_is_refused(
    operator: httpx.Client, tmp_path: Path
) -> None:
    script = tmp_path / "train.py"
    script.write_text(
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('--rate')\np.parse_args()"
    )
    bundle = build_bundle(script)
    assert operator.put(f"{API}/blobs/{bundle.sha256}", content=bundle.content).status_code == 201
    job = {"script": {"bundle": bundle.sha256, "entry": "train.py"}}
    space = {"rate": {"type": "float", "low": 0, "high": 1}}
    wanted = {"job": job, "space": space, "trials": 4}
    sweep = operator.post(f"{API}/sweeps", json=wanted).json()["sweep"]
    path = f"{API}/sweeps/{sweep}"

    answer = operator.post(f"{path}/change", json={"space": {"rote": space["rate"]}})

    assert (answer.status_code, answer.json()["code"]) == (422, "bad_space")
    assert "The script has no rote. Did you mean rate?" in answer.json()["detail"]
    forced = operator.post(f"{path}/change", json={"space": {"rote": space["rate"]}, "force": True})
    assert forced.status_code == 200, forced.text
    operator.post(f"{path}/cancel")


def test_a_loop_of_ones_own_asks_and_tells(house: LittleHouse) -> None:
    search = MemoryBus(house.hub, "search")
    search.subscribe(REPLY, client="search")
    search.start(lambda _: None)
    spec = SWEEP | {"job": {**SWEEP["job"], "asked": True}, "sampler": "random", "trials": 1}
    with house.client("operator") as operator, house.client("viewer") as viewer:
        sweep = operator.post(f"{API}/sweeps", json=spec).json()["sweep"]
        root = f"{API}/sweeps/{sweep}"
        assert operator.post(f"{root}/ask").json()["state"] == "wait"
        search.request(Propose(sweep=sweep, first=0, trials=({"x": 2},)), client="search", correlation=b"1")
        eventually(lambda: operator.get(root).json()["proposed"] == 1)
        assert viewer.post(f"{root}/ask").status_code == 403

        asked = operator.post(f"{root}/ask").json()
        assert (asked["state"], asked["trial"], asked["params"]["x"]) == ("taken", 0, 2)
        point = {"seq": 1, "at": 0.0, "metrics": {"accuracy": 0.25}, "step": 1}
        said = {"trial": 0, "token": asked["token"], "point": point}
        assert operator.post(f"{root}/report", json=said).json()["prune"] is False
        refused = operator.post(f"{root}/tell", json={"trial": 0, "values": [1, 2]})
        assert (refused.status_code, refused.json()["code"]) == (422, "bad_values")
        told = operator.post(f"{root}/tell", json={"trial": 0, "values": [0.5]}).json()
        assert told["state"] == "succeeded"
        assert operator.get(root, params={"at_least": told["position"]}).json()["status"] == "finished"
        (trial,) = operator.get(f"{root}/trials").json()["trials"]
        assert (trial["values"], trial["status"]) == ([0.5], "succeeded")
        assert operator.post(f"{root}/tell", json={"trial": 0, "values": [0.5]}).status_code == 404
    search.stop()
