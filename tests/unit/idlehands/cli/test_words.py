"""Words of the command line become specs, or one clear sentence."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from idlehands.cli import words
from idlehands.cli.exits import Stop
from idlehands.cli.search_words import (
    check_sampler,
    parse_constraint,
    parse_objective,
    parse_options,
    parse_point,
)
from idlehands.cli.warm_start import read_past
from schemas.objectives import Constraint, Objective
from schemas.specs import Choice, Fixed, FloatRange, IntRange, JobSpec, PastTrial, ScriptRef, SweepSpec


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.1", 0.1),
        ("3", 3),
        ("true", True),
        ("null", None),
        ("[1, 2]", [1, 2]),
        ('{"a": 1}', {"a": 1}),
        ("adam", "adam"),
        ('"3"', "3"),
        ("", ""),
        ("a=b", "a=b"),
        ("NaN", "NaN"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("True", "True"),
        ("[" * 100, "[" * 100),
    ],
)
def test_a_value_is_json_or_else_text(text: str, value: Any) -> None:
    assert words.parse_params([f"x={text}"]) == {"x": value}


@pytest.mark.parametrize("word", ["", "lr", "=1"])
def test_a_parameter_without_name_or_value_is_refused_with_an_example(word: str) -> None:
    with pytest.raises(Stop, match=r"lr=0.1") as caught:
        words.parse_params([word])
    assert caught.value.code == 2


@pytest.mark.parametrize(
    ("text", "dimension"),
    [
        ("1..3", IntRange(1, 3)),
        ("-3..3/2", IntRange(-3, 3, 2)),
        ("0.0..1.0", FloatRange(0, 1)),
        ("0..0.5", FloatRange(0, 0.5)),
        ("0..0.5/5", FloatRange(0, 0.5, grid=5)),
        ("log:1e-4..1e-1", FloatRange(1e-4, 1e-1, log=True)),
        ("log:1..100/3", FloatRange(1, 100, log=True, grid=3)),
        ("adam,sgd", Choice(("adam", "sgd"))),
        ("16,32,true", Choice((16, 32, True))),
        ("adam", Choice(("adam",))),
        ("16..256:16", IntRange(16, 256, 16)),
        ("0..1:0.25", FloatRange(0, 1, step=0.25)),
        ("whole:log:1..1024", IntRange(1, 1024, log=True)),
        ("fixed:5", Fixed(5)),
        ("me@home,you@work", Choice(("me@home", "you@work"))),
    ],
)
def test_a_space_is_a_range_or_choices(text: str, dimension: Any) -> None:
    assert words.parse_space([f"x={text}"]) == {"x": dimension}


@pytest.mark.parametrize(
    "word",
    [
        "x",
        "x=",
        "=1..2",
        "x=3..1",
        "x=0.5..0.1",
        "x=log:0..1",
        "x=log:-1..1",
        "x=a..b",
        "x=1..2/0",
        "x=0..1:0.0",
        "x=0.0..1/0",
        "x=log:a,b",
        "x=@y=1",
        "x=0..1@y=1",
        "x=0..1@x=1",
    ],
)
def test_a_space_that_makes_no_sense_is_refused(word: str) -> None:
    with pytest.raises(Stop, match="--space") as caught:
        words.parse_space([word])
    assert caught.value.code == 2


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (["x=1..4:0"], "step"),
        (["x=0.5..0.1"], "above the second"),
        (["x=log:0..1"], "logarithmic"),
        (["x=1..4", "x=1..5"], "twice"),
    ],
)
def test_what_is_wrong_with_a_space_is_said(given: list[str], why: str) -> None:
    with pytest.raises(Stop, match=why):
        words.parse_space(given)


def test_what_exists_only_with_another_value_is_written_behind_it() -> None:
    space = words.parse_space(["opt=adam,sgd,rms", "m=0.0..1.0@opt=sgd|rms", "n=true,false@opt=sgd@m=0.5"])

    assert space["m"] == FloatRange(0, 1, when={"opt": ("sgd", "rms")})
    assert space["n"] == Choice((True, False), when={"opt": ("sgd",), "m": (0.5,)})


def test_a_condition_that_can_never_hold_is_refused() -> None:
    with pytest.raises(Stop, match="which opt can never be"):
        words.parse_space(["opt=adam,sgd", "m=0.0..1.0@opt=rms"])


@pytest.mark.parametrize(
    ("text", "objective"),
    [
        ("loss:min", Objective("loss", "minimize")),
        ("acc:max", Objective("acc")),
        ("val:loss:minimize", Objective("val:loss", "minimize")),
    ],
)
def test_an_objective_is_a_metric_and_an_end(text: str, objective: Objective) -> None:
    assert parse_objective(text) == objective


@pytest.mark.parametrize("text", ["", ":min", "loss:best", "loss", "loss:"])
def test_an_objective_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(Stop, match="such as loss:min"):
        parse_objective(text)


def test_constraints_options_and_points_are_read() -> None:
    assert parse_constraint("mb <= 10") == Constraint("mb", at_most=10)
    assert parse_constraint("recall>=5e-1") == Constraint("recall", at_least=0.5)
    assert parse_options(["n_startup_trials=5", "multivariate=false"], "tpe", words.parse_value) == {
        "n_startup_trials": 5,
        "multivariate": False,
    }
    assert parse_point("lr=0.1,opt=sgd", words.parse_value) == {"lr": 0.1, "opt": "sgd"}
    assert parse_point('{"layers": [1, 2]}', words.parse_value) == {"layers": [1, 2]}


def test_a_sampler_or_an_option_that_there_is_not_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(Stop, match=r"take grid, random, .*cmaes"):
        check_sampler("cma")
    with pytest.raises(Stop, match="scramble is no option of the sampler tpe: it has n_startup_trials"):
        parse_options(["scramble=true"], "tpe", words.parse_value)


@pytest.mark.parametrize("text", ["mb", "mb<10", "mb<=a", "<=1"])
def test_a_constraint_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(Stop, match="'mb<=100'"):
        parse_constraint(text)


@pytest.mark.parametrize("text", ["lr", "=1", "{1", "{"])
def test_a_point_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(Stop, match="A point to try first"):
        parse_point(text, words.parse_value)


def test_a_sweep_file_in_yaml_says_it_shortly(tmp_path: Path) -> None:
    file = tmp_path / "sweep.yaml"
    file.write_text(
        """
