"""The tests of variance and linearity, held against scipy; their words."""

import random

import pytest
from scipy import stats

from dash_app.presenters import spread
from dash_app.presenters.tails import tail_of_chi_squared, tail_of_f


@pytest.mark.parametrize("value", [0.001, 0.5, 1.0, 3.3, 40.0])
@pytest.mark.parametrize(("above", "below"), [(1, 1), (2, 7), (3, 30), (11, 500)])
def test_tails_are_those_of_scipy(value: float, above: int, below: int) -> None:
    assert tail_of_f(value, above, below) == pytest.approx(stats.f.sf(value, above, below), rel=1e-9)
    assert tail_of_chi_squared(value, below) == pytest.approx(stats.chi2.sf(value, below), rel=1e-8)
    assert tail_of_f(0, above, below) == tail_of_chi_squared(0, below) == 1


def test_levene_is_that_of_scipy_about_medians() -> None:
    draw = random.Random(1)
    groups = [[draw.gauss(0, 1 + level) for _ in range(8 + level)] for level in range(4)]

    found = spread.levene(groups)

    known = stats.levene(*groups, center="median")
    assert found is not None
    assert (found.number, found.probability) == pytest.approx((known.statistic, known.pvalue))


def test_breusch_pagan_and_reset_are_those_of_least_squares() -> None:
    import numpy as np

    draw = random.Random(2)
    x = [draw.uniform(10, 20) for _ in range(60)]
    y = [value**2 + draw.gauss(0, value - 9) for value in x]
    one = np.ones(60)

    def left(columns: list[object], of: object) -> float:
        a, b = np.column_stack(columns), np.asarray(of)
        return float(np.sum((b - a @ np.linalg.lstsq(a, b, rcond=None)[0]) ** 2))

    line = np.column_stack([one, x])
    fitted = line @ np.linalg.lstsq(line, np.asarray(y), rcond=None)[0]
    squares = (np.asarray(y) - fitted) ** 2
    lagrange = 60 * (1 - left([one, x], squares) / left([one], squares))
    straight, curved = left([one, x], y), left([one, x, fitted**2, fitted**3], y)
    ratio = (straight - curved) / 2 / (curved / 56)

    pagan, ramsey = spread.breusch_pagan(x, y), spread.reset(x, y)

    assert pagan is not None
    assert ramsey is not None
    assert pagan.number == pytest.approx(lagrange, rel=1e-6)
    assert pagan.probability == pytest.approx(stats.chi2.sf(lagrange, 1), rel=1e-5)
    assert ramsey.number == pytest.approx(ratio, rel=1e-5)
    assert ramsey.is_sign


def test_what_cannot_be_told_is_not_told() -> None:
    assert spread.levene([[1.0], [2.0, 3.0]]) is None
    assert spread.levene([[1.0, 1.0], [1.0, 1.0]]) is None
    assert spread.breusch_pagan([1.0] * 9, [1.0] * 9) is None
    assert spread.reset([1, 2, 3, 4, 5, 6, 7], [2, 4, 6, 8, 10, 12, 14]) is None
    assert "too few" in spread.variance_words("lr", "accuracy", ["a"], [1.0], False)
    assert "too few" in spread.linearity_words("lr", "accuracy", [1.0], [1.0])


def test_words_say_what_a_number_means() -> None:
    draw = random.Random(3)
    x = [float(at % 4) for at in range(80)]
    y = [value + draw.gauss(0, 0.1) for value in x]

    assert "no sign that the spread of acc differs between levels of k" in spread.variance_words(
        "k", "acc", x, y, True
    )
    assert "no sign that a curve" in spread.linearity_words("k", "acc", x, y)
    wide = [value + draw.gauss(0, 0.01 + 3 * value) for value in x]
    assert "differs between levels of k" in spread.variance_words("k", "acc", x, wide, True)
