"""Filled-in forms become jobs, or words about what is wrong."""

from typing import Any

import pytest

from dash_app.forms import FormError, Given, build_spec, read_form
from schemas.arguments.vocabulary import Argument
from schemas.specs import ScriptRef

SCRIPT = ScriptRef("0" * 64, "train.py", "train")
ARGUMENTS = (
    Argument("table", "", required=True),
    Argument("rate", "--rate", "float", 0.1),
    Argument("steps", "--steps", "int"),
    Argument("mode", "--mode", choices=("a", "b")),
    Argument("quiet", "--quiet", "bool"),
    Argument("--batch_size", "--batch_size", "int"),
    Argument("columns", "--columns", "int", many=True),
)


def spec_of(more: str = "", retries: Any = 0, **values: Any) -> Any:
    return build_spec(SCRIPT, ARGUMENTS, Given({"table": "a.csv", **values}, more=more, retries=retries))


def test_what_is_filled_in_is_passed_and_what_is_not_is_left_to_the_script() -> None:
    spec = spec_of(rate="1e-3", steps=" 5 ", mode="b", quiet=True, **{"--batch_size": "8"}, columns="1 2")

    assert spec.params == {
        "rate": 0.001,
        "steps": 5,
        "mode": "b",
        "quiet": True,
        "columns": [1, 2],
        "--batch_size": 8,
    }
    assert spec.argv == ("a.csv",)
    assert spec_of(steps="", mode=None, quiet=False).params == {}


def test_lines_are_parameters_too() -> None:
    assert spec_of("a=1\n\n b = [1, 2]\nname=adam=x\nempty=").params == {
        "a": 1,
        "b": [1, 2],
        "name": "adam=x",
        "empty": "",
    }


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"table": ""}, "table is missing"),
        ({"steps": "many"}, "steps: 'many' is not a whole number"),
        ({"rate": "fast"}, "rate: 'fast' is not a number"),
        ({"mode": "c"}, "mode: 'c' is none of a, b"),
        ({"more": "nonsense"}, "not name=value"),
        ({"more": "=1"}, "not name=value"),
        ({"more": "x=" + "[" * 99 + "]" * 99}, "cannot be used"),
        ({"more": "x=1" + "0" * 40}, "cannot be used"),
        ({"retries": "-1"}, "less than nothing"),
        ({"retries": "101"}, "cannot be submitted"),
        ({"retries": "often"}, "not a whole number"),
    ],
)
def test_what_does_not_fit_is_said_in_words(form: dict[str, Any], words: str) -> None:
    with pytest.raises(FormError, match=words.replace("[", r"\[")):
        spec_of(**form)


def test_fields_and_ticks_from_the_browser_find_each_other() -> None:
    fields = [{"field": "a", "kind": "int"}, {"field": "b", "kind": "bool"}, {"field": "c", "kind": "bool"}]

    given = read_form(fields, ["1", None, None], [False, True], None, None, None, 0, "", None)

    assert given == Given({"a": "1", "b": False, "c": True}, "", "", None, 0, "", None)
