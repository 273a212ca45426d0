"""Samplers: from a space to the parameters of trials. Pure.

A trial's parameters follow from the space, the sweep's identity and seed, and
the trial's number (and, for samplers that learn, from the history), never from
what this process proposed before: a restart proposes the same again.
"""

import hashlib
import math
import random
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

from schemas.specs import Choice, Dimension, FloatRange, IntRange, SweepSpec

Params = dict[str, Any]
Space = Mapping[str, Dimension]


class Trial(Struct, frozen=True):
    """What became of an earlier trial. `value` is its objective; None when it has none (yet)."""

    number: int
    params: Params
    value: float | None = None


class Proposal(Struct, frozen=True):
    """Parameters of trials in a row; `exhausted` when there is nothing beyond them."""

    trials: tuple[Params, ...]
    exhausted: bool = False


class Sampler(Protocol):
    """Chooses parameters."""

    def propose(
        self, space: Space, seed: str, first: int, count: int, history: Sequence[Trial] = ()
    ) -> Proposal:
        """Return the parameters of trials `first`, `first` + 1, ..., at most `count` of them.

        The same arguments give the same answer, in any process.

        Args:
            seed: Of the whole sweep: its identity and the seed that the user gave.
        """


class RandomSampler:
    """Independent draws: uniform, log-uniform where the range says so."""

    def propose(
        self, space: Space, seed: str, first: int, count: int, history: Sequence[Trial] = ()
    ) -> Proposal:
        return Proposal(tuple(self._draw(space, seed, trial) for trial in range(first, first + count)))

    def _draw(self, space: Space, seed: str, trial: int) -> Params:
        digest = hashlib.sha256(f"{seed}/{trial}".encode()).digest()
        source = random.Random(digest)
        # By name, so that the order in which a client wrote the space changes nothing.
        drawn = {name: _draw_one(space[name], source) for name in sorted(space)}
        return {name: drawn[name] for name in space}


class GridSampler:
    """Every combination once: the last parameter varies fastest."""

    def propose(
        self, space: Space, seed: str, first: int, count: int, history: Sequence[Trial] = ()
    ) -> Proposal:
        sizes = {name: count_points(dimension) for name, dimension in space.items()}
        total = math.prod(sizes.values())
        last = min(first + count, total)
        trials = tuple(_combination(space, sizes, number) for number in range(first, last))
        return Proposal(trials, exhausted=last >= total)


def build_sampler(spec: SweepSpec) -> Sampler:
    """Return the sampler that a sweep asks for."""
    return GridSampler() if spec.sampler == "grid" else RandomSampler()


def seed_of(sweep: str, spec: SweepSpec) -> str:
    """Return what makes two sweeps draw differently."""
    return f"{sweep}/{spec.seed}"


def count_points(dimension: Dimension) -> int:
    """Return how many values a grid has along one dimension; 0 for a range without any."""
    match dimension:
        case FloatRange(low=low, high=high, grid=grid):
            return 0 if low > high else 1 if low == high else grid
        case IntRange(low=low, high=high, step=step):
            return max((high - low) // step + 1, 0)
        case Choice(values=values):
            return len(values)


def point(dimension: Dimension, index: int) -> Any:
    """Return the grid's value number `index` along one dimension."""
    match dimension:
        case FloatRange(low=low, high=high, log=log, grid=grid):
            # The ends exactly as they were given: rounding must not leave the range.
            if index == 0:
                return low
            if index == grid - 1:
                return high
            return _between(low, high, index / (grid - 1), log)
        case IntRange(low=low, step=step):
            return low + index * step
        case Choice(values=values):
            return values[index]


def _combination(space: Space, sizes: Mapping[str, int], number: int) -> Params:
    """Return combination `number` without making those before it: grids can be huge."""
    indices: dict[str, int] = {}
    for name in reversed(list(space)):
        number, indices[name] = divmod(number, sizes[name])
    return {name: point(dimension, indices[name]) for name, dimension in space.items()}


def _draw_one(dimension: Dimension, source: random.Random) -> Any:
    match dimension:
        case FloatRange(low=low, high=high, log=log):
            return _between(low, high, source.random(), log)
        case IntRange(low=low, high=high, step=step):
            return source.randrange(low, high + 1, step)
        case Choice(values=values):
            return values[source.randrange(len(values))]


def _between(low: float, high: float, share: float, log: bool) -> float:
    if log:
        value = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
    else:
        # Not low + share * (high - low): the width of a range can be more than a float holds.
        value = low * (1 - share) + high * share
    return min(max(value, low), high)
