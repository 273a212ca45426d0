"""Which parameters matter."""

import random

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from hq.analysis.frame import Goal, Table, trials_table
from hq.analysis.importance import METHODS, importance
from hq.analysis.studies import distributions_of, frozen_trials
from tests.unit.hq.analysis.conftest import SPEC, table, trial

LOSS = Goal("loss", True)


@pytest.fixture(scope="module")
def of_rate() -> Table:
    """Return a sweep in which the rate decides nearly everything and the layers the rest."""
    chance = random.Random(1)
    trials = []
    for number in range(60):
        rate, layers = chance.uniform(0.001, 1.0), chance.randint(1, 4)
        params = {"rate": rate, "layers": layers, "optimizer": chance.choice(["adam", "sgd"])}
        trials.append(trial(number, params, {"loss": 10 * rate + 0.1 * layers}))
    spec = SPEC | {"space": SPEC["space"] | {"rate": {"type": "float", "low": 0.001, "high": 1.0}}}
    return trials_table(spec, trials)


@pytest.mark.parametrize("method", METHODS)
def test_each_method_finds_what_decides(of_rate: Table, method: str) -> None:
    found = importance(of_rate, LOSS, method)  # type: ignore[arg-type]

    assert next(iter(found["shares"])) == "rate"
    assert found["shares"]["rate"] > 0.7
    assert sum(found["shares"].values()) == pytest.approx(1.0)
    assert (found["trials"], found["why"]) == (60, "")


def test_too_few_trials_say_so() -> None:
    found = importance(table([1.0, 2.0, None]), LOSS)

    assert (found["shares"], found["why"]) == ({}, "2 trials have a value; importance needs 4")


def test_values_that_are_all_the_same_say_so() -> None:
    assert "the same" in importance(table([1.0] * 6), LOSS)["why"]


def test_an_unknown_method_names_those_that_there_are() -> None:
    with pytest.raises(ValueError, match="fanova, mdi, ped-anova"):
        importance(table([1.0] * 6), LOSS, "guess")  # type: ignore[arg-type]


def test_a_trial_outside_of_the_space_widens_its_distribution() -> None:
    params = {"rate": 2.0, "layers": 9, "optimizer": "lion"}

    found = distributions_of(trials_table(SPEC, [trial(0, params, {"loss": 1.0})]))

    assert found["rate"] == FloatDistribution(0.001, 2.0, log=True)
    assert found["layers"] == IntDistribution(1, 9)
    assert found["optimizer"] == CategoricalDistribution(["adam", "sgd", "lion"])


def test_states_are_optunas_and_a_success_without_its_value_is_none() -> None:
    trials = [
        trial(0, {"rate": 0.1}, {"loss": 1.0}),
        trial(1, {"rate": 0.1}, {"other": 1.0}),
        trial(2, {"rate": 0.1}, None),
        trial(3, {"rate": 0.1}, None, status="queued"),
        trial(4, {"rate": 0.1}, None, status="cancelled"),
    ]

    found = frozen_trials(trials_table(SPEC, trials), {2: {1: 0.5}}, first_id=100)

    assert [one.state for one in found] == [
        TrialState.COMPLETE,
        TrialState.FAIL,
        TrialState.RUNNING,
        TrialState.WAITING,
        TrialState.FAIL,
    ]
    assert [one._trial_id for one in found] == [100, 101, 102, 103, 104]
    assert found[2].intermediate_values == {1: 0.5}
    assert found[0].params == {"rate": 0.1}
