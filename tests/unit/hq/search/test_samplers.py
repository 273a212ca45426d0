"""Samplers at their edges, and that they say the same again."""

import math
import random
from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hq.search.grids import count_points, point
from hq.search.samplers import GridSampler, RandomSampler
from schemas.spaces import active_params, check_space, contains, in_order, is_active
from schemas.specs import Choice, Dimension, Fixed, FloatRange, IntRange


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
        (FloatRange(0.1, 0.5, step=0.1), [0.1, 0.2, 0.3, 0.4, 0.5]),
        (FloatRange(0.1, 0.55, step=0.2), [0.1, 0.3, 0.5]),
        (FloatRange(2, 2, step=5), [2]),
        (Fixed("a"), ["a"]),
        (IntRange(1, 4, log=True), [1, 2, 3, 4]),
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


@st.composite
def dimensions(draw: st.DrawFn) -> Dimension:
    kind = draw(st.sampled_from(["float", "log", "step", "int", "log int", "choice", "fixed"]))
    if kind == "choice":
        return Choice(tuple(draw(st.lists(st.integers() | st.text() | st.none(), min_size=1, max_size=5))))
    if kind == "fixed":
        return Fixed(draw(st.integers() | st.none()))
    if kind == "int":
        low, high = sorted(draw(st.tuples(st.integers(-(2**53), 2**53), st.integers(-(2**53), 2**53))))
        return IntRange(low, high, min(draw(st.integers(1, 1000)), max(high - low, 1)))
    if kind == "log int":
        low, high = sorted(draw(st.tuples(st.integers(1, 2**40), st.integers(1, 2**40))))
        return IntRange(low, high, log=True)
    if kind == "step":
        low, step = draw(st.integers(-99, 99)), draw(st.sampled_from([0.1, 0.25, 1e-3, 3.0]))
        return FloatRange(low / 10, low / 10 + step * (draw(st.integers(1, 50)) + 0.5), step=step)
    finite = st.floats(allow_nan=False, allow_infinity=False)
    one, other = draw(st.tuples(finite, finite))
    if kind == "log":
        one, other = abs(one) + 1e-300, abs(other) + 1e-300
    return FloatRange(min(one, other), max(one, other), log=kind == "log", grid=draw(st.integers(1, 9)))


@st.composite
def spaces(draw: st.DrawFn) -> dict[str, Dimension]:
    """Spaces in which some parameters exist only with some values of earlier ones."""
    space: dict[str, Dimension] = {}
    for name in draw(st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=5, unique=True)):
        dimension = draw(dimensions())
        parents = [one for one in space if isinstance(space[one], Choice)]
        if parents and draw(st.booleans()):
            parent = draw(st.sampled_from(parents))
            values = space[parent].values  # type: ignore[union-attr]
            when = {parent: tuple(draw(st.lists(st.sampled_from(values), min_size=1, max_size=3)))}
            dimension = msgspec.structs.replace(dimension, when=when)
        space[name] = dimension
    check_space(space)
    return space


@settings(max_examples=150, deadline=None)
@given(spaces(), st.integers(0, 99), st.randoms())
def test_every_draw_is_in_its_range_exists_when_it_should_and_is_the_same_again(
    space: dict[str, Dimension], first: int, chance: random.Random
) -> None:
    shuffled = list(space)
    chance.shuffle(shuffled)
    space = {name: space[name] for name in shuffled}
    for sampler in (RandomSampler(), GridSampler()):
        proposal = sampler.propose(space, "seed", first, 3)

        assert proposal == type(sampler)().propose(space, "seed", first, 3)
        for trial in proposal.trials:
            assert active_params(space, trial) == trial
            for name in in_order(space):
                assert (name in trial) == is_active(space, name, trial)
                assert name not in trial or contains(space[name], trial[name])


def test_a_grid_of_conditions_has_no_combination_twice() -> None:
    space: dict[str, Dimension] = {
        "momentum": FloatRange(0, 1, grid=3, when={"opt": ("sgd",)}),
        "opt": Choice(("adam", "sgd")),
        "nesterov": Choice((True, False), when={"opt": ("sgd",), "momentum": (1.0, 0.5)}),
        "n": IntRange(1, 2),
    }

    found = grid(space)

    assert len(found) == len({repr(trial) for trial in found}) == 2 * (1 + 1 + 2 * 2)
    assert {"opt": "adam", "n": 1} in found
    assert not any("nesterov" in trial and trial.get("momentum") == 0 for trial in found)


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
