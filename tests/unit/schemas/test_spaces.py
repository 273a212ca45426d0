"""Spaces that make no sense are refused in words, and conditions say what exists."""

from typing import Any

import pytest

from schemas.spaces import (
    Choice,
    Dimension,
    Fixed,
    FloatRange,
    IntRange,
    SpaceError,
    active_params,
    check_space,
    contains,
    in_order,
)

OPT = Choice(("adam", "sgd"))


@pytest.mark.parametrize(
    ("space", "words"),
    [
        ({}, "empty"),
        ({"": OPT}, "no name"),
        ({"x": FloatRange(1, 0)}, "x: low 1.* above high 0"),
        ({"x": IntRange(2, 1)}, "above"),
        ({"x": FloatRange(0, 1, log=True)}, "low > 0"),
        ({"x": IntRange(0, 9, log=True)}, "low > 0"),
        ({"x": IntRange(1, 9, 2, log=True)}, "no steps"),
        ({"x": FloatRange(1, 9, log=True, step=1.5)}, "no steps"),
        ({"x": FloatRange(0, 1, step=1.5)}, "step 1.5 does not fit"),
        ({"x": FloatRange(-1e300, 1e300, step=1e-300)}, "too small"),
        ({"x": IntRange(1, 3, 5)}, "step 5 does not fit"),
        ({"x": FloatRange(0, 1, when={"opt": ("sgd",)})}, "opt, which is not in the space"),
        ({"x": FloatRange(0, 1, when={"x": (1,)})}, "names x itself"),
        ({"opt": OPT, "x": FloatRange(0, 1, when={"opt": ("rms",)})}, 'opt="rms", which opt can never be'),
        ({"n": IntRange(1, 3), "x": FloatRange(0, 1, when={"n": (4,)})}, "can never be"),
        ({"n": IntRange(1, 3), "x": FloatRange(0, 1, when={"n": (True,)})}, "can never be"),
        (
            {"a": Choice((1, 2), when={"b": (1,)}), "b": Choice((1, 2), when={"a": (1,)})},
            "a, b run in a circle",
        ),
    ],
)
def test_a_space_that_makes_no_sense_is_refused_in_words(space: dict[str, Dimension], words: str) -> None:
    with pytest.raises(SpaceError, match=words):
        check_space(space)


def test_parents_come_before_their_children() -> None:
    space: dict[str, Dimension] = {
        "nesterov": Choice((True, False), when={"momentum": (0.5,)}),
        "momentum": FloatRange(0, 1, when={"opt": ("sgd",)}),
        "opt": OPT,
        "n": IntRange(1, 3),
    }
    check_space(space)

    assert in_order(space) == ["opt", "n", "momentum", "nesterov"]
    chosen = {"nesterov": True, "momentum": 0.5, "opt": "adam", "n": 1, "other": 2}
    assert active_params(space, chosen) == {"opt": "adam", "n": 1}
    assert active_params(space, {**chosen, "opt": "sgd"}) == {
        "nesterov": True,
        "momentum": 0.5,
        "opt": "sgd",
        "n": 1,
    }


@pytest.mark.parametrize(
    ("dimension", "inside", "outside"),
    [
        (FloatRange(0, 1), [0, 0.3, 1], [-0.1, 1.1, "a", None, True, float("nan")]),
        (FloatRange(0.1, 0.5, step=0.1), [0.1, 0.3, 0.30000000000000004, 0.5], [0.35, 0.6]),
        (IntRange(1, 9, 4), [1, 5, 9, 5.0], [2, 13, True, "1"]),
        (Choice((1, True, "a", None, [1])), [1, 1.0, True, "a", None, [1]], [False, "b", [2]]),
        (Fixed(None), [None], [0]),
    ],
)
def test_what_a_parameter_can_be(dimension: Dimension, inside: list[Any], outside: list[Any]) -> None:
    assert [value for value in inside if not contains(dimension, value)] == []
    assert [value for value in outside if contains(dimension, value)] == []
