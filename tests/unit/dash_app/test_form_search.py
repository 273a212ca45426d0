"""Objectives, constraints, pruners and rules of a form become a search; services; and how long it takes."""

from typing import Any

import pytest

from dash_app import component_ids as ids
from dash_app.command_line import command_line
from dash_app.expecting import expected_seconds, expected_words, slots_of
from dash_app.form_state import Ends, FormError, Given
from dash_app.forms import build_service, build_spec, build_sweep, read_parts
from hq.rest.durations import Taken
from schemas.arguments.vocabulary import Argument, Script
from schemas.early_stopping import Patient, StopRules, SuccessiveHalving
from schemas.objectives import Constraint, Objective
from schemas.specs import ScriptRef, SweepSpec

REFERENCE = ScriptRef("0" * 64, "train.py", "train")
SCRIPT = Script(
    framework="argparse",
    arguments=(
        Argument("table", "", required=True),
        Argument("rate", "--rate", "float", 0.1),
        Argument("steps", "--steps", "int"),
    ),
)
RANGES = {"rate": Ends("0.1", "1")}


def sweep_of(**said: Any) -> tuple[SweepSpec, str]:
    given = Given({"table": "a.csv"}, RANGES, **said)
    parts = read_parts(SCRIPT, "", given)
    return build_sweep(build_spec(REFERENCE, parts, given), parts, given), command_line(
        "train.py", "", parts, given
    )


def test_several_metrics_are_objectives_with_their_directions() -> None:
    sweep, command = sweep_of(
        metric="loss", direction="minimize", metric_3=" accuracy ", constraints="mb<=100"
    )

    assert sweep.objectives == (Objective("loss", "minimize"), Objective("accuracy", "maximize"))
    assert (sweep.metric, sweep.sampler) == ("", "tpe")
    assert sweep.constraints == (Constraint("mb", at_most=100.0),)
    assert "--objective loss:min --objective accuracy:max --constraint 'mb<=100'" in command


def test_trials_and_the_sweep_end_early_as_the_form_says() -> None:
    sweep, command = sweep_of(
        metric="loss",
        pruner="halving",
        pruner_options="min_resource=2, reduction-factor = 3",
        stop="time=2h, target=0.5,no-better=20",
        seed="7",
    )

    assert sweep.pruner == SuccessiveHalving(min_resource=2, reduction_factor=3)
    assert sweep.stop == StopRules(wall_seconds=7200.0, target=0.5, no_better_in=20)
    assert sweep.seed == 7
    assert command.endswith(
        "--pruner halving:min_resource=2,reduction_factor=3 --stop time=2h --stop target=0.5 "
        "--stop no-better=20 --seed 7 -- a.csv"
    )
    patient, _ = sweep_of(metric="loss", pruner="patient", pruner_options="patience=3, pruner=median")
    assert isinstance(patient.pruner, Patient)


@pytest.mark.parametrize(
    ("said", "words", "at"),
    [
        ({"constraints": "mb < 5"}, "mb < 5' is not METRIC <= BOUND", ids.FORM_CONSTRAINTS),
        ({"constraints": "mb <= low"}, "not METRIC <= BOUND", ids.FORM_CONSTRAINTS),
        ({"constraints": "mb <= 5"}, "onstraints need an objective", ids.FORM_CONSTRAINTS),
        ({"metric": "loss", "metric_2": "loss"}, "named twice", ids.FORM_METRIC),
        ({"metric": "a", "metric_2": "b", "sampler": "cmaes"}, "one objective, not 2", ids.FORM_SAMPLER),
        ({"pruner": "median", "pruner_options": "fast"}, "not name=value", ids.FORM_PRUNER_OPTIONS),
        ({"pruner": "median", "pruner_options": "min_resource=1"}, "unknown field", ids.FORM_PRUNER_OPTIONS),
        ({"pruner": "median", "pruner_options": "min_trials=x"}, "not a number", ids.FORM_PRUNER_OPTIONS),
        ({"stop": "soon=1"}, "'soon' is none of time,", ids.FORM_STOP),
        ({"stop": "time=ever"}, "no length of time", ids.FORM_STOP),
        ({"seed": "x"}, "Seed: 'x' is not a whole number", ids.FORM_SEED),
        ({"trials": "many"}, "Trials: 'many'", ids.FORM_TRIALS),
    ],
)
def test_what_is_wrong_with_a_search_is_said_beside_its_field(
    said: dict[str, Any], words: str, at: str
) -> None:
    with pytest.raises(FormError) as caught:
        sweep_of(**said)

    assert words in str(caught.value)
    assert caught.value.at == at


