"""What the trials of a sweep say, over REST; and the sweep as Optuna's study."""

from typing import get_args

import httpx
import optuna
import pytest
from optuna.trial import TrialState

from hq.analysis.questions import Kind
from hq.dashboard.storage import ReadOnly, SweepStorage
from tests.unit.dash_app.conftest import LittleHouse
from tests.unit.dash_app.test_sweeps_over_rest import sweep as sweep  # the same four trials

API = "/api/v1"


@pytest.mark.parametrize("kind", [kind for kind in get_args(Kind) if kind != "contour"])
def test_every_analysis_has_an_answer(viewer: httpx.Client, sweep: str, kind: str) -> None:
    answer = viewer.get(f"{API}/sweeps/{sweep}/analysis/{kind}")

    assert answer.status_code == 200, answer.text
    assert answer.json()["goals"] == [{"name": "accuracy", "minimize": False}]


def test_the_table_has_a_row_per_trial(viewer: httpx.Client, sweep: str) -> None:
    rows = viewer.get(f"{API}/sweeps/{sweep}/analysis/trials").json()["rows"]

    assert [(row["trial"], row["param:x"], row["value:accuracy"]) for row in rows] == [
        (0, 0, 0.7),
        (1, 3, 1.0),
        (2, 1, 0.8),
        (3, 2, 0.9),
    ]
    assert all(row["start"] and row["agent"] == "attic" for row in rows)


def test_the_best_so_far_names_its_trial(viewer: httpx.Client, sweep: str) -> None:
    found = viewer.get(f"{API}/sweeps/{sweep}/analysis/best").json()

    assert (found["winner"], found["best"]) == (1, [0.7, 1.0, 1.0, 1.0])


def test_trials_are_compared_by_number(viewer: httpx.Client, sweep: str) -> None:
    found = viewer.get(f"{API}/sweeps/{sweep}/analysis/compare", params={"trial": [3, 1]}).json()

    assert found["params"] == [{"name": "x", "values": [2, 3], "differs": True}]


@pytest.mark.slow  # it imports scikit-learn
def test_importance_comes_from_a_process_of_its_own(viewer: httpx.Client, sweep: str) -> None:
    found = viewer.get(f"{API}/sweeps/{sweep}/importance", params={"method": "mdi"}).json()

    assert found == {"method": "mdi", "trials": 4, "shares": {"x": 1.0}, "why": ""}


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("analysis/contour", 422, "two parameters"),
        ("analysis/slice?value=loss", 422, "but for accuracy"),
        ("analysis/guess", 422, ""),
        ("importance?method=guess", 422, ""),
    ],
)
def test_what_cannot_be_answered_says_why(
    viewer: httpx.Client, sweep: str, path: str, status: int, words: str
) -> None:
    answer = viewer.get(f"{API}/sweeps/{sweep}/{path}")

    assert answer.status_code == status
    assert words in answer.json()["detail"]


def test_there_are_no_analyses_of_no_sweep(viewer: httpx.Client) -> None:
    for path in ("analysis/best", "importance"):
        assert viewer.get(f"{API}/sweeps/saaaaaaaaaaaa/{path}").status_code == 404


@pytest.mark.slow
def test_importance_for_what_is_not_searched_for_says_so(viewer: httpx.Client, sweep: str) -> None:
    answer = viewer.get(f"{API}/sweeps/{sweep}/importance?value=loss")

    assert (answer.status_code, answer.json()["code"]) == (422, "not_possible")


def test_a_sweep_is_a_study_with_its_trials_that_can_only_be_read(house: LittleHouse, sweep: str) -> None:
    storage = SweepStorage(house.uri)

    [name] = optuna.get_all_study_names(storage)
    study = optuna.load_study(study_name=name, storage=storage)

    assert name == f"train ({sweep})"
    assert study.direction is optuna.study.StudyDirection.MAXIMIZE
    assert study.metric_names == ["accuracy"]
    assert [(trial.number, trial.params, trial.value) for trial in study.trials] == [
        (0, {"x": 0}, 0.7),
        (1, {"x": 3}, 1.0),
        (2, {"x": 1}, 0.8),
        (3, {"x": 2}, 0.9),
    ]
    assert all(trial.state is TrialState.COMPLETE for trial in study.trials)
    assert study.best_trial.number == 1
    assert study.user_attrs["sweep"] == sweep
    assert storage.get_trial(study.best_trial._trial_id) == study.best_trial
    with pytest.raises(ReadOnly, match="only shown here"):
        study.set_user_attr("a", 1)
    with pytest.raises(KeyError):
        storage.get_all_trials(1)
    storage.close()
