"""Grids: every combination of a space by its number, without making those before it.

Parameters that are tied by conditions are one part, whose combinations are
listed; the parts are independent of each other, so the rest is division.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from schemas.spaces import (
    Choice,
    Dimension,
    Fixed,
    FloatRange,
    IntRange,
    in_order,
    is_active,
    step_at,
    steps_of,
)

Space = Mapping[str, Dimension]
#: No sweep has more trials, so of a part no more combinations are ever reached.
_MOST_LISTED = 100_000


def count_combinations(space: Space) -> int:
    """Return how many combinations a space has."""
    return math.prod(len(part) for part in _parts(space))


def read_combination(space: Space, number: int) -> dict[str, Any]:
    """Return combination `number`: the last parameter varies fastest."""
    chosen: dict[str, Any] = {}
    for part in reversed(_parts(space)):
        number, index = divmod(number, len(part))
        chosen.update(part[index])
    return {name: chosen[name] for name in space if name in chosen}


def count_points(dimension: Dimension) -> int:
    """Return how many values a grid has along one dimension; 0 for a range without any."""
    match dimension:
        case FloatRange(low=low, high=high) if low > high:
            return 0
        case FloatRange(step=step) if step is not None:
            return steps_of(dimension) + 1
        case FloatRange(low=low, high=high, grid=grid):
            return 1 if low == high else grid
        case IntRange(low=low, high=high, step=step):
            return max((high - low) // step + 1, 0)
        case Choice(values=values):
            return len(values)
        case Fixed():
            return 1


def point(dimension: Dimension, index: int) -> Any:
    """Return the grid's value number `index` along one dimension."""
    match dimension:
        case FloatRange(step=step) if step is not None:
            return step_at(dimension, index)
        case FloatRange(low=low, high=high, log=log, grid=grid):
            # The ends exactly as they were given: rounding must not leave the range.
            if index == 0:
                return low
            if index == grid - 1:
                return high
            return between(low, high, index / (grid - 1), log)
        case IntRange(low=low, step=step):
            return low + index * step
        case Choice(values=values):
            return values[index]
        case Fixed(value=value):
            return value


def between(low: float, high: float, share: float, log: bool) -> float:
    """Return what lies `share` of the way from low to high, never outside."""
    if log:
        value = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
    else:
        # Not low + share * (high - low): the width of a range can be more than a float holds.
        value = low * (1 - share) + high * share
    return min(max(value, low), high)


class _Points:
    """The values of a parameter that no condition touches, as combinations of one."""

    def __init__(self, name: str, dimension: Dimension) -> None:
        self._name = name
        self._dimension = dimension

    def __len__(self) -> int:
        return count_points(self._dimension)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {self._name: point(self._dimension, index)}


_Part = _Points | list[dict[str, Any]]
_kept: dict[bytes, list[_Part]] = {}


def _parts(space: Space) -> list[_Part]:
    """Return the independent parts, in the order of their first parameters."""
    text = msgspec.json.encode(space)
    if text not in _kept:
        # One sweep after another asks for the same again and again.
        if len(_kept) >= 8:
            _kept.clear()
        _kept[text] = [_build_part(space, names) for names in _tied(space)]
    return _kept[text]


def _build_part(space: Space, names: list[str]) -> _Part:
    if len(names) == 1:
        return _Points(names[0], space[names[0]])
    ordered = [name for name in in_order(space) if name in names]
    found: list[dict[str, Any]] = []
    for combination in _combine(space, ordered, {}):
        found.append(combination)
        if len(found) == _MOST_LISTED:
            break
    return found


def _combine(space: Space, names: list[str], chosen: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if not names:
        yield dict(chosen)
        return
    name, *rest = names
    if not is_active(space, name, chosen):
        yield from _combine(space, rest, chosen)
        return
    for index in range(count_points(space[name])):
        yield from _combine(space, rest, {**chosen, name: point(space[name], index)})


def _tied(space: Space) -> list[list[str]]:
    """Return the names in groups that conditions tie together."""
    group = {name: {name} for name in space}
    for name, dimension in space.items():
        for parent in dimension.when:
            merged = group[name] | group[parent]
            for one in merged:
                group[one] = merged
    groups = {min(map(list(space).index, names)): names for names in group.values()}
    return [[name for name in space if name in groups[first]] for first in sorted(groups)]
