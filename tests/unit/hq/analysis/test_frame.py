"""Trials as a table."""

import math

from hq.analysis.frame import Goal, rows_of, trials_table
from tests.unit.hq.analysis.conftest import SPEC, table, trial


def test_each_trial_is_a_row_by_number_whatever_order_they_come_in() -> None:
    made = trials_table(SPEC, [trial(1, {"rate": 0.1}, {"loss": 2.0}), trial(0, {"rate": 0.2}, None)])

    rows = rows_of(made.frame)
    assert [(row["trial"], row["param:rate"], row["value:loss"]) for row in rows] == [
        (0, 0.2, None),
        (1, 0.1, 2.0),
    ]
    assert rows[1]["start"] == 101.0
    assert rows[0]["param:layers"] is None


def test_a_value_that_is_no_number_counts_as_none() -> None:
    for wrong in ("0.5", True, None, math.inf, [1]):
        made = trials_table(SPEC, [trial(0, {"rate": 0.1}, {"loss": wrong})])

        assert made.frame["value:loss"].isna().all(), wrong


def test_without_a_named_metric_the_first_number_of_the_results_is_taken() -> None:
    spec = {"space": {}, "direction": "minimize"}

    made = trials_table(spec, [trial(0, {}, {"name": "x", "error": 1}), trial(1, {}, {"error": 2})])

    assert made.goals == (Goal("error", True),)


def test_several_objectives_are_several_columns() -> None:
    spec = {"objectives": [{"metric": "a"}, {"metric": "b", "direction": "minimize"}], "space": {}}

    made = trials_table(spec, [trial(0, {}, {"a": 1, "b": 2})])

    assert made.goals == (Goal("a", False), Goal("b", True))
    assert rows_of(made.frame)[0]["value:b"] == 2.0


def test_only_parameters_that_differ_are_looked_at() -> None:
    one = [trial(n, {"rate": 0.1, "layers": n, "optimizer": "adam"}, {"loss": 1}) for n in (1, 2)]

    assert trials_table(SPEC, one).params == ["layers"]
    assert table([1.0, 2.0]).params == ["rate", "layers", "optimizer"]


def test_a_sweep_without_trials_is_an_empty_table() -> None:
    made = trials_table(SPEC, [])

    assert rows_of(made.frame) == []
    assert made.params == []
