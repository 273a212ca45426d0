"""What a sweep has used, how good it is, and whether its trials report what they are judged by. Pure.

Counted from results alone, as they are folded: an attempt that left none counts
for nothing.
"""

import math
from typing import Any

from msgspec.structs import replace

from hq.core.state import Job, Sweep
from schemas.facts import AttemptResult, MetricPoint
from schemas.specs import SweepSpec
from schemas.states import JobStatus


def objective_of(spec: SweepSpec, result: AttemptResult | None) -> float | None:
    """Return a result's value of the sweep's metric; None when it has none that is a finite number."""
    content = result.result if result is not None else None
    return _number((content or {}).get(spec.metric)) if spec.metric else None


def values_of(metric: str, points: tuple[MetricPoint, ...]) -> dict[int, float]:
    """Return what was reported of a metric, by step, later ones in place of earlier; NaN where not finite.

    A script that names no steps is counted: its first value is step 1.
    """
    values: dict[int, float] = {}
    for point in points:
        if metric not in point.metrics:
            continue
        step = point.number if point.step is None else point.step
        if step is not None and 0 <= step < 2**31:
            value = point.metrics[metric]
            values[int(step)] = math.nan if value is None else value
    return values


def is_better(spec: SweepSpec, value: float, than: float) -> bool:
    """Tell whether one value of the metric is better than another."""
    return value < than if spec.direction == "minimize" else value > than


def count_result(sweep: Sweep, result: AttemptResult) -> Sweep:
    """Return the sweep with what one attempt used."""
    kwh = result.energy.kwh if result.energy is not None else 0.0
    return replace(
        sweep, machine_seconds=sweep.machine_seconds + result.duration_seconds, kwh=sweep.kwh + kwh
    )


def count_trial(sweep: Sweep, job: Job, result: AttemptResult | None) -> Sweep:
    """Return the sweep with one live trial less: where it ended, and whether it is the best."""
    changed = replace(sweep, live=sweep.live - 1)
    if job.status is JobStatus.SUCCEEDED:
        changed = replace(changed, succeeded=sweep.succeeded + 1)
        changed = _count_value(changed, job, objective_of(sweep.spec, result))
    elif job.status is JobStatus.PRUNED:
        since = sweep.since_best + (sweep.best is not None)
        changed = replace(changed, pruned=sweep.pruned + 1, since_best=since)
    elif job.status is JobStatus.CANCELLED and sweep.rule:
        changed = replace(changed, dropped=sweep.dropped + 1)
    else:
        changed = replace(changed, unsuccessful=sweep.unsuccessful + 1)
    if sweep.spec.pruner is None or result is None:
        return changed
    has_values = bool(values_of(sweep.spec.metric, result.series))
    return replace(
        changed, measured=changed.measured + has_values, unmeasured=changed.unmeasured + (not has_values)
    )


def _count_value(sweep: Sweep, job: Job, value: float | None) -> Sweep:
    if value is not None and (sweep.best is None or is_better(sweep.spec, value, sweep.best)):
        return replace(sweep, best=value, best_trial=job.spec.trial, since_best=0)
    changed = replace(sweep, since_best=sweep.since_best + (sweep.best is not None))
    # Of equals the one with the lower number, whichever ended first: clients and the page say the same.
    if value is not None and value == sweep.best and _number_of(job) < (sweep.best_trial or 0):
        return replace(changed, best_trial=job.spec.trial)
    return changed


def _number_of(job: Job) -> int:
    return job.spec.trial or 0


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None
