"""Filled-in forms become jobs and sweeps, or words about what is wrong."""

from typing import Any

import pytest
from dash import Input

from dash_app.command_line import command_line
from dash_app.form_state import Ends, FormError, Given, form_parts, read_form
from dash_app.forms import build_spec, build_sweep, read_parts
from dash_app.presenters.form import fields, form
from dash_app.script_folders import Found
from schemas.arguments.reading import read_script
from schemas.arguments.vocabulary import Argument, Script
from schemas.specs import Choice, FloatRange, IntRange, ScriptRef

REFERENCE = ScriptRef("0" * 64, "train.py", "train")
SCRIPT = Script(
    framework="argparse",
    arguments=(
        Argument("table", "", required=True),
        Argument("rate", "--rate", "float", 0.1),
        Argument("steps", "--steps", "int", low=1),
        Argument("mode", "--mode", choices=("a", "b")),
        Argument("quiet", "--quiet", "bool"),
        Argument("cache", "--cache", "bool", True, off="--no-cache"),
        Argument("columns", "--columns", "int", many=True),
        Argument("layer", "--layer", "int", many=True, repeated=True),
        Argument("--batch_size", "--batch_size", "int"),
    ),
)
COMMANDS = Script(
    framework="argparse",
    commands=("train", "test"),
    arguments=(
        Argument("seed", "--seed", "int"),
        Argument("epochs", "--epochs", "int", command="train"),
        Argument("model", "", required=True, command="test"),
    ),
)


def given(more: str = "", ranges: dict[str, Ends] | None = None, **values: Any) -> Given:
    return Given({"table": "a.csv", **values}, ranges or {}, more)


def spec_of(more: str = "", **values: Any) -> Any:
    filled = given(more, **values)
    return build_spec(REFERENCE, read_parts(SCRIPT, "", filled), filled)


def test_what_is_filled_in_is_passed_and_what_is_not_is_left_to_the_script() -> None:
    spec = spec_of(rate="1e-3", steps=" 5 ", mode="b", quiet=True, columns="1 2", **{"--batch_size": "8"})

    assert spec.params == {
        "rate": 0.001,
        "steps": 5,
        "mode": "b",
        "quiet": True,
        "columns": [1, 2],
        "--batch_size": 8,
    }
    assert spec.argv == ("a.csv",)
    assert spec_of(steps="", mode=None, quiet=False, cache=True).params == {}


def test_a_switch_that_is_on_is_switched_off_by_its_other_flag() -> None:
    assert spec_of(cache=False).params == {"no_cache": True}


def test_what_is_given_again_for_each_value_becomes_words() -> None:
    assert spec_of(layer="1 2").argv == ("a.csv", "--layer", "1", "--layer", "2")


def test_lines_are_parameters_too() -> None:
    assert spec_of("rate=1\n\n columns = [1, 2]\nmode=b").params == {
        "rate": 1,
        "columns": [1, 2],
        "mode": "b",
    }


def test_what_belongs_to_all_of_a_script_comes_before_its_command() -> None:
    filled = Given({"seed": "1", "train epochs": "3", "test model": "m.pt"}, command="train")
    other = Given({"seed": "", "train epochs": "3", "test model": "m.pt"}, command="test")

    parts = read_parts(COMMANDS, "", filled)

    assert (parts.argv, parts.params) == (("--seed", "1", "train"), {"epochs": 3})
    assert read_parts(COMMANDS, "", other).argv == ("test", "m.pt")
    varied = read_parts(
        COMMANDS, "", Given({}, {"seed": Ends("1", "2"), "train epochs": Ends("1", "2")}, "", "train")
    )
    assert list(varied.space) == ["epochs"]
    shown = str(fields(COMMANDS))
    assert "'vary': 'train epochs'" in shown
    assert "'vary': 'seed'" not in shown
    with pytest.raises(FormError, match="train, test"):
        read_parts(COMMANDS, "", Given())


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"table": ""}, "table is missing"),
        ({"steps": "many"}, "steps: 'many' is not a whole number"),
        ({"steps": "0"}, "steps is at least 1, not 0"),
        ({"rate": "fast"}, "rate: 'fast' is not a number"),
        ({"rate": "inf"}, "rate: 'inf' is not a number"),
        ({"mode": "c"}, "mode is one of a, b, not 'c'"),
        ({"more": "nonsense"}, "not name=value"),
        ({"more": "=1"}, "not name=value"),
        ({"more": "stepps=1"}, "Did you mean steps"),
        ({"more": "mode=" + "[" * 99 + "]" * 99}, "mode is one of"),
        ({"more": "rate=1" + "0" * 40}, "cannot be used"),
    ],
)
def test_what_does_not_fit_is_said_in_words(values: dict[str, Any], words: str) -> None:
    with pytest.raises(FormError, match=words.replace("[", r"\[")):
        spec_of(**values)


@pytest.mark.parametrize(
    ("retries", "words"), [("-1", "less than"), ("101", "submitted"), ("often", "whole")]
)
def test_needs_are_checked_too(retries: str, words: str) -> None:
    filled = Given({"table": "x"}, retries=retries)

    with pytest.raises(FormError, match=words):
        build_spec(REFERENCE, read_parts(SCRIPT, "", filled), filled)


