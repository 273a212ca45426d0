"""What is told of two runs of one job."""

from typing import Any

import pytest

from idlehands.client.comparing import Difference, compare_results, compare_surroundings

RUN: dict[str, Any] = {"outcome": "succeeded", "exit_code": 0, "result": {"loss": 0.5, "per": [1, {"a": 2}]}}


def test_equal_results_do_not_differ_whatever_the_time_they_took() -> None:
    assert compare_results({**RUN, "duration_seconds": 3}, {**RUN, "duration_seconds": 4}) == []


@pytest.mark.parametrize(
    ("now", "difference"),
    [
        ({"loss": 0.25, "per": [1, {"a": 2}]}, Difference("result loss", 0.5, 0.25)),
        ({"loss": 0.5, "per": [1, {"a": 3}]}, Difference("result per[1] a", 2, 3)),
        ({"per": [1, {"a": 2}]}, Difference("result loss", 0.5, None)),
        ({"loss": 0.5, "per": [1, {"a": 2}], "new": None}, Difference("result new", None, None)),
    ],
)
def test_each_value_that_differs_is_told_by_its_place(now: dict[str, Any], difference: Difference) -> None:
    assert compare_results(RUN, {**RUN, "result": now}) == [difference]


def test_a_run_that_ended_otherwise_differs() -> None:
    now = {"outcome": "failed", "exit_code": 1, "result": None}

    assert Difference("outcome", "succeeded", "failed") in compare_results(RUN, now)
    assert compare_results(None, None) == []


def test_packages_python_and_machine_are_told() -> None:
    before = {"python": "3.11.2", "packages": {"numpy": "1", "scipy": "1"}, "machine": {"cores": 2}}
    now = {"python": "3.12.0", "packages": {"numpy": "2", "torch": "2"}, "machine": {"cores": 4}}

    assert compare_surroundings(before, now, agents=("attic", "den")) == [
        Difference("agent", "attic", "den"),
        Difference("python", "3.11.2", "3.12.0"),
        Difference("machine cores", 2, 4),
        Difference("package numpy", "1", "2"),
        Difference("package scipy", "1", None),
        Difference("package torch", None, "2"),
    ]
    assert compare_surroundings(before, before, agents=("attic", "attic")) == []
    assert compare_surroundings(None, now, agents=("attic", "attic")) == []
