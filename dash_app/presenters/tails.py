"""How probable a test's number is by chance: upper tails of the F and chi-squared distributions.

Continued fraction of the incomplete beta function and series and continued
fraction of the incomplete gamma function: Press et al., Numerical Recipes,
3rd ed., sections 6.2 and 6.4. Held against scipy in the tests.
"""

import math

_STEPS = 500
_ENOUGH = 1e-14
_TINY = 1e-300


def tail_of_f(value: float, above: float, below: float) -> float:
    """Return P(F > value) with `above` and `below` degrees of freedom."""
    if value <= 0:
        return 1.0
    return _incomplete_beta(below / 2, above / 2, below / (below + above * value))


def tail_of_chi_squared(value: float, freedom: float) -> float:
    """Return P(X > value) of chi-squared with so many degrees of freedom."""
    if value <= 0:
        return 1.0
    a, x = freedom / 2, value / 2
    scale = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        for n in range(1, _STEPS):
            term *= x / (a + n)
            total += term
            if term < total * _ENOUGH:
                break
        return max(0.0, 1 - scale * total)
    b = x + 1 - a
    c, d = 1 / _TINY, 1 / b
    fraction = d
    for n in range(1, _STEPS):
        step = -n * (n - a)
        b += 2
        d = 1 / _not_zero(step * d + b)
        c = _not_zero(b + step / c)
        fraction *= d * c
        if abs(d * c - 1) < _ENOUGH:
            break
    return scale * fraction


def _incomplete_beta(a: float, b: float, x: float) -> float:
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    logarithm = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    scale = math.exp(logarithm)
    if x < (a + 1) / (a + b + 2):
        return scale * _beta_fraction(a, b, x) / a
    return 1 - scale * _beta_fraction(b, a, 1 - x) / b


def _beta_fraction(a: float, b: float, x: float) -> float:
    c = 1.0
    d = 1 / _not_zero(1 - (a + b) * x / (a + 1))
    fraction = d
    for n in range(1, _STEPS):
        for step in (
            n * (b - n) * x / ((a + 2 * n - 1) * (a + 2 * n)),
            -(a + n) * (a + b + n) * x / ((a + 2 * n) * (a + 2 * n + 1)),
        ):
            d = 1 / _not_zero(1 + step * d)
            c = _not_zero(1 + step / c)
            fraction *= d * c
        if abs(d * c - 1) < _ENOUGH:
            break
    return fraction


def _not_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
