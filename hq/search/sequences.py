"""Sobol and Halton sequences: points that fill a space more evenly than chance. Pure.

Trial n is the n-th point, whatever became of the others.
"""

import warnings
from collections.abc import Sequence
from typing import Any

from scipy.stats import qmc

from hq.search.grids import between
from hq.search.samplers import Params, Proposal, Space, number_seed
from schemas.spaces import Choice, Dimension, Fixed, FloatRange, IntRange, active_params, step_at, steps_of


class SequenceSampler:
    """The points of one sequence.

    Args:
        kind: sobol or halton.
        scramble: Shift the points by the seed; without it every sweep has the same ones.
    """

    def __init__(self, kind: str, scramble: bool = True) -> None:
        self._kind = kind
        self._scramble = scramble

    def propose(self, space: Space, seed: str, first: int, count: int) -> Proposal:
        names = sorted(space)
        engine = (qmc.Sobol if self._kind == "sobol" else qmc.Halton)(
            len(names), scramble=self._scramble, rng=number_seed(seed, 0)
        )
        if first:
            engine.fast_forward(first)
        with warnings.catch_warnings():
            # That Sobol's points are balanced only by powers of two is known.
            warnings.simplefilter("ignore", UserWarning)
            points: Sequence[Sequence[float]] = engine.random(count).tolist()
        return Proposal(tuple(_params(space, names, point) for point in points))


def _params(space: Space, names: Sequence[str], point: Sequence[float]) -> Params:
    drawn = {name: _value(space[name], share) for name, share in zip(names, point, strict=True)}
    return active_params(space, drawn)


def _value(dimension: Dimension, share: float) -> Any:
    match dimension:
        case Fixed(value=value):
            return value
        case Choice(values=values):
            return values[min(int(share * len(values)), len(values) - 1)]
        case FloatRange(step=step) if step is not None:
            last = steps_of(dimension)
            return step_at(dimension, min(int(share * (last + 1)), last))
        case FloatRange(low=low, high=high, log=log):
            return between(low, high, share, log)
        case IntRange(low=low, high=high, log=True):
            return min(max(round(between(low - 0.5, high + 0.5, share, True)), low), high)
        case IntRange(low=low, high=high, step=step):
            last = (high - low) // step
            return low + step * min(int(share * (last + 1)), last)
