"""The quick densities of TPE against Optuna's: equal to the last bit."""

import numpy as np
import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import TPESampler
from optuna.samplers._tpe.parzen_estimator import _ParzenEstimator

from hq.search.densities import QuickParzenEstimator

SPACES: dict[str, dict[str, BaseDistribution]] = {
    "real": {"x": FloatDistribution(-1, 2)},
    "two real": {"x": FloatDistribution(-1, 2), "y": FloatDistribution(1e-5, 1e-1, log=True)},
    "whole": {"n": IntDistribution(1, 9), "m": IntDistribution(1, 1024, log=True)},
    "steps": {"s": FloatDistribution(0, 1, step=0.125), "k": IntDistribution(16, 256, step=16)},
    "all": {
        "x": FloatDistribution(1e-4, 1, log=True),
        "c": CategoricalDistribution(("a", "b", "c")),
        "n": IntDistribution(1, 4),
        "y": FloatDistribution(0, 1),
    },
}


def draw(one: BaseDistribution, count: int, chance: np.random.RandomState) -> np.ndarray:
    """Return values, those at the ends of the range among them."""
    if isinstance(one, CategoricalDistribution):
        return chance.randint(0, len(one.choices), count).astype(float)
    assert isinstance(one, FloatDistribution | IntDistribution)
    values = (
        np.exp(chance.uniform(np.log(one.low), np.log(one.high), count))
        if one.log
        else chance.uniform(one.low, one.high, count)
    )
    values[chance.rand(count) < 0.1] = one.low
    values[chance.rand(count) < 0.1] = one.high
    if one.step is not None:
        values = np.clip(one.low + np.round((values - one.low) / one.step) * one.step, one.low, one.high)
    return values


@pytest.mark.parametrize("count", [0, 1, 3, 60, 1100])
@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("endpoints", [True, False])
def test_the_density_is_optunas_to_the_last_bit(name: str, count: int, endpoints: bool) -> None:
    space = SPACES[name]
    chance = np.random.RandomState(count)
    parameters = TPESampler(multivariate=True)._parzen_estimator_parameters._replace(
        consider_endpoints=endpoints
    )
    observed = {key: draw(one, count, chance) for key, one in space.items()}
    quick = QuickParzenEstimator(observed, space, parameters)
    own = _ParzenEstimator(observed, space, parameters)

    drawn = quick.sample(np.random.RandomState(1), 24)
    same = own.sample(np.random.RandomState(1), 24)

    assert all(np.array_equal(drawn[key], same[key]) for key in space)
    at = {key: np.concatenate([drawn[key], draw(one, 9, chance)]) for key, one in space.items()}
    assert np.array_equal(quick.log_pdf(at), own.log_pdf(at))
