"""Ten tabs that are open for ten minutes of work hold no more at the end than at the beginning."""

import pytest

from benchmarks.page_memory import measure, slope
from tests.fixtures.browser import find_chromium

#: Of a line through samples that lie some tenths apart; a row that is never let go is more within a minute.
_MOST_MB_A_MINUTE = 1.0


def test_the_slope_is_of_what_comes_after_the_beginning() -> None:
    growing = [(0.5 * n, 40 + 2.0 * 0.5 * n) for n in range(20)]
    settling = [(0.5 * n, 60.0 if n > 3 else 10.0 * n) for n in range(20)]

    assert slope(growing) == pytest.approx(2.0)
    assert slope(settling) == pytest.approx(0.0)
    assert slope([]) == 0.0


@pytest.mark.process
@pytest.mark.slow
def test_ten_tabs_stay_as_large_as_they_are() -> None:
    if find_chromium() is None:
        pytest.skip("there is no Chromium")

    figures = measure(10, agents=20, jobs=40)

    growth = {figure.name: figure.values[0] for figure in figures if "held more" in figure.name}
    assert len(growth) == 10
    assert {name: value for name, value in growth.items() if value > _MOST_MB_A_MINUTE} == {}
