"""Why a sweep's pruner or rules cannot work as they are: said where it is submitted."""

import math
from collections.abc import Iterator

from schemas.early_stopping import Hyperband, Patient, Pruner, SuccessiveHalving, Threshold
from schemas.specs import SweepSpec


def why_not_early(spec: SweepSpec) -> str:
    """Return what is wrong with a sweep's pruner and rules, "" when nothing is."""
    if spec.pruner is not None:
        if not spec.metric:
            return "a pruner compares trials by the sweep's `metric`: name it"
        return next(_find_mistakes(spec.pruner), "")
    rules = spec.stop
    if not spec.metric and (rules.target is not None or rules.no_better_in is not None):
        return "stop: target and no_better_in look at the sweep's `metric`: name it"
    return ""


def _find_mistakes(pruner: Pruner) -> Iterator[str]:
    match pruner:
        case Threshold(lower=None, upper=None):
            yield "the threshold pruner needs lower, upper or both"
        case Threshold(lower=lower, upper=upper):
            given = [bound for bound in (lower, upper) if bound is not None]
            if not all(math.isfinite(bound) for bound in given):
                yield "the threshold pruner's bounds must be finite numbers"
            elif given != sorted(given):
                yield f"the threshold pruner's lower bound {lower:g} is above its upper bound {upper:g}"
        case SuccessiveHalving(min_resource=None, bootstrap_count=count) if count:
            yield "the halving pruner's bootstrap_count needs a min_resource"
        case Hyperband(max_resource=None, bootstrap_count=count) if count:
            yield "the hyperband pruner's bootstrap_count needs a max_resource"
        case Hyperband(min_resource=low, max_resource=high) if high is not None and low > high:
            yield f"the hyperband pruner's min_resource {low} is above its max_resource {high}"
        case Patient(pruner=wrapped) if wrapped is not None:
            yield from _find_mistakes(wrapped)
