"""What is odd about a sweep's trials is said: no values, or the same whatever the parameters are."""

from typing import Any

import pytest

from hq.rest.remarks import is_suspicious, remark

SWEEP: dict[str, Any] = {
    "spec": {"metric": "loss", "space": {"x": {}, "kind": {}}},
    "succeeded": 6,
    "best": 0.5,
    "since_best": 5,
}
LACKS = "its result has no loss"


def trials(*values: float | None, **params: Any) -> list[dict[str, Any]]:
    return [
        {
            "status": "succeeded",
            "values": () if value is None else (value,),
            "why": LACKS if value is None else "",
            "params": {"x": number, "kind": "a", **params},
        }
        for number, value in enumerate(values)
    ]


def test_trials_without_a_value_are_said_with_what_they_lack() -> None:
    (said,) = remark(SWEEP, trials(None, None))
    assert said.endswith(f"nothing to learn from: {LACKS}")
    assert remark(SWEEP, trials(None, 0.5)) == []


def test_the_same_value_whatever_a_parameter_is_is_said_to_be_odd() -> None:
    (said,) = remark(SWEEP, trials(*[0.5] * 6))

    assert said == ("all 6 trials that were compared have loss 0.5, whatever x is: does the script use it?")


@pytest.mark.parametrize(
    "some", [trials(*[0.5] * 4), trials(*[0.5] * 5, 0.6), trials(*[0.5] * 6, x=1), trials()]
)
def test_nothing_is_said_of_what_may_be_chance(some: list[dict[str, Any]]) -> None:
    assert remark(SWEEP, some) == []


@pytest.mark.parametrize(
    ("change", "worth"),
    [
        ({}, True),
        ({"best": None, "since_best": 0}, True),
        ({"since_best": 2}, False),
        ({"succeeded": 0, "best": None}, False),
        ({"spec": {"metric": "", "space": {}}}, False),
    ],
)
def test_trials_are_looked_at_only_where_the_sweep_says_so(change: dict[str, Any], worth: bool) -> None:
    assert is_suspicious({**SWEEP, **change}) is worth
