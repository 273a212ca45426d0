import json
import subprocess
import sys

import pytest

from agents.runner.arguments import build_stdin, build_words
from schemas.specs import JobSpec, ScriptRef

SCRIPT = ScriptRef("0" * 64, "s.py")


def words(params: dict[str, object], source: str = "", **spec: object) -> list[str]:
    return build_words(JobSpec(SCRIPT, params=params, **spec), source)  # type: ignore[arg-type]


def test_a_parameter_becomes_a_flag_with_dashes() -> None:
    assert words({"learning_rate": 0.1, "epochs": 3}) == ["--learning-rate", "0.1", "--epochs", "3"]


def test_true_is_a_bare_flag_and_false_and_none_are_left_out() -> None:
    assert words({"a": True, "verbose": True, "quiet": False, "seed": None}) == ["--a", "--verbose"]


def test_a_list_becomes_several_values() -> None:
    assert words({"layers": [64, 32], "names": ()}) == ["--layers", "64", "32", "--names"]


def test_an_object_becomes_json() -> None:
    assert words({"net": {"a": [1, None]}}) == ["--net", '{"a": [1, null]}']


def test_a_flag_is_spelled_with_underscores_when_the_script_knows_only_that() -> None:
    assert words({"learning_rate": 1}, 'add_argument("--learning_rate")') == ["--learning_rate", "1"]
    assert words({"learning_rate": 1}, '"--learning_rate", "--learning-rate"') == ["--learning-rate", "1"]
    assert words({"learning_rate": 1}, '"--learning_rate_decay"') == ["--learning-rate", "1"]


def test_a_one_letter_flag_has_one_dash_when_the_script_knows_only_that() -> None:
    assert words({"n": 1}, 'add_argument("-n")') == ["-n", "1"]
    assert words({"n": 1}, 'add_argument("-n", "--n")') == ["--n", "1"]
    assert words({"n": 1}) == ["--n", "1"]


def test_a_name_that_brings_its_own_dashes_keeps_them() -> None:
    assert words({"--max_depth": 3, "-v": True}) == ["--max_depth", "3", "-v"]


def test_positional_values_come_in_order_after_the_raw_words() -> None:
    params = {"path": "a b.csv", "rate": 0.5, "flag": True, "sizes": [1, 2]}
    assert words(params, arguments="positional", argv=("fit",)) == ["fit", "a b.csv", "0.5", "True", "1", "2"]


def test_stdin_carries_one_json_object_and_the_command_line_only_the_raw_words() -> None:
    spec = JobSpec(SCRIPT, params={"rate": 0.5, "ä": None}, arguments="stdin", argv=("fit",))
    assert build_words(spec) == ["fit"]
    assert json.loads(build_stdin(spec) or b"") == {"rate": 0.5, "ä": None}
    assert build_stdin(JobSpec(SCRIPT)) is None


@pytest.mark.parametrize("params", [{"a": "x\0y"}, {"": 1}, {"a\0": True}])
def test_what_no_command_line_can_carry_is_refused(params: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        words(params)


def test_argparse_reads_back_what_was_meant() -> None:
    params = {
        "rate": -1e-05,
        "shift": [-2, -3.5e-07],
        "name": "-dash",
        "note": "--x y",
        "big": 1e22,
        "on": True,
    }
    code = (
        "import argparse, json; p = argparse.ArgumentParser()\n"
        "p.add_argument('--rate', type=float); p.add_argument('--shift', type=float, nargs='+')\n"
        "p.add_argument('--name'); p.add_argument('--note'); p.add_argument('--big', type=float)\n"
        "p.add_argument('--on', action='store_true'); print(json.dumps(vars(p.parse_args())))"
    )
    read = subprocess.run(
        [sys.executable, "-c", code, *words(params)], capture_output=True, check=True, text=True
    )
    assert json.loads(read.stdout) == params
