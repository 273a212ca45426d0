"""Samplers that do not learn: from a space to the parameters of trials. Pure.

A trial's parameters follow from the space, the seed and the trial's number,
never from what this process proposed before: a restart proposes the same again.
"""

import hashlib
import random
from collections.abc import Mapping
from typing import Any, Protocol

from msgspec import Struct

from hq.search.grids import between, count_combinations, read_combination
from schemas.spaces import Choice, Dimension, Fixed, FloatRange, IntRange, active_params, step_at, steps_of
from schemas.specs import SweepSpec
from schemas.trials import Descent

Params = dict[str, Any]
Space = Mapping[str, Dimension]


class CannotChoose(Exception):
    """No trial can be chosen; the message says why, and what to do."""


class Proposal(Struct, frozen=True):
    """Parameters of trials in a row; `exhausted` when there is nothing beyond them."""

    trials: tuple[Params, ...]
    exhausted: bool = False
    #: Of a population: one for each trial.
    descents: tuple[Descent, ...] = ()


class Sampler(Protocol):
    """Chooses parameters without looking at what became of others."""

    def propose(self, space: Space, seed: str, first: int, count: int) -> Proposal:
        """Return the parameters of trials `first`, `first` + 1, ..., at most `count` of them.

        The same arguments give the same answer, in any process.

        Args:
            space: What to choose from.
            seed: Of the whole sweep.
            first: Number of the first trial.
            count: How many are wanted.
        """


class RandomSampler:
    """Independent draws: uniform, log-uniform where the range says so."""

    def propose(self, space: Space, seed: str, first: int, count: int) -> Proposal:
        trials = range(first, first + count)
        return Proposal(tuple(active_params(space, draw_all(space, seed, trial)) for trial in trials))


class GridSampler:
    """Every combination once: the last parameter varies fastest."""

    def propose(self, space: Space, seed: str, first: int, count: int) -> Proposal:
        total = count_combinations(space)
        last = min(first + count, total)
        trials = tuple(read_combination(space, number) for number in range(first, last))
        return Proposal(trials, exhausted=last >= total)


def draw_all(space: Space, seed: str, trial: int) -> Params:
    """Return a value for every parameter, also for those that do not exist with the others."""
    source = random.Random(hashlib.sha256(f"{seed}/{trial}".encode()).digest())
    # By name, so that the order in which a client wrote the space changes nothing; and all of them, so
    # that a condition more or less does not change the others.
    return {name: _draw_one(space[name], source) for name in sorted(space)}


def seed_of(sweep: str, spec: SweepSpec) -> str:
    """Return what makes two sweeps draw differently: their seeds, or their ids where none was given."""
    return f"{sweep}/0" if spec.seed is None else f"seed/{spec.seed}"


def number_seed(seed: str, trial: int) -> int:
    """Return the 32 bits with which trial `trial` draws."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{trial}".encode()).digest()[:4])


def _draw_one(dimension: Dimension, source: random.Random) -> Any:
    match dimension:
        case Fixed(value=value):
            return value
        case FloatRange(step=step) if step is not None:
            return step_at(dimension, source.randrange(steps_of(dimension) + 1))
        case FloatRange(low=low, high=high, log=log):
            return between(low, high, source.random(), log)
        case IntRange(low=low, high=high, log=True):
            # Every whole number owns what lies half a step around it.
            value = round(between(low - 0.5, high + 0.5, source.random(), True))
            return min(max(value, low), high)
        case IntRange(low=low, high=high, step=step):
            return source.randrange(low, high + 1, step)
        case Choice(values=values):
            return values[source.randrange(len(values))]
