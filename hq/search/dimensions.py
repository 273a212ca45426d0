"""Dimensions of a space as Optuna's distributions, and values to and fro.

Choices go by their index, so that any JSON value can be one, and equal looking
ones (1, true, "1") stay apart. What has one value only is no dimension.
"""

from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from schemas.spaces import Choice, Dimension, Fixed, FloatRange, IntRange, Space, same, step_at, steps_of


def build_distributions(space: Space) -> dict[str, BaseDistribution]:
    """Return the distribution of every parameter that has more than one value."""
    found = ((name, _distribution(dimension)) for name, dimension in space.items())
    return {name: one for name, one in found if one is not None and not one.single()}


def _distribution(dimension: Dimension) -> BaseDistribution | None:
    match dimension:
        case Fixed():
            return None
        case Choice(values=values):
            return CategoricalDistribution(range(len(values)))
        case IntRange(low=low, high=high, step=step, log=log):
            return IntDistribution(low, high - (high - low) % step, log=log, step=step)
        case FloatRange(low=low, high=high, step=None, log=log):
            return FloatDistribution(low, high, log=log)
        case FloatRange(low=low, step=step):
            return FloatDistribution(low, step_at(dimension, steps_of(dimension)), step=step)


def to_value(dimension: Dimension, chosen: Any) -> Any:
    """Return what Optuna chose as the parameter's value, never outside its range."""
    match dimension:
        case Choice(values=values):
            return values[int(chosen)]
        case IntRange(low=low, high=high):
            return min(max(int(chosen), low), high)
        case FloatRange(low=low, high=high, step=None):
            return min(max(float(chosen), low), high)
        case FloatRange(low=low, step=step):
            index = round((float(chosen) - low) / (step or 1))
            return step_at(dimension, min(max(index, 0), steps_of(dimension)))
        case Fixed(value=value):
            return value


def to_internal(dimension: Dimension, value: Any) -> Any:
    """Return a parameter's value as Optuna knows it.

    Raises:
        ValueError: If it is none of the choices.
    """
    if isinstance(dimension, Choice):
        for index, one in enumerate(dimension.values):
            if same(one, value):
                return index
        raise ValueError(f"{value!r} is none of the choices")
    return value


def only_value(dimension: Dimension) -> Any:
    """Return the value of a parameter that has no other."""
    match dimension:
        case Fixed(value=value):
            return value
        case Choice(values=values):
            return values[0]
        case _:
            return dimension.low
