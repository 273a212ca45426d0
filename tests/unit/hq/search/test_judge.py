"""Judging trials with Optuna's pruners: who falls behind, at which step, and what a restart changes."""

import math
from typing import Any

import pytest

from hq.core.decide.early import why_not_early
from hq.search.judge import Judge
from schemas.early_stopping import (
    Hyperband,
    Median,
    Patient,
    Percentile,
    Pruner,
    StopRules,
    SuccessiveHalving,
    Threshold,
    Wilcoxon,
)
from schemas.specs import FloatRange, JobSpec, ScriptRef, SweepSpec
from schemas.states import JobStatus


def spec(pruner: Pruner | None, **more: Any) -> SweepSpec:
    job = JobSpec(ScriptRef("0" * 64, "train.py"))
    return SweepSpec(job, {"x": FloatRange(0, 1)}, metric=more.pop("metric", "acc"), pruner=pruner, **more)


def line(worth: float, steps: int = 9, first: int = 1) -> dict[int, float]:
    """Return values that grow to `worth`."""
    return {step: worth * step / steps for step in range(first, steps + 1)}


def judge_of(pruner: Pruner, *ended: float, **more: Any) -> Judge:
    """Return a judge who has seen trials succeed with these values."""
    judge = Judge("saaaaaaaaaaaa", spec(pruner, **more))
    for trial, worth in enumerate(ended):
        judge.end(trial, JobStatus.SUCCEEDED, worth, line(worth))
    return judge


@pytest.mark.parametrize(
    ("pruner", "worth", "step"),
    [
        (Median(startup_trials=3), 0.1, 1),
        (Median(startup_trials=3), 0.9, None),
        (Median(startup_trials=4), 0.1, None),
        (Median(startup_trials=3, warmup_steps=5), 0.1, 5),
        (Percentile(percentile=50, startup_trials=1), 0.1, 1),
        (SuccessiveHalving(min_resource=4, reduction_factor=2), 0.1, 4),
        (SuccessiveHalving(min_resource=4, reduction_factor=2), 0.99, None),
        (SuccessiveHalving(), 0.1, 1),
        (Hyperband(min_resource=1, max_resource=1, reduction_factor=2), 0.1, 1),
        (Threshold(upper=0.5), 0.9, 6),
        (Threshold(lower=0.0), 0.9, None),
        (Patient(patience=2), 0.9, None),
        (Patient(patience=0, pruner=Median(startup_trials=1)), 0.1, None),
        (Wilcoxon(), 0.1, 4),
    ],
    ids=repr,
)
def test_a_trial_is_lost_at_the_step_that_its_pruner_says(
    pruner: Pruner, worth: float, step: int | None
) -> None:
    judge = judge_of(pruner, 0.5, 0.6, 0.7)

    verdict = judge.report(3, line(worth))

    assert (verdict[0] if verdict else None) == step


def test_a_verdict_says_in_words_what_was_compared() -> None:
    judge = judge_of(Median(startup_trials=1), 0.9)

    verdict = judge.report(1, {3: 0.125})

    assert verdict is not None
    assert verdict[1].startswith("at step 3 its acc was 0.125: its best so far is worse than the median")


def test_smaller_is_better_where_it_is_minimized() -> None:
    judge = judge_of(Median(startup_trials=1), 0.5, direction="minimize")

    assert judge.report(1, {3: 0.01}) is None
    assert judge.report(2, {3: 0.9}) is not None


def test_a_value_that_is_no_number_loses_where_a_pruner_looks_at_values() -> None:
    judge = judge_of(Threshold(upper=9))

    assert judge.report(0, {1: math.nan}) is not None


def test_a_patient_pruner_asks_the_wrapped_one_once_it_gets_no_better() -> None:
    judge = judge_of(Patient(patience=1, pruner=Median(startup_trials=1)), 0.9)

    assert judge.report(1, {1: 0.05, 2: 0.2}) is None
    verdict = judge.report(1, {3: 0.1, 4: 0.1})

    assert verdict is not None
    assert "no better for 1 steps, and its best so far is worse" in verdict[1]


def test_values_come_in_any_batches_and_the_verdict_is_the_same() -> None:
    at_once = judge_of(SuccessiveHalving(min_resource=2, reduction_factor=2), 0.5, 0.6)
    one_by_one = judge_of(SuccessiveHalving(min_resource=2, reduction_factor=2), 0.5, 0.6)

    verdicts = [one_by_one.report(2, {step: value}) for step, value in line(0.1).items()]

    assert at_once.report(2, line(0.1)) == next(filter(None, verdicts))


def test_a_trial_that_is_run_again_is_judged_from_where_it_had_been() -> None:
    judge = judge_of(SuccessiveHalving(min_resource=4, reduction_factor=2), 0.5)
    assert judge.report(1, line(0.1, 9, 1)) is not None

    assert judge.report(1, {1: 0.0, 2: 0.0}) is None


def test_a_judge_who_begins_anew_with_what_is_stored_judges_alike() -> None:
    pruner = SuccessiveHalving(min_resource=2, reduction_factor=3)
    seen = Judge("saaaaaaaaaaaa", spec(pruner))
    worths = [0.5, 0.2, 0.7, 0.3]
    for trial, worth in enumerate(worths):
        pruned = seen.report(trial, line(worth)) is not None
        seen.end(trial, JobStatus.PRUNED if pruned else JobStatus.SUCCEEDED, worth, line(worth))
    anew = Judge("saaaaaaaaaaaa", spec(pruner))
    for trial, worth in reversed(list(enumerate(worths))):
        status = JobStatus.SUCCEEDED if worth in (0.5, 0.7) else JobStatus.PRUNED
        anew.end(trial, status, worth, line(worth))

    for number, worth in enumerate((0.1, 0.6, 0.9), start=4):
        assert seen.report(number, line(worth)) == anew.report(number, line(worth))


def test_one_that_failed_is_compared_with_nobody() -> None:
    judge = Judge("saaaaaaaaaaaa", spec(Median(startup_trials=1)))
    judge.end(0, JobStatus.FAILED, None, line(0.9))
    judge.end(1, JobStatus.SUCCEEDED, None, {})

    assert judge.report(2, {1: 0.0}) is None


@pytest.mark.parametrize(
    ("pruner", "says"),
    [
        (Threshold(), "lower, upper or both"),
        (Threshold(lower=2, upper=1), "lower bound 2 is above its upper bound 1"),
        (SuccessiveHalving(bootstrap_count=2), "needs a min_resource"),
        (Hyperband(bootstrap_count=2), "needs a max_resource"),
        (Hyperband(min_resource=5, max_resource=3), "min_resource 5 is above its max_resource 3"),
        (Patient(patience=1, pruner=Threshold()), "lower, upper or both"),
    ],
)
def test_options_that_do_not_fit_each_other_are_said_in_words(pruner: Pruner, says: str) -> None:
    assert says in why_not_early(spec(pruner))


def test_what_looks_at_a_metric_wants_its_name() -> None:
    assert "name it" in why_not_early(spec(Median(), metric=""))
    assert "name it" in why_not_early(spec(None, metric="", stop=StopRules(target=1.0)))
    assert why_not_early(spec(None, metric="", stop=StopRules(kwh=1.0))) == ""
    assert why_not_early(spec(Median(), stop=StopRules(target=1.0))) == ""