job: {script: {bundle: %s, entry: t.py}}
space:
  lr: log:1e-4..1e-1
  opt: {type: choice, values: [adam, sgd]}
  momentum: 0.0..1.0@opt=sgd
objectives: {loss: min, accuracy: max}
constraints: ["mb<=10"]
options: {n_startup_trials: 5}
tries: [{lr: 0.001}]
seed: 3
"""
        % ("a" * 64)
    )

    spec = words.checked(words.read_sweep_file(file), SweepSpec)

    assert spec.sampler == "tpe"
    assert spec.objectives == (Objective("loss", "minimize"), Objective("accuracy"))
    assert spec.constraints == (Constraint("mb", at_most=10),)
    assert spec.space["momentum"] == FloatRange(0, 1, when={"opt": ("sgd",)})
    assert (spec.tries, spec.seed) == (({"lr": 0.001},), 3)


@pytest.mark.parametrize("content", ["a: [", "a: 2\n- b", "x: !!python/object:os.system {}", "- 1"])
def test_a_sweep_file_that_is_no_yaml_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "sweep.yml"
    file.write_text(content)

    with pytest.raises(Stop, match=r"sweep\.yml"):
        words.read_sweep_file(file)


class House:
    """As much of a client as a warm start asks for."""

    def trials(self, sweep: str) -> list[dict[str, Any]]:
        return [
            {"params": {"lr": 0.1, "other": 1}, "result": {"result": {"loss": 0.5}}},
            {"params": {"lr": 0.2, "other": 1}, "result": {"result": {"loss": None}}},
            {"params": {"lr": 7.0}, "result": {"result": {"loss": 0.1}}},
            {"params": {"lr": 0.3}, "result": None},
        ]

    def put_blob(self, content: bytes) -> str:
        self.content = content
        return "b" * 64


def test_a_warm_start_takes_what_fits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    job = JobSpec(ScriptRef("0" * 64, "t.py"))
    spec = SweepSpec(job, {"lr": FloatRange(0, 1)}, "tpe", metric="loss", direction="minimize")
    table = tmp_path / "old.csv"
    table.write_text("lr,loss,note\n0.25,1.5,fine\n0.5,,\n9,1,\n0.75,nan,\n")
    rows = tmp_path / "old.json"
    rows.write_text('[{"params": {"lr": 0.25}, "loss": 1.5}, {"lr": 0.5, "loss": 2}]')
    house: Any = House()

    assert read_past(house, spec, "s" + "a" * 12, words.parse_value).past == (PastTrial({"lr": 0.1}, (0.5,)),)
    assert read_past(house, spec, str(table), words.parse_value).past == (PastTrial({"lr": 0.25}, (1.5,)),)
    assert len(read_past(house, spec, str(rows), words.parse_value).past) == 2
    assert "1 of 4 trials" in capsys.readouterr().err

    with pytest.raises(Stop, match="learns from nothing"):
        read_past(house, replace(spec, sampler="random"), str(table), words.parse_value)

    # What the sweep itself cannot carry is a blob, the last ten thousand at most.
    table.write_text("lr,loss\n" + "".join(f"0.5,{number}\n" for number in range(12_000)))
    many = read_past(house, spec, str(table), words.parse_value)
    assert (many.past, many.past_blob) == ((), "b" * 64)
    trials = msgspec.json.decode(house.content, type=list[PastTrial])
    assert (len(trials), trials[-1]) == (10_000, PastTrial({"lr": 0.5}, (11_999,)))


@pytest.mark.parametrize(
    ("name", "content", "words_of_it"),
    [
        ("x.csv", None, "no sweep of the house, and no table"),
        ("x.csv", "a,b\n1,2\n", "none of its 1 trials has all of lr, loss"),
        ("x.json", "{", "is not JSON"),
        ("x.json", "{}", "is no table"),
    ],
)
def test_a_warm_start_from_nothing_is_refused(
    tmp_path: Path, name: str, content: str | None, words_of_it: str
) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_text(content)
    spec = SweepSpec(JobSpec(ScriptRef("0" * 64, "t.py")), {"lr": FloatRange(0, 1)}, "tpe", metric="loss")
    house: Any = House()

    with pytest.raises(Stop, match=words_of_it):
        read_past(house, spec, str(file), words.parse_value)


def test_a_sweep_file_may_name_its_script_and_write_spaces_short(tmp_path: Path) -> None:
    file = tmp_path / "sweep.json"
    space = {"lr": "log:1e-4..1e-1", "opt": {"type": "choice", "values": ["adam"]}}
    job = {"script": {"bundle": "a" * 64, "entry": "t.py"}}
    file.write_text(json.dumps({"job": job, "space": space, "trials": 3}))

    spec = words.checked(words.read_sweep_file(file), SweepSpec)

    assert spec.space == {"lr": FloatRange(1e-4, 1e-1, log=True), "opt": Choice(("adam",))}


@pytest.mark.parametrize("content", ["", "[]", '{"space": {}}', '{"job": 1}', "\xff"])
def test_a_sweep_file_that_is_none_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "sweep.json"
    file.write_text(content, encoding="latin-1")

    with pytest.raises(Stop, match=r"sweep\.json"):
        words.read_sweep_file(file)


def test_a_misspelt_field_of_a_sweep_file_is_named() -> None:
    job = {"script": {"bundle": "a" * 64, "entry": "t.py"}}
    with pytest.raises(Stop, match="trails"):
        words.checked({"job": job, "space": {}, "trails": 3}, SweepSpec)