def test_every_field_that_is_wrong_is_named_and_what_is_missing_is_known_as_that() -> None:
    with pytest.raises(FormError) as caught:
        read_parts(SCRIPT, "", Given({"steps": "x"}, {"rate": Ends("0.1", "")}))

    found = [(one.at, one.is_missing) for one in caught.value.all()]
    assert found == [
        ({"field": "table", "kind": "text"}, True),
        ({"end": "high", "of": "rate"}, False),
        ({"field": "steps", "kind": "int"}, False),
    ]


def test_a_form_becomes_a_service_that_is_given_its_parameters_with_each_call() -> None:
    given = Given({}, becomes="service", service="fit", min_warm=2, memory_mb=100, artifacts="*.png")
    parts = read_parts(Script(), "", Given())

    service = build_service(build_spec(REFERENCE, parts, given), given)

    assert (service.name, service.min_warm, service.function) == ("fit", 2, None)
    assert (service.job.needs.memory_mb, service.job.artifacts, service.job.params) == (100, (), {})
    assert (
        command_line("fit.py", "", parts, given)
        == "idlehands serve fit.py --name fit --memory-mb 100 --min-warm 2"
    )
    for broken, at in (({}, ids.FORM_SERVICE), ({"service": "a", "function": "a b"}, ids.FORM_FUNCTION)):
        with pytest.raises(FormError) as caught:
            build_service(build_spec(REFERENCE, parts, given), Given(becomes="service", **broken))
        assert caught.value.at == at


def test_files_to_keep_are_globs_with_commas_between() -> None:
    given = Given({"table": "a"}, artifacts="out/*.png, *.csv")
    parts = read_parts(SCRIPT, "", given)

    assert build_spec(REFERENCE, parts, given).artifacts == ("out/*.png", "*.csv")
    assert "--artifact 'out/*.png' --artifact '*.csv'" in command_line("train.py", "", parts, given)


AGENTS = [
    {"name": "attic", "slots": 2, "facts": {"gpus": 1}},
    {"name": "cellar", "slots": 4, "facts": {}},
    {"name": "new", "slots": 0},
]


def test_the_expected_time_is_that_of_the_runs_before_on_the_slots_that_fit() -> None:
    taken = Taken(5, 10.0, {"attic": 5.0, "cellar": 20.0})
    everywhere = slots_of(AGENTS, None, 0)

    assert everywhere == {"attic": 2, "cellar": 4}
    assert slots_of(AGENTS, "cellar", 0) == {"cellar": 4}
    assert slots_of(AGENTS, None, 1) == {"attic": 2}
    assert expected_seconds(taken, {"attic": 2}, 20, 16) == pytest.approx(50.0)
    assert expected_seconds(taken, {"attic": 2}, 20, 1) == pytest.approx(100.0)
    assert expected_seconds(taken, everywhere, 1, 1) == pytest.approx(5.0)
    assert expected_seconds(Taken(), everywhere, 1, 1) is None
    assert (
        expected_words(taken, {"attic": 2}, 20, 16, 0)
        == "About 50 s on 2 slots: 10 s a run, from 5 runs before."
    )
    assert expected_words(taken, {"attic": 2}, 1, 1, 3) == "About 5.0 s on attic; 3 jobs wait before it."
    assert "not known" in expected_words(Taken(), everywhere, 1, 1, 0)
