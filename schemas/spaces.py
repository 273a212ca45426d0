"""Spaces: what a sweep varies. The parameters' types, and what makes a space impossible.

A parameter with `when` exists only while each parameter named there exists
and has one of the values listed. Parents may have conditions of their own;
circles are refused.

    {"optimizer": {"type": "choice", "values": ["adam", "sgd"]},
     "momentum":  {"type": "float", "low": 0, "high": 1, "when": {"optimizer": ["sgd"]}}}
"""

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from msgspec import Meta, field

from schemas.names import JsonObject, ShortText
from schemas.strict import Spec

_MOST_STEPS = 10**9
#: Parameter -> the values of it with which the other one exists.
When = dict[ShortText, Annotated[tuple[Any, ...], Meta(min_length=1, max_length=1000)]]


class FloatRange(Spec, tag="float", frozen=True):
    """Real numbers from low to high, both included; `grid` evenly spaced points for grid search."""

    low: float
    high: float
    log: bool = False
    grid: Annotated[int, Meta(ge=1, le=10_000)] = 3
    #: Only low, low + step, ... up to high; then these are the grid, too.
    step: Annotated[float, Meta(gt=0)] | None = None
    when: When = field(default_factory=dict)


class IntRange(Spec, tag="int", frozen=True):
    """Whole numbers from low to high, both included, in steps."""

    low: int
    high: int
    step: Annotated[int, Meta(ge=1)] = 1
    log: bool = False
    when: When = field(default_factory=dict)


class Choice(Spec, tag="choice", frozen=True):
    """One of the listed values."""

    values: Annotated[tuple[Any, ...], Meta(min_length=1, max_length=10_000)]
    when: When = field(default_factory=dict)


class Fixed(Spec, tag="fixed", frozen=True):
    """Always this value; of use with a condition."""

    value: Any
    when: When = field(default_factory=dict)


Dimension = FloatRange | IntRange | Choice | Fixed
Space = Mapping[str, Dimension]


class SpaceError(ValueError):
    """A space in which nothing can be chosen; the message names the parameter and what is wrong."""


def check_space(space: Space) -> None:
    """Make sure that every parameter of a space can be chosen.

    Raises:
        SpaceError: If it is empty, a range has no value, or a condition can never hold.
    """
    if not space:
        raise SpaceError("the space is empty: name at least one parameter to vary")
    for name, dimension in space.items():
        if not name:
            raise SpaceError("a parameter of the space has no name")
        if why := _why_impossible(dimension):
            raise SpaceError(f"{name}: {why}")
        for parent, values in dimension.when.items():
            _check_condition(space, name, parent, values)
    in_order(space)


def in_order(space: Space) -> list[str]:
    """Return the names with every parent before its children, otherwise as they are written.

    Raises:
        SpaceError: If conditions run in a circle.
    """
    ordered: dict[str, None] = {}
    waiting = list(space)
    while waiting:
        ready = [name for name in waiting if all(parent in ordered for parent in space[name].when)]
        if not ready:
            raise SpaceError(f"the conditions of {', '.join(waiting)} run in a circle: none can come first")
        ordered.update(dict.fromkeys(ready))
        waiting = [name for name in waiting if name not in ordered]
    return list(ordered)


def is_active(space: Space, name: str, params: JsonObject) -> bool:
    """Tell whether a parameter exists, given those that were chosen before it."""
    return all(
        parent in params and any(same(params[parent], value) for value in values)
        for parent, values in space[name].when.items()
    )


def active_params(space: Space, params: JsonObject) -> JsonObject:
    """Return those of `params` that are in the space and exist, in the order of the space."""
    if not any(dimension.when for dimension in space.values()):
        return {name: params[name] for name in space if name in params}
    kept: JsonObject = {}
    for name in in_order(space):
        if name in params and is_active(space, name, kept):
            kept[name] = params[name]
    return {name: kept[name] for name in space if name in kept}


def contains(dimension: Dimension, value: Any) -> bool:
    """Tell whether a parameter may have this value."""
    match dimension:
        case Choice(values=values):
            return any(same(value, one) for one in values)
        case Fixed(value=only):
            return same(value, only)
        case IntRange(low=low, high=high, step=step):
            return _is_whole(value) and low <= value <= high and (int(value) - low) % step == 0
        case FloatRange(low=low, high=high, step=None):
            return _is_number(value) and low <= value <= high
        case FloatRange():
            return _is_number(value) and any(math.isclose(value, one) for one in _near(dimension, value))


def steps_of(dimension: FloatRange) -> int:
    """Return how many steps fit a range that has them."""
    low, high, step = (
        Decimal(repr(float(one))) for one in (dimension.low, dimension.high, dimension.step or 1)
    )
    return int((high - low) // step)


def step_at(dimension: FloatRange, index: int) -> float:
    """Return the value after `index` steps, as people would write it: 0.3, not 0.30000000000000004."""
    return float(Decimal(repr(float(dimension.low))) + index * Decimal(repr(float(dimension.step or 1))))


def same(one: Any, other: Any) -> bool:
    """Tell whether two JSON values are the same: 1 and 1.0 are, 1 and true are not."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if _is_number(one) and _is_number(other):
        return bool(one == other)
    return type(one) is type(other) and msgspec.json.encode(one) == msgspec.json.encode(other)


def _near(dimension: FloatRange, value: float) -> list[float]:
    if not dimension.low <= value <= dimension.high:
        return []
    index = round((value - dimension.low) / (dimension.step or 1))
    return [step_at(dimension, index)] if index <= steps_of(dimension) else []


def _why_impossible(dimension: Dimension) -> str:
    if not isinstance(dimension, FloatRange | IntRange):
        return ""
    low, high, step = dimension.low, dimension.high, dimension.step
    if low > high:
        return f"low {low} is above high {high}"
    if dimension.log and low <= 0:
        return f"a log range needs low > 0, not {low}"
    if dimension.log and step not in (None, 1):
        return f"a log range has no steps: leave out log or step {step}"
    if isinstance(dimension, FloatRange) and step is not None:
        if (high - low) / step > _MOST_STEPS:
            return f"step {step} is too small: there are more than {_MOST_STEPS} between {low} and {high}"
        if low != high and steps_of(dimension) == 0:
            return f"step {step} does not fit between {low} and {high}"
    if isinstance(dimension, IntRange) and low != high and dimension.step > high - low:
        return f"step {step} does not fit between {low} and {high}"
    return ""


def _check_condition(space: Space, name: str, parent: str, values: tuple[Any, ...]) -> None:
    if parent == name:
        raise SpaceError(f"{name}: its condition names {name} itself")
    known = space.get(parent)
    if known is None:
        names = ", ".join(one for one in space if one != name) or "no other"
        raise SpaceError(f"{name}: its condition names {parent}, which is not in the space ({names})")
    for value in values:
        if not contains(known, value):
            shown = msgspec.json.encode(value).decode()[:100]
            raise SpaceError(f"{name}: its condition needs {parent}={shown}, which {parent} can never be")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_whole(value: Any) -> bool:
    return _is_number(value) and value == int(value)
