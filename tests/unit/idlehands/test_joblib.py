"""How many batches joblib is told that the house takes at once."""

from typing import Any

import pytest

pytest.importorskip("joblib")
from idlehands.joblib import IdlehandsBackend


class Status:
    """Answers as HQ does: machines with so many slots each, of which the last rests."""

    def __init__(self, *slots: int) -> None:
        rows = [{"slots": count, "fresh": True, "accepting": True} for count in slots]
        self._answer = {"agents": [*rows, {"slots": 8, "fresh": True, "accepting": False}]}
        self.client = self

    def status(self) -> dict[str, Any]:
        return self._answer


@pytest.mark.parametrize(
    ("slots", "asked", "told"),
    [
        ((2, 3), -1, 5),
        ((2, 3), -2, 4),
        ((2, 3), 7, 7),
        ((2, 3), None, 1),
        # One would be taken for "here".
        ((1,), -1, 2),
        ((), -1, 2),
        ((1,), 1, 1),
        ((1,), -2, 1),
    ],
)
def test_all_of_a_house_is_at_least_two(slots: tuple[int, ...], asked: int | None, told: int) -> None:
    house: Any = Status(*slots)

    assert IdlehandsBackend(house=house).effective_n_jobs(asked) == told


def test_no_batches_at_once_has_no_meaning() -> None:
    with pytest.raises(ValueError, match="no meaning"):
        IdlehandsBackend().effective_n_jobs(0)
