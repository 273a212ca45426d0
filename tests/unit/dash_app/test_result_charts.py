"""Results that have the keys of docs/results.md are drawn; others are listed, whatever they hold."""

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest

from dash_app.presenters import job, result_figures
from dash_app.presenters.result_charts import about_reset, about_spread, result_charts, without_charts
from dash_app.presenters.result_parts import Calibration, Finding, Points, read_parts

ROOT = Path(__file__).parents[3]
POINTS = {"actual": [1.0, 2, 3, 4, 5, 6, 7, 8, 9, 10], "predicted": [1.5, 2, 2.5, 4, 5, 6.5, 7, 8, 9, 9.5]}
WHOLE: dict[str, Any] = {
    "r2": 0.9,
    "points": POINTS,
    "breusch_pagan": {"statistic": 6.59, "p": 0.0103},
    "reset": {"statistic": 0.5, "p": 0.58},
    "classes": ["a", "<b>b</b>"],
    "confusion": [[3, 1], [0, 4]],
    "roc": {"a": {"false": [0, 0, 1], "true": [0, 1, 1], "auc": 1.0}},
    "pr": {"a": {"recall": [1, 0.5, 0], "precision": [0.5, 1, 1], "average": 0.9}},
    "calibration": {"predicted": [0.6, 0.9], "observed": [0.5, 0.7], "count": [2, 6]},
    "map": {"x": [1, 2], "y": [3, 4], "group": [0, -1]},
    "forecast": {"step": [1, 2], "actual": [3, 4], "predicted": [3, 5]},
}


def titles(result: dict[str, Any]) -> list[str]:
    return [one.children[0].children for one in result_charts(result)]


def sentences(result: dict[str, Any]) -> str:
    return " ".join(str(one.children[2].children) for one in result_charts(result) if len(one.children) > 2)


def test_every_key_of_the_page_about_results_is_drawn_and_the_rest_is_listed() -> None:
    documented = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "results.md").read_text(), re.M))

    assert documented == set(WHOLE) - {"r2"}
    assert set(read_parts(WHOLE)) == documented
    assert without_charts(WHOLE) == {"r2": 0.9}
    assert titles(WHOLE) == [
        "Predicted and actual",
        "Residuals",
        "Spread by level",
        "Residuals and a normal distribution",
        "Confusion",
        "ROC",
        "Precision and recall",
        "Calibration",
        "Groups",
        "Forecast",
    ]


def test_tests_are_said_with_their_number_and_what_it_means() -> None:
    said = sentences(WHOLE)

    assert "Breusch-Pagan 6.59, p 0.010: errors are larger at some levels" in said
    assert "RESET 0.5, p 0.580: no sign of a curve" in said
    assert "7 of 8 on the diagonal are right." in said
    assert "surer than it is right, by 18 percentage points" in said
    assert "below 0.001" in about_reset(Finding(99.0, 1e-9))
    assert "no sign" in about_spread(Finding(1.0, 0.05))
    assert "p " not in about_spread(None) + about_reset(None)


@pytest.mark.parametrize(
    "broken",
    [
        {"points": None},
        {"points": {"actual": [1, 2], "predicted": [1]}},
        {"points": {"actual": ["a", "b"], "predicted": [1, 2]}},
        {"points": {"actual": [1] * 3000, "predicted": [1] * 3000}},
        {"points": {"actual": [1], "predicted": [1]}},
        {"breusch_pagan": {"statistic": 1, "p": 0.5}},
        {"classes": ["a"]},
        {"confusion": [[1, 2], [3]]},
        {"confusion": [[1, 2, 3], [3, 4, 5]]},
        {"confusion": [[-1, 2], [3, 4]]},
        {"confusion": []},
        {"roc": {}},
        {"roc": {"a": {"false": [0, 2], "true": [0, 1]}}},
        {"roc": {str(one): {"false": [0, 1], "true": [0, 1]} for one in range(13)}},
        {"pr": {"a": {"recall": [0, 1], "precision": [None, 1]}}},
        {"calibration": {"predicted": [], "observed": []}},
        {"map": {"x": [1, 2], "y": [1, 2], "group": [{}, []]}},
        {"forecast": {"step": [1, 2], "actual": [1, 2]}},
        {"reset": "yes", "points": "no", "map": 5},
    ],
)
def test_what_is_not_as_it_should_be_is_listed_like_anything_else(broken: dict[str, Any]) -> None:
    assert result_charts(broken) == []
    assert without_charts(broken) == broken


def test_a_chart_of_the_same_numbers_everywhere_is_drawn() -> None:
    same = {"points": {"actual": [5.0, 5.0], "predicted": [5.0, 5.0]}}

    for chart in result_charts(same):
        assert json.dumps(chart.children[1].figure, allow_nan=False)


def test_quantiles_of_normal_residuals_lie_on_their_line() -> None:
    from statistics import NormalDist

    normal = [NormalDist(0, 2).inv_cdf((at + 0.5) / 200) for at in range(200)]
    figure = result_figures.quantiles(Points([10 + one for one in normal], [10.0] * 200))
    line, dots = figure["data"]

    slope = (line["y"][1] - line["y"][0]) / (line["x"][1] - line["x"][0])
    assert slope == pytest.approx(2, rel=0.02)
    assert all(
        math.isclose(y, slope * x, abs_tol=0.2) for x, y in zip(dots["x"][5:-5], dots["y"][5:-5], strict=True)
    )


def test_the_spread_grows_where_errors_grow() -> None:
    predicted = [float(one) for one in range(1, 101)]
    actual = [one + (one if at % 2 else -one) / 10 for at, one in enumerate(predicted)]

    (line,) = result_figures.spread_by_level(Points(actual, predicted))["data"]

    assert line["y"] == sorted(line["y"])
    assert len(line["x"]) == 8


def test_names_of_classes_are_only_text() -> None:
    figure = result_figures.confusion([[1, 0], [0, 1]], ["<b>x</b>", "\u202egnp"])

    assert "<" not in str(figure["layout"]["yaxis"]["ticktext"])
    assert "\u202e" not in str(figure)


def test_larger_bins_of_a_calibration_are_larger_dots() -> None:
    figure = result_figures.calibration(Calibration([0.5, 0.9], [0.5, 0.9], [1, 100]))

    small, large = figure["data"][1]["marker"]["size"]
    assert small < large


def test_a_job_shows_its_charts_and_lists_its_numbers() -> None:
    done = {
        "results": [{"verdict": "accepted", "result": {"result": WHOLE, "token": 1}}],
        "status": "succeeded",
    }

    assert len(job.charts(done)) == 10
    assert "r2" in str(job.result(done))
    assert "points" not in str(job.result(done))
    assert job.charts({"results": [], "status": "running"}) == []
