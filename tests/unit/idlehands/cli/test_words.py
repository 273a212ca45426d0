"""Words of the command line become specs, or one clear sentence."""

import json
from pathlib import Path
from typing import Any

import pytest

from idlehands.cli import words
from idlehands.cli.exits import Stop
from schemas.specs import Choice, FloatRange, IntRange, SweepSpec


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
    ],
)
def test_a_space_is_a_range_or_choices(text: str, dimension: Any) -> None:
    assert words.parse_space([f"x={text}"]) == {"x": dimension}


@pytest.mark.parametrize(
    "word", ["x", "x=", "=1..2", "x=3..1", "x=0.5..0.1", "x=log:0..1", "x=log:-1..1", "x=a..b", "x=1..2/0"]
)
def test_a_space_that_makes_no_sense_is_refused(word: str) -> None:
    with pytest.raises(Stop, match="--space") as caught:
        words.parse_space([word])
    assert caught.value.code == 2


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