def test_what_is_varied_is_the_space_of_a_sweep() -> None:
    ranges = {
        "rate": Ends("1e-4", "0.1", log=True),
        "steps": Ends("2", 8),
        "mode": Ends(among=["a", "b"]),
        "quiet": Ends(),
        "cache": Ends(),
    }
    filled = Given(
        {"table": "a.csv", "rate": "nonsense"}, ranges, metric=" loss ", direction="minimize", trials="9"
    )

    parts = read_parts(SCRIPT, "", filled)
    sweep = build_sweep(build_spec(REFERENCE, parts, filled), parts, filled)

    assert sweep.space == {
        "rate": FloatRange(1e-4, 0.1, True),
        "steps": IntRange(2, 8),
        "mode": Choice(("a", "b")),
        "quiet": Choice((True, False)),
        "no_cache": Choice((True, False)),
    }
    assert (sweep.metric, sweep.direction, sweep.trials, sweep.job.argv) == (
        "loss",
        "minimize",
        9,
        ("a.csv",),
    )
    assert sweep.sampler == "tpe"


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        ({"rate": Ends("", "1")}, "rate: say from where"),
        ({"rate": Ends("1", "0")}, "low 1.0 is above high 0.0"),
        ({"rate": Ends("0", "1", log=True)}, "log range"),
        ({"steps": Ends("0", "5")}, "steps is at least 1"),
        ({"steps": Ends("1.5", "5")}, "not a whole number"),
        ({"mode": Ends(among=[])}, "give the values to try"),
        ({"mode": Ends(among="a, c")}, "mode is one of a, b, not 'c'"),
    ],
)
def test_a_range_that_cannot_be_searched_is_said(ends: dict[str, Ends], words: str) -> None:
    filled = given(ranges=ends)

    def build() -> None:
        parts = read_parts(SCRIPT, "", filled)
        build_sweep(build_spec(REFERENCE, parts, filled), parts, filled)

    with pytest.raises(FormError, match=words):
        build()


def test_the_preview_is_the_command_that_does_the_same() -> None:
    one = Given(
        {"table": "my table.csv", "rate": "0.5", "quiet": True},
        name="try",
        environment="python3.12",
        memory_mb=512,
    )
    many = Given(
        {"table": "a.csv", "steps": "3"},
        {"rate": Ends("1e-5", "1", log=True), "quiet": Ends()},
        metric="loss",
    )

    run = command_line("train.py", "", read_parts(SCRIPT, "", one), one)
    sweep = command_line("train.py", "", read_parts(SCRIPT, "", many), many)

    assert run == (
        "idlehands run --env python3.12 --memory-mb 512 --name try train.py 'my table.csv' --rate 0.5 --quiet"
    )
    assert sweep == (
        "idlehands sweep train.py --space rate=log:1e-05..1.0 --space quiet=true,false --param steps=3 "
        "--trials 20 --metric loss -- a.csv"
    )


def test_fields_ticks_and_ranges_from_the_browser_find_each_other() -> None:
    sent: dict[str, Any] = {
        name: [] for name in form_parts(Input) if isinstance(form_parts(Input)[name].component_id, dict)
    }
    sent |= {
        "fields": [
            {"field": "a", "kind": "int"},
            {"field": "b", "kind": "bool"},
            {"field": "c", "kind": "bool"},
        ],
        "values": ["1", None, None],
        "ticks": [False, True],
        "varied": [{"vary": "a"}, {"vary": "b"}],
        "varied_ticks": [True, False],
        "ends": [{"end": "low", "of": "a"}, {"end": "high", "of": "a"}],
        "end_values": ["1", "5"],
        "logs": [{"log": "a"}],
        "log_ticks": [True],
        "name": None,
        "memory_mb": "",
        "environment": "agent",
    }

    found = read_form(sent)

    assert found.values == {"a": "1", "b": False, "c": True}
    assert found.ranges == {"a": Ends("1", "5", log=True)}
    assert (found.name, found.memory_mb, found.environment, found.trials) == ("", "", "agent", 20)


@pytest.mark.parametrize(
    "broken", [{}, {"fields": 1}, {"fields": [{"field": 1, "kind": 2}], "values": [1], "ticks": []}]
)
def test_a_form_that_is_not_the_pages_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(FormError, match="Reload the page"):
        read_form(broken)


def test_every_argument_has_a_field_and_what_varies_a_range(tmp_path: Any) -> None:
    source = (
        "import click as c\n@c.command()\n@c.argument('x')\n@c.option('--lr', default=0.1)\ndef f(): pass"
    )
    found = Found("f.py", tmp_path / "f.py", read_script(source), source)

    shown = str(form(found, ["attic"], ["python3.12"], "key"))

    assert "'field': 'x'" in shown
    assert "'vary': 'x'" not in shown
    assert "'vary': 'lr'" in shown
    assert "value='0.01'" in shown
    assert "python3.12" in shown
