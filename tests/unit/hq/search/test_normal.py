"""The quick truncated normal distribution against Optuna's: equal to the last bit, in the tails too."""

import numpy as np
import pytest
from optuna.samplers._tpe import _truncnorm

from hq.search import normal


def bounds(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return lower and higher bounds: narrow and wide ones, in the middle and far out on either side."""
    chance = np.random.RandomState(seed)
    low = chance.normal(0, chance.choice([0.5, 3, 12, 40], count))
    low[: count // 8] = np.round(low[: count // 8])
    return low, low + np.abs(chance.normal(0, chance.choice([1e-3, 1, 30], count))) + 1e-9


@pytest.mark.parametrize("count", [1, 200, 1999, 2600])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_masses_are_optunas(count: int, seed: int) -> None:
    low, high = bounds(count, seed)

    with np.errstate(all="ignore"):
        assert np.array_equal(normal.ndtr(low), _truncnorm._ndtr(low))
        assert np.array_equal(normal.log_ndtr(low), _truncnorm._log_ndtr(low))
        own = _truncnorm._log_gauss_mass(low, high)
        assert np.array_equal(normal.log_mass(low, high), own, equal_nan=True)


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_quantiles_are_optunas(seed: int) -> None:
    low, high = (one.reshape(3, 24) for one in bounds(72, seed))
    shares = np.random.RandomState(seed).uniform(size=low.shape)
    shares[0, :2] = 0, 1

    with np.errstate(all="ignore"):
        own = _truncnorm.ppf(shares, low, high)
        assert np.array_equal(normal.quantiles(shares, low, high), own, equal_nan=True)
