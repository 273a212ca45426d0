"""What an author signs a script for is all that it is given."""

from typing import Any

import pytest

from trust.arguments import Argument, why_refused

SIGNED = (
    Argument("rate", "number"),
    Argument("epochs", "integer"),
    Argument("name", "text"),
    Argument("fast", "boolean"),
    Argument("mode", "text", ("small", "large")),
    Argument("free"),
)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"rate": 0.1, "epochs": 3, "name": "x y", "fast": True, "mode": "small", "free": "a"},
        {"rate": -1, "epochs": -1},
        {"epochs": [1, 2, 3]},
        {"name": None, "fast": None},
        {"mode": ["small", "large"]},
    ],
)
def test_what_was_signed_may_be_given(params: dict[str, Any]) -> None:
    assert why_refused(SIGNED, params) == ""


@pytest.mark.parametrize(
    "params",
    [
        {"other": 1},
        {"rate": "0.1"},
        {"rate": True},
        {"epochs": 1.5},
        {"epochs": True},
        {"epochs": [1, "2"]},
        {"name": 3},
        {"fast": 1},
        {"mode": "huge"},
        {"free": {"a": 1}},
        {"free": [[1]]},
        # A parser of command lines would take these for options.
        {"name": "--output=/etc/passwd"},
        {"free": "-x"},
        {"mode": ["small", "--evil"]},
    ],
)
def test_anything_else_is_refused_and_named(params: dict[str, Any]) -> None:
    (name,) = params

    assert name in why_refused(SIGNED, params)


def test_words_for_the_command_line_are_refused_also_where_no_argument_was_named() -> None:
    assert "words" in why_refused((), {}, ["--evil"])
    assert why_refused((), {}, []) == ""
    assert "rate" in why_refused((), {"rate": 1})


def test_a_choice_of_numbers_takes_no_truth_for_one() -> None:
    assert why_refused((Argument("n", "any", (0, 1)),), {"n": True})
    assert why_refused((Argument("n", "any", (0, 1)),), {"n": 1}) == ""
