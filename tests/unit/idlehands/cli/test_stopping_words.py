"""What people write after --pruner and --stop."""

from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from idlehands.cli.app import app
from idlehands.cli.exits import Stop
from idlehands.cli.stopping_words import parse_pruner, parse_stop
from schemas.early_stopping import Hyperband, Median, Patient, Pruner, StopRules, SuccessiveHalving, Threshold


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("median", Median()),
        ("median:startup-trials=3,warmup_steps=2", Median(startup_trials=3, warmup_steps=2)),
        (
            "halving:min_resource=1,reduction_factor=3",
            SuccessiveHalving(min_resource=1, reduction_factor=3),
        ),
        ("hyperband:max_resource=81", Hyperband(max_resource=81)),
        ("threshold:upper=1e-3", Threshold(upper=0.001)),
        ("patient:patience=3,pruner=median", Patient(patience=3, pruner=Median())),
    ],
)
def test_a_pruner_is_its_name_and_options(text: str, expected: Any) -> None:
    assert msgspec.convert(parse_pruner(text), Pruner) == expected  # type: ignore[comparison-overlap]


@pytest.mark.parametrize(
    "text", ["", ":", "median:", "median:startup_trials", "median:startup_trials=x", "M"]
)
def test_what_is_no_pruner_is_refused_in_words(text: str) -> None:
    with pytest.raises(Stop, match="--pruner"):
        parse_pruner(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nonsense", "no pruner 'nonsense': take median"),
        ("patient:patience=1,pruner=x", "no pruner 'x'"),
        ("median:upper=1", "no option upper: it has startup_trials"),
        ("patient", "needs patience"),
    ],
)
def test_a_pruner_or_an_option_that_there_is_not_is_answered_with_those_there_are(
    text: str, why: str
) -> None:
    with pytest.raises(Stop, match=why):
        parse_pruner(text)


def test_a_patient_pruner_wraps_no_other_patient_one() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(parse_pruner("patient:patience=1,pruner=patient"), Pruner)


def test_rules_are_written_as_people_say_them() -> None:
    words = ["time=1h30m", "machine-hours=2.5", "kwh=1", "target=-0.5", "no-better=20"]

    rules = msgspec.convert(parse_stop(words, wind_down=True), StopRules)

    assert rules == StopRules(
        wall_seconds=5400, machine_hours=2.5, kwh=1, target=-0.5, no_better_in=20, live="wind_down"
    )
    assert msgspec.convert(parse_stop([], wind_down=False), StopRules) == StopRules()


@pytest.mark.parametrize("word", ["time", "time=soon", "kwh=much", "hours=3", "=3"])
def test_what_is_no_rule_is_refused_in_words(word: str) -> None:
    with pytest.raises(Stop, match="--stop"):
        parse_stop([word], wind_down=False)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("sweep",), "Give a SCRIPT with --space"),
        (("sweep", "train.py"), "Give at least one --space"),
        (("sweep", "extend", "s"), "Give at least one of --trials, --parallel and --stop"),
        (("sweep", "pause"), "Missing argument"),
    ],
)
def test_a_sweep_is_submitted_or_changed_by_one_word(words: tuple[str, ...], says: str) -> None:
    done = CliRunner().invoke(app, words)

    assert done.exit_code != 0
    assert says in done.output + str(done.exception)
