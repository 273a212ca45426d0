"""`--space rate=0..1` where the script takes real numbers."""

from pathlib import Path

from idlehands.cli.script_arguments import widen_space
from schemas.spaces import Choice, FloatRange, IntRange

SCRIPT = """import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--dropout-rate", type=float)
parser.add_argument("--layers", type=int)
"""


def test_whole_numbers_become_real_ones_where_the_script_takes_those(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    when = {"layers": (2,)}

    widened = widen_space(
        script, {"dropout_rate": IntRange(0, 1, when=when), "layers": IntRange(0, 4), "other": IntRange(1, 2)}
    )

    assert widened == {
        "dropout_rate": FloatRange(0, 1, when=when),
        "layers": IntRange(0, 4),
        "other": IntRange(1, 2),
    }


def test_steps_and_choices_stay_what_they_are(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    space = {"dropout_rate": IntRange(0, 10, 5)}

    assert widen_space(script, space) == space
    assert widen_space(script, {"dropout_rate": Choice((0, 1))}) == {"dropout_rate": Choice((0, 1))}


def test_what_cannot_be_read_stays_as_it_is(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text("def (")

    assert widen_space(script, {"x": IntRange(0, 1)}) == {"x": IntRange(0, 1)}
