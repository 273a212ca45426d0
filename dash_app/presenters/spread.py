"""Whether the spread of a value depends on a parameter, and whether a straight line is enough.

* Levene's test about medians: Brown and Forsythe, J. Am. Stat. Assoc. 69 (1974) 364.
* Breusch-Pagan, studentized: Koenker, J. Econometrics 17 (1981) 107.
* RESET: Ramsey, J. R. Stat. Soc. B 31 (1969) 350, with squares and cubes. With one regressor the powers of
  the fitted values and those of the regressor span the same.

Pure; held against scipy and least squares in the tests.
"""

import statistics
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from dash_app.presenters.tails import tail_of_chi_squared, tail_of_f
from dash_app.presenters.words import number

#: How unlikely by chance a number must be to be called a sign of something.
_SMALL = 0.05
_LEVELS_AT_MOST = 12
_EXACT = 1e-18


@dataclass(frozen=True)
class Test:
    """A test's name, its number, and how probable one as large is by chance."""

    name: str
    number: float
    probability: float

    @property
    def is_sign(self) -> bool:
        """Tell whether chance alone would hardly bring it about."""
        return self.probability < _SMALL


def levels(x: Sequence[Hashable], y: Sequence[float]) -> dict[Hashable, list[float]]:
    """Return the values of `y` for each value of `x`."""
    found: dict[Hashable, list[float]] = {}
    for level, value in zip(x, y, strict=True):
        found.setdefault(level, []).append(value)
    return found


def levene(groups: Sequence[Sequence[float]]) -> Test | None:
    """Return whether groups differ in spread; None where there is too little to tell."""
    large = [group for group in groups if len(group) > 1]
    n, k = sum(map(len, large)), len(large)
    if k < 2 or n <= k + 1:
        return None
    away = [[abs(value - statistics.median(group)) for value in group] for group in large]
    means = [statistics.fmean(group) for group in away]
    mean = statistics.fmean([value for group in away for value in group])
    between = sum(len(group) * (own - mean) ** 2 for group, own in zip(away, means, strict=True))
    within = sum((value - own) ** 2 for group, own in zip(away, means, strict=True) for value in group)
    if within <= _EXACT * max(1.0, mean**2):
        return None
    found = (n - k) / (k - 1) * between / within
    return Test("Levene's test", found, tail_of_f(found, k - 1, n - k))


def breusch_pagan(x: Sequence[float], y: Sequence[float]) -> Test | None:
    """Return whether the spread about a straight line changes along `x`; None where there is too little."""
    if len(y) < 5 or len(set(x)) < 2:
        return None
    ones, line = [1.0] * len(y), _standard(x)
    squares = [rest**2 for rest in _residuals([ones, line], y)]
    whole = sum(rest**2 for rest in _residuals([ones], squares))
    if whole <= _EXACT * max(1.0, statistics.fmean(squares) ** 2) * len(y):
        return None
    left = sum(rest**2 for rest in _residuals([ones, line], squares))
    found = len(y) * max(0.0, 1 - left / whole)
    return Test("Breusch-Pagan test", found, tail_of_chi_squared(found, 1))


def reset(x: Sequence[float], y: Sequence[float]) -> Test | None:
    """Return whether a curve fits better than a straight line; None where there is too little to tell."""
    if len(y) < 7 or len(set(x)) < 4:
        return None
    ones, line = [1.0] * len(y), _standard(x)
    straight = sum(rest**2 for rest in _residuals([ones, line], y))
    powers = [[value**power for value in line] for power in (2, 3)]
    curved = sum(rest**2 for rest in _residuals([ones, line, *powers], y))
    if curved <= _EXACT * max(1.0, sum(value**2 for value in y)):
        return None
    below = len(y) - 4
    found = (straight - curved) / 2 / (curved / below)
    return Test("Ramsey's RESET", found, tail_of_f(found, 2, below))


def variance_words(
    x_name: str, y_name: str, x: Sequence[Hashable], y: Sequence[float], is_number: bool
) -> str:
    """Return one sentence on whether the spread of y depends on x."""
    by_level = levels(x, y)
    test, how = None, "with"
    if not is_number or len(by_level) <= _LEVELS_AT_MOST:
        test, how = levene(list(by_level.values())), "between levels of"
    if test is None and is_number:
        test, how = breusch_pagan([float(str(value)) for value in x], y), "along"
    if test is None:
        return (
            f"Variance: too few results to tell whether the spread of {y_name} depends on {x_name}; it takes "
            "two levels with several results each."
        )
    means = (
        f"the spread of {y_name} differs {how} {x_name}: compare means with care, and repeat where it is wide"
        if test.is_sign
        else f"no sign that the spread of {y_name} differs {how} {x_name}"
    )
    return f"Variance: {_said(test)}: {means}."


def linearity_words(x_name: str, y_name: str, x: Sequence[float], y: Sequence[float]) -> str:
    """Return one sentence on whether y follows x in a straight line."""
    test = reset(x, y)
    if test is None:
        return (
            f"Linearity: too few results to tell whether {y_name} follows {x_name} in a straight line; it "
            "takes seven, at four values."
        )
    means = (
        f"{y_name} does not follow {x_name} in a straight line; a curve or a logarithm fits better"
        if test.is_sign
        else f"no sign that a curve would fit {y_name} over {x_name} better than a straight line"
    )
    return f"Linearity: {_said(test)}: {means}."


def _said(test: Test) -> str:
    chance = "below 0.0001" if test.probability < 1e-4 else f"{test.probability:.2g}"
    return f"{test.name} {number(test.number)}, p {chance}"


def _standard(x: Sequence[float]) -> list[float]:
    """Return x about its mean in units of its deviation, so that powers of it stay of a size."""
    mean, deviation = statistics.fmean(x), statistics.pstdev(x)
    return [(value - mean) / (deviation or 1.0) for value in x]


def _residuals(columns: Sequence[Sequence[float]], y: Sequence[float]) -> list[float]:
    """Return what is left of y after least squares on the columns (modified Gram-Schmidt)."""
    basis: list[list[float]] = []
    rest = list(y)
    for column in columns:
        left = _without(list(column), basis)
        length = sum(value**2 for value in left)
        if length <= 1e-20 * max(1.0, sum(value**2 for value in column)):
            continue
        basis.append([value / length**0.5 for value in left])
    for _ in range(2):
        rest = _without(rest, basis)
    return rest


def _without(values: list[float], basis: list[list[float]]) -> list[float]:
    for direction in basis:
        part = sum(one * other for one, other in zip(values, direction, strict=True))
        values = [one - part * other for one, other in zip(values, direction, strict=True)]
    return values
