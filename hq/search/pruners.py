"""Optuna's pruners from a sweep's spec, and why they ended a trial, in words.

Imported only once a sweep has a pruner: Optuna is large.
"""

import warnings

from optuna import pruners
from optuna.exceptions import ExperimentalWarning

from schemas.early_stopping import (
    Hyperband,
    Median,
    Patient,
    Percentile,
    Pruner,
    SuccessiveHalving,
    Threshold,
    Wilcoxon,
)


def build_pruner(spec: Pruner) -> pruners.BasePruner:
    """Return Optuna's pruner with the options of a spec that HQ has checked.

    Raises:
        TypeError: If they do not fit each other after all.
        ValueError: Likewise.
    """
    with warnings.catch_warnings():
        # Optuna calls some of them experimental: that their interfaces may change is our affair.
        warnings.simplefilter("ignore", ExperimentalWarning)
        return _build(spec)


def _build(spec: Pruner) -> pruners.BasePruner:
    match spec:
        case Median():
            return pruners.MedianPruner(
                spec.startup_trials, spec.warmup_steps, spec.interval_steps, n_min_trials=spec.min_trials
            )
        case Percentile():
            return pruners.PercentilePruner(
                spec.percentile,
                spec.startup_trials,
                spec.warmup_steps,
                spec.interval_steps,
                n_min_trials=spec.min_trials,
            )
        case SuccessiveHalving():
            return pruners.SuccessiveHalvingPruner(
                "auto" if spec.min_resource is None else spec.min_resource,
                spec.reduction_factor,
                spec.min_early_stopping_rate,
                spec.bootstrap_count,
            )
        case Hyperband():
            return pruners.HyperbandPruner(
                spec.min_resource,
                "auto" if spec.max_resource is None else spec.max_resource,
                spec.reduction_factor,
                spec.bootstrap_count,
            )
        case Threshold():
            return pruners.ThresholdPruner(spec.lower, spec.upper, spec.warmup_steps, spec.interval_steps)
        case Wilcoxon():
            return pruners.WilcoxonPruner(p_threshold=spec.p_threshold, n_startup_steps=spec.startup_steps)
        case Patient():
            wrapped = None if spec.pruner is None else _build(spec.pruner)
            return pruners.PatientPruner(wrapped, spec.patience, spec.min_delta)


def describe_verdict(spec: Pruner, metric: str, step: int, value: float) -> str:
    """Return why a trial is ended, for whoever looks at it."""
    return f"at step {step} its {metric} was {value:g}: {_reason(spec)}"[:1000]


def _reason(spec: Pruner) -> str:
    match spec:
        case Median():
            return "its best so far is worse than the median of the others at that step"
        case Percentile(percentile=percentile):
            return f"its best so far is not among the best {percentile:g} % at that step"
        case SuccessiveHalving(reduction_factor=factor):
            return f"not among the best of {factor} that came so far (successive halving)"
        case Hyperband(reduction_factor=factor):
            return f"not among the best of {factor} that came so far (Hyperband)"
        case Threshold():
            bounds = [
                f"{word} {bound:g}"
                for word, bound in (("below", spec.lower), ("above", spec.upper))
                if bound is not None
            ]
            return f"outside of its bounds: it must not be {' or '.join(bounds)}, or no number"
        case Wilcoxon(p_threshold=threshold):
            return f"worse than the best trial step by step (Wilcoxon's test, p < {threshold:g})"
        case Patient(patience=patience, pruner=None):
            return f"no better for {patience} steps"
        case Patient(patience=patience, pruner=wrapped):
            return f"no better for {patience} steps, and {_reason(wrapped)}"  # type: ignore[arg-type]
