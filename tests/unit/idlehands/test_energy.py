"""Energy in words: sums over attempts, as good as the weakest of them."""

from typing import Any

import pytest

from idlehands.energy import add_up, describe


def result(kwh: float, source: str = "measured", **more: Any) -> dict[str, Any]:
    return {"energy": {"kwh": kwh, "source": source, **more}}


@pytest.mark.parametrize(
    ("results", "words"),
    [
        ([], ""),
        ([None, {}, {"energy": None}], ""),
        ([result(0.0125)], "12.5 Wh, measured"),
        ([result(0.0125), result(0.0125, "estimated"), {}], "25 Wh, partly estimated"),
        ([result(1.5, "plug", cost=0.48, currency="EUR")], "1.50 kWh (0.48 EUR), by its plug"),
        ([result(0.001, cost=0.0003)], "1 Wh (0.0003), measured"),
        (
            [result(100, cost=30.0, currency="EUR"), result(20.4, cost=5.5, currency="CHF")],
            "120 kWh (5.50 CHF, 30.00 EUR), measured",
        ),
        ([result(1e-9)], "under 0.001 Wh, measured"),
        ([result(0.5, "new-source")], "500 Wh, new-source"),
    ],
)
def test_a_sum_says_how_much_how_dear_and_how_sure(results: list[Any], words: str) -> None:
    assert describe(add_up(results)) == words
