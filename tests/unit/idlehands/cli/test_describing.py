"""`describe`, and parameters that a script does not know, refused before anything is sent."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from idlehands.cli.app import app
from idlehands.cli.exits import Stop
from idlehands.cli.script_arguments import check_arguments, check_sweep_file

SCRIPT = '''"""Fit it."""
import argparse
raise SystemExit("never run me")
p = argparse.ArgumentParser()
p.add_argument("--rate", type=float, default=0.1, help="how fast")
p.add_argument("--epochs", type=int, default=3)
p.add_argument("--net", choices=["a", "b"], required=True)
'''


@pytest.fixture
def script(tmp_path: Path) -> Path:
    file = tmp_path / "fit.py"
    file.write_text(SCRIPT)
    return file


def test_arguments_are_a_table_or_json(script: Path) -> None:
    table = CliRunner().invoke(app, ["describe", str(script)]).output
    found = json.loads(CliRunner().invoke(app, ["describe", "--json", str(script)]).output)

    assert table.startswith("Fit it.\n\nARGUMENT  TYPE          DEFAULT     HELP\n--rate")
    assert "one of a, b   (required)" in table
    assert [one["name"] for one in found["arguments"]] == ["rate", "epochs", "net"]


def test_a_suggested_sweep_is_one_that_sweep_takes(script: Path, tmp_path: Path) -> None:
    printed = CliRunner().invoke(app, ["describe", "--sweep", str(script)]).output
    sweep = json.loads(printed)

    assert sweep["job"] == {"script": str(script)}
    assert sweep["space"] == {"rate": "log:0.01..1.0", "net": "a,b"}
    check_sweep_file(sweep, tmp_path / "sweep.json")


@pytest.mark.parametrize(
    ("text", "words"),
    [("def (", "cannot be read"), ("import argparse", "No argument of")],
)
def test_nothing_to_suggest_is_said(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "odd.py"
    file.write_text(text)

    done = CliRunner().invoke(app, ["describe", "--sweep", str(file)])

    assert isinstance(done.exception, Stop)
    assert words in str(done.exception)


def test_a_misspelt_parameter_is_refused_with_the_nearest_name_unless_forced(script: Path) -> None:
    with pytest.raises(Stop, match=r"The script has no epoch_count\. Did you mean epochs") as refused:
        check_arguments(script, {"epoch_count": 3, "net": "a"}, [], "flags")

    assert "idlehands describe" in str(refused.value)
    check_arguments(script, {"epoch_count": 3}, [], "flags", force=True)
    check_arguments(script, {"epoch_count": 3}, [], "stdin")
    check_arguments(script.with_name("missing.py"), {"epoch_count": 3}, [], "flags")


def test_words_and_spaces_are_looked_at_too(script: Path) -> None:
    check_arguments(script, {}, ["--net", "a", "--help"], "flags")
    with pytest.raises(Stop, match="has no --epocs"):
        check_arguments(script, {}, ["--net", "a", "--epocs", "3"], "flags")
    with pytest.raises(Stop, match="net is one of a, b, not 'c'"):
        check_arguments(script, {}, [], "flags", space={"net": {"type": "choice", "values": ["a", "c"]}})
