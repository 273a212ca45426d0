"""What makes a sweep impossible to search: found where it is made, and again where it is submitted."""

import math
from typing import Any

from schemas.names import JsonObject
from schemas.objectives import objectives_of, why_no_objectives
from schemas.samplers import CONSTRAINED, LEARNING, MANY_OBJECTIVES, why_no_option
from schemas.spaces import active_params, check_space, contains, is_active
from schemas.specs import SweepSpec

#: Points to try and past trials together: the spec is told again and again.
MAX_SEARCH_BYTES = 64 * 1024
#: What a blob of past trials may be.
MAX_PAST_TRIALS = 10_000
MAX_PAST_BYTES = 16 * 1024 * 1024


class SearchError(ValueError):
    """A sweep whose sampler, objectives or points do not fit each other; the message says how."""


def check_search(spec: SweepSpec) -> None:
    """Make sure that a sweep can be searched.

    Raises:
        SpaceError: If nothing can be chosen in its space.
        SearchError: If its sampler cannot do what is asked.
    """
    check_space(spec.space)
    if why := why_no_objectives(spec) or why_no_option(spec.sampler, spec.options) or _why_unfit(spec):
        raise SearchError(why)
    for number, point in enumerate(spec.tries):
        if why := why_outside(spec, point):
            raise SearchError(f"point {number} to try: {why}")
    wanted = len(objectives_of(spec))
    for number, trial in enumerate(spec.past):
        if len(trial.values) != wanted:
            raise SearchError(f"past trial {number} has {len(trial.values)} values, not {wanted}")
        if not all(map(math.isfinite, trial.values)):
            raise SearchError(f"past trial {number} has a value that is not a number")


def why_outside(spec: SweepSpec, point: JsonObject) -> str:
    """Return why a point, perhaps of some parameters only, is not in the space, or ""."""
    for name, value in point.items():
        if name not in spec.space:
            return f"there is no parameter {name} in the space ({', '.join(spec.space)})"
        if not contains(spec.space[name], value):
            return f"{name} cannot be {_shown(value)}"
    return ""


def fits(spec: SweepSpec, params: JsonObject) -> bool:
    """Tell whether parameters of a whole trial are in the space: each that exists, and no value outside."""
    kept = active_params(spec.space, params)
    if any(not contains(spec.space[name], value) for name, value in kept.items()):
        return False
    return all(name in kept or not is_active(spec.space, name, kept) for name in spec.space)


def _why_unfit(spec: SweepSpec) -> str:
    count = len(objectives_of(spec))
    sampler = spec.sampler
    if sampler in LEARNING and not count:
        return (
            f"the sampler {sampler} learns from a metric: name one (metric or objectives), or take random, "
            "sobol, halton or grid"
        )
    if count > 1 and sampler in LEARNING and sampler not in MANY_OBJECTIVES:
        able = ", ".join(sorted(MANY_OBJECTIVES))
        return f"the sampler {sampler} searches for one objective, not {count}: take {able}"
    if spec.constraints and sampler in LEARNING and sampler not in CONSTRAINED:
        able = ", ".join(sorted(CONSTRAINED))
        return f"the sampler {sampler} knows no constraints: take {able}"
    if sampler == "pbt" and (spec.past or spec.past_blob is not None):
        return "a population goes on from its own trials only: leave out those of another time"
    if sampler == "pbt" and spec.job.asked:
        return "a population hands checkpoints on between jobs: a loop of its own takes another sampler"
    if spec.constraints and not count:
        return "constraints need an objective: name a metric"
    return ""


def _shown(value: Any) -> str:
    return repr(value)[:100]
