"""What a trial is worth, and sweeps whose parts do not fit each other."""

from typing import Any

import msgspec
import pytest

from schemas.objectives import Constraint, Objective, Worth, pareto_front, weigh
from schemas.samplers import SamplerOptions
from schemas.searches import SearchError, check_search, fits
from schemas.specs import Choice, FloatRange, JobSpec, PastTrial, ScriptRef, SweepSpec

JOB = JobSpec(ScriptRef("0" * 64, "train.py"))
TWO = (Objective("loss", "minimize"), Objective("accuracy"))
SPACE = {"opt": Choice(("adam", "sgd")), "momentum": FloatRange(0, 1, when={"opt": ("sgd",)})}


def spec(**more: Any) -> SweepSpec:
    return SweepSpec(JOB, SPACE, **more)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"sampler": "tpe"}, "tpe learns from a metric"),
        ({"metric": "loss", "objectives": TWO}, "not both"),
        ({"objectives": (TWO[0], TWO[0])}, "twice"),
        ({"sampler": "cmaes", "objectives": TWO}, "one objective, not 2"),
        ({"sampler": "cmaes", "metric": "a", "constraints": (Constraint("b", 1),)}, "knows no constraints"),
        ({"constraints": (Constraint("b", 1),)}, "need an objective"),
        ({"metric": "a", "constraints": (Constraint("b"),)}, "no bound"),
        ({"metric": "a", "constraints": (Constraint("b", 1, 2),)}, "at least 2"),
        (
            {"options": SamplerOptions(scramble=True)},
            "scramble is no option of the sampler random: it has none",
        ),
        ({"sampler": "tpe", "metric": "a", "options": SamplerOptions(scramble=True)}, "it has n_startup"),
        ({"tries": ({"lr": 1},)}, "point 0 to try: there is no parameter lr"),
        ({"tries": ({}, {"opt": "rms"})}, "point 1 to try: opt cannot be 'rms'"),
        ({"metric": "a", "past": (PastTrial({}, (1, 2)),)}, "has 2 values, not 1"),
    ],
)
def test_a_sweep_whose_parts_do_not_fit_is_refused_in_words(more: dict[str, Any], words: str) -> None:
    with pytest.raises(SearchError, match=words):
        check_search(spec(**more))


def test_an_option_that_no_sampler_has_is_named() -> None:
    with pytest.raises(msgspec.ValidationError, match="n_startup"):
        msgspec.convert({"n_startup": 5}, SamplerOptions)


@pytest.mark.parametrize(
    ("result", "is_blob", "values", "why"),
    [
        ({"loss": 1, "accuracy": 0.5, "mb": 3}, False, (1.0, 0.5), ""),
        ({"loss": None, "accuracy": 0.5}, False, (), "its loss is not a number (NaN or null)"),
        ({"loss": "low", "accuracy": 0.5}, False, (), "its loss is not a number"),
        ({"loss": True, "accuracy": 0.5}, False, (), "its loss is not a number"),
        ({"accuracy": 0.5}, False, (), "its result has no loss; it has accuracy"),
        ({}, False, (), "its result has no loss"),
        ({"loss": 1, "accuracy": 0.5}, False, (), "its result has no mb; it has accuracy, loss"),
        (None, False, (), "it printed no JSON object as its result"),
        (None, True, (), "its result is too large to be searched in"),
    ],
)
def test_a_trial_is_worth_its_numbers_or_says_why_it_has_none(
    result: Any, is_blob: bool, values: Any, why: str
) -> None:
    worth = weigh(spec(objectives=TWO, constraints=(Constraint("mb", at_most=2),)), result, is_blob=is_blob)

    assert worth.values == values
    assert worth.why.startswith(why)
    assert bool(worth.why) == bool(why)
    if values:
        assert worth.violations == (1.0,)
        assert not worth.is_feasible


def test_the_front_has_what_nothing_beats_in_everything() -> None:
    two = spec(objectives=TWO)
    trials = {
        0: Worth((1.0, 0.5)),
        1: Worth((2.0, 0.9)),
        2: Worth((2.0, 0.8)),
        3: Worth((0.5, 0.99), violations=(1.0,)),
        4: Worth(why="it failed"),
        5: Worth((1.0, 0.5)),
    }

    assert pareto_front(two, trials) == [0, 1, 5]
    assert pareto_front(spec(metric="loss", direction="minimize"), {0: Worth((2.0,)), 3: Worth((1.0,))}) == [
        3
    ]


def test_a_whole_trial_has_every_parameter_that_exists() -> None:
    assert fits(spec(), {"opt": "adam"})
    assert fits(spec(), {"opt": "adam", "momentum": 7})
    assert fits(spec(), {"opt": "sgd", "momentum": 0.5})
    assert not fits(spec(), {"opt": "sgd"})
    assert not fits(spec(), {"opt": "sgd", "momentum": 7})
    assert not fits(spec(), {})
