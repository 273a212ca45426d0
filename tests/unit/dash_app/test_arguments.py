"""Arguments of scripts, read without running them."""

import pytest

from dash_app.arguments import Argument, read_script

SOURCE = '''"""Train it.

More words.
"""
import argparse
raise SystemExit("never run me")
p = argparse.ArgumentParser()
p.add_argument("table")
p.add_argument("--learning-rate", "-l", type=float, default=1e-3, help="step, %(default)s by default, 5%%")
p.add_argument("-n", "--steps", type=int, required=True)
p.add_argument("--mode", choices=["a", "b"], default="a")
p.add_argument("--quiet", action="store_true")
p.add_argument("--columns", nargs="+", default=[])
p.add_argument("--batch_size", type=int, default=32)
p.add_argument("--out", dest="target")
p.add_argument("--version", action="version", version="1")
p.add_argument(name_from_elsewhere, default=compute())
'''


def test_names_kinds_defaults_choices_and_help_are_read() -> None:
    script = read_script(SOURCE)
    found = {argument.name: argument for argument in script.arguments}

    assert script.about == "Train it."
    assert script.more
    assert list(found) == [
        "table",
        "learning_rate",
        "steps",
        "mode",
        "quiet",
        "columns",
        "batch_size",
        "target",
    ]
    assert found["table"] == Argument("table", "", required=True)
    assert found["learning_rate"].help == "step, 0.001 by default, 5%"
    assert (found["learning_rate"].kind, found["learning_rate"].default) == ("float", 1e-3)
    assert (found["steps"].flag, found["steps"].required) == ("--steps", True)
    assert found["mode"].choices == ("a", "b")
    assert found["quiet"].kind == "bool"
    assert found["columns"].many
    assert found["target"].flag == "--out"


def test_only_flags_that_a_parameter_becomes_are_passed_as_parameters() -> None:
    found = {argument.name: argument.as_parameter for argument in read_script(SOURCE).arguments}

    assert found["learning_rate"]
    assert found["steps"]
    assert not found["batch_size"]
    assert not found["target"]
    assert not found["table"]


@pytest.mark.parametrize(
    "source",
    [
        "",
        "def (",
        "\0",
        "x" * 2_000_000,
        "(" * 5000,
        "p.add_argument()",
        "p.add_argument(*x, **y)",
        "p.add_argument(1)",
        "p.add_argument('--x', type=lambda s: s, default=open('/etc/passwd'))",
    ],
)
def test_no_source_is_too_strange(source: str) -> None:
    read_script(source)
