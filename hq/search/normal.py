"""Optuna's truncated normal distribution to the last bit, in less time for some hundred values.

Its own goes through a cache for each number and through complex arrays; here
the same operations are done on plain floats. A test compares every value.
"""

import math
from functools import lru_cache

import numpy as np
from optuna.samplers._tpe import _truncnorm
from optuna.samplers._tpe._erf import erf as _erf_of_many

_ROOT = 2**0.5
_EDGE = 1 / 2**0.5
#: From so many values on Optuna's is another approximation.
_MANY = 2000


def ndtr(a: np.ndarray) -> np.ndarray:
    """Return the mass below each value."""
    x = a / _ROOT
    if x.size < _MANY:
        found = np.asarray(list(map(math.erf, x.ravel().tolist())), dtype=float).reshape(x.shape)
    else:
        found = _erf_of_many(x)
    return np.asarray(0.5 + 0.5 * found)


def log_ndtr(a: np.ndarray) -> np.ndarray:
    """Return the logarithm of the mass below each value."""
    return np.asarray(list(map(_log_ndtr_of_one, a.ravel().tolist())), dtype=float).reshape(a.shape)


def log_mass(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return the logarithm of the mass between two bounds."""
    left = high <= 0
    right = low > 0
    if not left.any() and not right.any():
        return _central(low, high)
    found = np.full_like(low, np.nan, dtype=float)
    central = ~(left | right)
    if left.any():
        found[left] = _left(low[left], high[left])
    if right.any():
        found[right] = _left(-high[right], -low[right])
    if central.any():
        found[central] = _central(low[central], high[central])
    return found


def quantiles(q: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return below which value this share of the mass between two bounds is; all of one shape."""
    left = low < 0
    mass = log_mass(low, high)
    found = np.empty_like(q)
    if left.any():
        one = log_ndtr(low[left])
        found[left] = _inverse(np.logaddexp(one, np.log(q[left]) + mass[left]))
    right = ~left
    if right.any():
        one = log_ndtr(-high[right])
        found[right] = -_inverse(np.logaddexp(one, np.log1p(-q[right]) + mass[right]))
    for at, bound in ((q == 0, low), (q == 1, high)):
        found[at] = bound[at]
    found[low == high] = math.nan
    return found


@lru_cache(4096)
def _log_ndtr_of_one(a: float) -> float:
    if a > 6:
        return -(0.5 * math.erfc(a / _ROOT))
    if a > -20:
        x = a / _ROOT
        if x < -_EDGE:
            return math.log(0.5 * math.erfc(-x))
        return math.log(0.5 + 0.5 * math.erf(x)) if x < _EDGE else math.log(1.0 - 0.5 * math.erfc(x))
    return float(_truncnorm._log_ndtr_single(a))


def _left(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    below = log_ndtr(high)
    return np.asarray(below + np.log1p(-np.exp(log_ndtr(low) - below)))


def _central(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return np.asarray(np.log1p(-ndtr(low) - ndtr(-high)))


def _inverse(y: np.ndarray) -> np.ndarray:
    """Return x with `log_ndtr(x) == y`, by Newton's method: all values together, as often as one needs it."""
    flipped = y > -1e-2
    z = y.copy()
    z[flipped] = np.log(-np.expm1(y[flipped]))
    x = np.empty_like(y)
    small = z < -5
    if small.any():
        x[small] = -np.sqrt(-2.0 * (z[small] + _truncnorm._norm_pdf_logC))
    if not small.all():
        x[~small] = -_truncnorm._ndtri_exp_approx_C * np.log(np.expm1(-z[~small]))
    for _ in range(100):
        mass = log_ndtr(x)
        density = -0.5 * x**2 - _truncnorm._norm_pdf_logC
        step = (mass - z) * np.exp(mass - density)
        x -= step
        if np.all(np.abs(step) < 1e-8 * np.abs(x)):
            break
    x[flipped] *= -1
    return x
