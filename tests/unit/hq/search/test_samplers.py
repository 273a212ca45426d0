"""Samplers at their edges, and that they say the same again."""

import math
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hq.search.samplers import GridSampler, RandomSampler, count_points, point
from schemas.specs import Choice, Dimension, FloatRange, IntRange


def grid(space: dict[str, Dimension], first: int = 0, count: int = 1000) -> list[dict[str, Any]]:
    return list(GridSampler().propose(space, "seed", first, count).trials)


def test_a_grid_has_every_combination_once_with_the_last_varying_fastest() -> None:
    space: dict[str, Dimension] = {"a": Choice(("x", "y")), "b": IntRange(1, 3)}

    assert grid(space) == [{"a": a, "b": b} for a in ("x", "y") for b in (1, 2, 3)]


def test_a_grid_is_the_same_in_parts() -> None:
    space: dict[str, Dimension] = {"a": IntRange(0, 6), "b": FloatRange(0, 1, grid=3), "c": Choice((1, None))}
    whole = grid(space)

    parts = [trial for first in range(0, len(whole), 4) for trial in grid(space, first, 4)]

    assert parts == whole
    assert len({tuple(trial.items()) for trial in whole}) == 7 * 3 * 2


@pytest.mark.parametrize(
    ("first", "count", "got", "exhausted"),
    [(0, 3, 3, False), (0, 4, 4, True), (0, 5, 4, True), (3, 1, 1, True), (4, 1, 0, True), (9, 1, 0, True)],
)
def test_a_grid_says_when_it_is_exhausted(first: int, count: int, got: int, exhausted: bool) -> None:
    proposal = GridSampler().propose({"a": IntRange(1, 4)}, "seed", first, count)

    assert (len(proposal.trials), proposal.exhausted) == (got, exhausted)


def test_an_empty_grid_is_exhausted_at_once() -> None:
    proposal = GridSampler().propose({"a": IntRange(5, 4), "b": Choice((1,))}, "seed", 0, 10)

    assert (proposal.trials, proposal.exhausted) == ((), True)


def test_a_huge_grid_is_not_made_to_find_one_of_its_points() -> None:
    space: dict[str, Dimension] = {f"p{n}": FloatRange(0, 1, grid=10_000) for n in range(8)}
    last = 10_000**8 - 1

    proposal = GridSampler().propose(space, "seed", last, 5)

    assert proposal.trials == ({f"p{n}": 1 for n in range(8)},)
    assert proposal.exhausted


@pytest.mark.parametrize(
    ("dimension", "points"),
    [
        (FloatRange(0, 1, grid=1), [0]),
        (FloatRange(0, 1, grid=2), [0, 1]),
        (FloatRange(0, 1, grid=5), [0, 0.25, 0.5, 0.75, 1]),
        (FloatRange(0.3, 0.3, grid=5), [0.3]),
        (FloatRange(-1, 1, grid=3), [-1, 0, 1]),
        (FloatRange(0.0001, 1, log=True, grid=5), [0.0001, 0.001, 0.01, 0.1, 1]),
        (IntRange(2, 2), [2]),
        (IntRange(1, 6, 2), [1, 3, 5]),
        (IntRange(1, 7, 2), [1, 3, 5, 7]),
        (IntRange(-3, 3, 3), [-3, 0, 3]),
        (IntRange(0, 1, 100), [0]),
        (Choice((True, None, "a", [1])), [True, None, "a", [1]]),
    ],
)
def test_points_of_a_grid(dimension: Dimension, points: list[Any]) -> None:
    found = [point(dimension, index) for index in range(count_points(dimension))]

    assert found == (pytest.approx(points) if isinstance(dimension, FloatRange) else points)


def test_the_ends_of_a_log_grid_are_exact() -> None:
    dimension = FloatRange(1e-5, 3e-1, log=True, grid=7)

    assert (point(dimension, 0), point(dimension, 6)) == (1e-5, 3e-1)


finite = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def dimensions(draw: st.DrawFn) -> Dimension:
    kind = draw(st.sampled_from(["float", "log", "int", "choice"]))
    if kind == "choice":
        return Choice(tuple(draw(st.lists(st.integers() | st.text() | st.none(), min_size=1, max_size=5))))
    if kind == "int":
        low, high = sorted(draw(st.tuples(st.integers(-(2**53), 2**53), st.integers(-(2**53), 2**53))))
        return IntRange(low, high, draw(st.integers(1, 1000)))
    one, other = draw(st.tuples(finite, finite))
    if kind == "log":
        one, other = abs(one) + 1e-300, abs(other) + 1e-300
    return FloatRange(min(one, other), max(one, other), log=kind == "log", grid=draw(st.integers(1, 9)))


def is_in(value: Any, dimension: Dimension) -> bool:
    match dimension:
        case FloatRange(low=low, high=high):
            return bool(low <= value <= high and math.isfinite(value))
        case IntRange(low=low, high=high, step=step):
            return bool(low <= value <= high and (value - low) % step == 0)
        case Choice(values=values):
            return value in values


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.text(min_size=1, max_size=5), dimensions(), min_size=1, max_size=4), st.integers(0, 99)
)
def test_every_draw_is_in_its_range_and_the_same_again(space: dict[str, Dimension], first: int) -> None:
    for sampler in (RandomSampler(), GridSampler()):
        proposal = sampler.propose(space, "seed", first, 3)

        assert proposal == type(sampler)().propose(space, "seed", first, 3)
        for trial in proposal.trials:
            assert list(trial) == list(space)
            assert all(is_in(trial[name], dimension) for name, dimension in space.items())


def test_random_trials_depend_on_their_number_and_the_seed_alone() -> None:
    space: dict[str, Dimension] = {"lr": FloatRange(1e-5, 1, log=True), "n": IntRange(1, 1000)}
    turned: dict[str, Dimension] = {"n": space["n"], "lr": space["lr"]}
    sampler = RandomSampler()

    whole = sampler.propose(space, "s1/0", 0, 10).trials

    assert whole == tuple(sampler.propose(space, "s1/0", n, 1).trials[0] for n in range(10))
    assert whole == sampler.propose(turned, "s1/0", 0, 10).trials
    assert whole != sampler.propose(space, "s2/0", 0, 10).trials
    assert whole != sampler.propose(space, "s1/1", 0, 10).trials
    assert len({trial["lr"] for trial in whole}) == 10


def test_random_draws_do_not_change_between_versions() -> None:
    # A restarted search process of a later version must go on with the same draws.
    trial = RandomSampler().propose({"n": IntRange(0, 10**6), "x": Choice(("a", "b"))}, "s/0", 7, 1).trials[0]

    assert trial == {"n": 877853, "x": "a"}


def test_log_draws_are_even_over_the_magnitudes() -> None:
    space: dict[str, Dimension] = {"lr": FloatRange(1e-4, 1, log=True)}

    draws = RandomSampler().propose(space, "seed", 0, 4000).trials

    by_decade = Counter(math.floor(math.log10(trial["lr"])) for trial in draws)
    assert all(abs(by_decade[decade] - 1000) < 150 for decade in (-4, -3, -2, -1))


def test_the_whole_range_of_floats_can_be_searched() -> None:
    space: dict[str, Dimension] = {"x": FloatRange(-1.7e308, 1.7e308)}

    draws = RandomSampler().propose(space, "seed", 0, 100).trials

    assert all(math.isfinite(trial["x"]) for trial in draws)
    assert min(trial["x"] for trial in draws) < 0 < max(trial["x"] for trial in draws)
