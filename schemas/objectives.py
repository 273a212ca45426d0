"""What a sweep searches for: objectives, constraints, and what a trial is worth by them."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Protocol

from msgspec import Meta, Struct

from schemas.names import ShortText
from schemas.strict import Spec

Direction = Literal["minimize", "maximize"]


class Objective(Spec, frozen=True):
    """One number of a result, and which end of it is best."""

    metric: Annotated[str, Meta(min_length=1, max_length=200)]
    direction: Direction = "maximize"


class Constraint(Spec, frozen=True):
    """A bound that a trial's result must keep to, or it is worth less than any that does."""

    metric: Annotated[str, Meta(min_length=1, max_length=200)]
    at_most: float | None = None
    at_least: float | None = None


class Searched(Protocol):
    """The part of a sweep's spec that says what is searched for."""

    @property
    def metric(self) -> str: ...
    @property
    def direction(self) -> Direction: ...
    @property
    def objectives(self) -> tuple[Objective, ...]: ...
    @property
    def constraints(self) -> tuple[Constraint, ...]: ...


class Worth(Struct, frozen=True, omit_defaults=True):
    """What a trial is worth: its value by each objective, or why it has none."""

    values: tuple[float, ...] = ()
    #: By how much each bound is overstepped; at most 0 where it is kept to.
    violations: tuple[float, ...] = ()
    why: ShortText = ""

    @property
    def is_feasible(self) -> bool:
        """Tell whether it keeps to every constraint."""
        return all(one <= 0 for one in self.violations)


def objectives_of(spec: Searched) -> tuple[Objective, ...]:
    """Return what is searched for, however it was written; nothing when no metric was named."""
    if spec.objectives:
        return spec.objectives
    return (Objective(spec.metric, spec.direction),) if spec.metric else ()


def why_no_objectives(spec: Searched) -> str:
    """Return what is wrong with what is searched for, or ""."""
    if spec.objectives and spec.metric:
        return "give objectives, or metric and direction, and not both"
    metrics = [one.metric for one in spec.objectives]
    if len(set(metrics)) < len(metrics):
        return f"an objective is named twice: {', '.join(metrics)}"
    for bound in spec.constraints:
        if bound.at_most is None and bound.at_least is None:
            return f"the constraint on {bound.metric} has no bound: give at_most or at_least"
        if bound.at_most is not None and bound.at_least is not None and bound.at_least > bound.at_most:
            return f"nothing is at least {bound.at_least} and at most {bound.at_most}: see {bound.metric}"
    return ""


def weigh(spec: Searched, result: Mapping[str, Any] | None, *, is_blob: bool = False) -> Worth:
    """Return what a trial that succeeded is worth by the result that its script printed.

    Args:
        spec: What is searched for.
        result: The JSON object; None when there is none here.
        is_blob: It was too large to be kept with the trial.
    """
    objectives = objectives_of(spec)
    if not objectives:
        return Worth()
    if result is None:
        if is_blob:
            return Worth(why="its result is too large to be searched in: print the metric in a small one")
        return Worth(why="it printed no JSON object as its result")
    values: list[float] = []
    for objective in objectives:
        value = _number(result, objective.metric)
        if isinstance(value, str):
            return Worth(why=value)
        values.append(value)
    violations: list[float] = []
    for bound in spec.constraints:
        value = _number(result, bound.metric)
        if isinstance(value, str):
            return Worth(why=value)
        if bound.at_most is not None:
            violations.append(value - bound.at_most)
        if bound.at_least is not None:
            violations.append(bound.at_least - value)
    return Worth(tuple(values), tuple(violations))


def dominates(spec: Searched, one: Worth, other: Worth) -> bool:
    """Tell whether `one` is at least as good by every objective and better by some; both have values."""
    if one.is_feasible != other.is_feasible:
        return one.is_feasible
    signs = [1 if objective.direction == "minimize" else -1 for objective in objectives_of(spec)]
    pairs = [(sign * a, sign * b) for sign, a, b in zip(signs, one.values, other.values, strict=True)]
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)


def pareto_front(spec: Searched, trials: Mapping[int, Worth]) -> list[int]:
    """Return the trials that none dominates, by number; with one objective, the best and its equals."""
    able = {number: worth for number, worth in trials.items() if worth.values and worth.is_feasible}
    front: list[int] = []
    for number, worth in sorted(able.items()):
        if not any(dominates(spec, other, worth) for other in able.values()):
            front.append(number)
    return front


def _number(result: Mapping[str, Any], metric: str) -> float | str:
    """Return the number of that name, or why there is none."""
    shown = metric[:80]
    if metric not in result:
        has = ", ".join(sorted(str(name) for name in result))[:60]
        return f"its result has no {shown}; it has {has}" if has else f"its result has no {shown}"
    value = result[metric]
    if value is None:
        # Agents make null of NaN and infinity, which JSON does not know.
        return f"its {shown} is not a number (NaN or null)"
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return f"its {shown} is not a number"
    return float(value)
