"""How a sweep ends trials and itself before their time: pruners of trials, rules that stop the whole.

Options are those of Optuna's pruners. What must fit together (a wrapped pruner,
two bounds) is checked where a sweep is submitted, in words.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

Steps = Annotated[int, Meta(ge=0, le=2**31)]
Resource = Annotated[int, Meta(ge=1, le=2**31)]
Trials = Annotated[int, Meta(ge=1, le=100_000)]
#: What becomes of the trials that run when a sweep stops; those that wait are cancelled.
Live = Literal["finish", "wind_down"]


class Option(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base: a misspelt option is an error, never ignored."""


class Median(Option, tag="median", frozen=True):
    """End a trial whose best value so far is worse than the median of the others' at the same step."""

    #: So many trials must have ended before any is pruned.
    startup_trials: Steps = 5
    #: No trial is pruned before this step.
    warmup_steps: Steps = 0
    interval_steps: Resource = 1
    #: So many others must have reported that step.
    min_trials: Trials = 1


class Percentile(Option, tag="percentile", frozen=True):
    """As the median, but keep this percentage of the best."""

    percentile: Annotated[float, Meta(ge=0, le=100)] = 25.0
    startup_trials: Steps = 5
    warmup_steps: Steps = 0
    interval_steps: Resource = 1
    min_trials: Trials = 1


class SuccessiveHalving(Option, tag="halving", frozen=True):
    """Asynchronous successive halving: at growing steps only the best of those that came there go on."""

    #: The step of the first rung; None: a hundredth of the first trial's steps.
    min_resource: Resource | None = None
    #: One of so many goes on at each rung.
    reduction_factor: Annotated[int, Meta(ge=2, le=1000)] = 4
    min_early_stopping_rate: Annotated[int, Meta(ge=0, le=100)] = 0
    #: So many must come to a rung before one goes on.
    bootstrap_count: Steps = 0


class Hyperband(Option, tag="hyperband", frozen=True):
    """Several successive halvings side by side, from those that prune early to those that prune late."""

    min_resource: Resource = 1
    #: The steps of a whole trial; None: those of the first that ends.
    max_resource: Resource | None = None
    reduction_factor: Annotated[int, Meta(ge=2, le=1000)] = 3
    bootstrap_count: Steps = 0


class Threshold(Option, tag="threshold", frozen=True):
    """End a trial whose value leaves these bounds, or is no number."""

    lower: float | None = None
    upper: float | None = None
    warmup_steps: Steps = 0
    interval_steps: Resource = 1


class Wilcoxon(Option, tag="wilcoxon", frozen=True):
    """End a trial that a signed-rank test finds worse than the best one, step by step (folds, instances)."""

    p_threshold: Annotated[float, Meta(ge=0, le=1)] = 0.1
    startup_steps: Steps = 2


class Patient(Option, tag="patient", frozen=True):
    """Ask the wrapped pruner only once a trial has not got better for some steps; without one, end it."""

    patience: Steps
    min_delta: Annotated[float, Meta(ge=0)] = 0.0
    pruner: Median | Percentile | SuccessiveHalving | Hyperband | Threshold | Wilcoxon | None = None


Pruner = Median | Percentile | SuccessiveHalving | Hyperband | Threshold | Wilcoxon | Patient


class StopRules(Option, frozen=True):
    """When a sweep proposes no more trials: as soon as one of these holds."""

    #: Since it was submitted.
    wall_seconds: Annotated[float, Meta(gt=0, le=31_536_000)] | None = None
    #: Of all its trials together.
    machine_hours: Annotated[float, Meta(gt=0, le=1e9)] | None = None
    kwh: Annotated[float, Meta(gt=0, le=1e9)] | None = None
    #: The metric is as good as this.
    target: float | None = None
    #: So many trials in a row ended and none was better than the best before.
    no_better_in: Trials | None = None
    live: Live = "finish"
