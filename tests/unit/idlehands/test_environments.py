"""What a script is to run in is chosen where it is submitted, and brings the files that it takes."""

from pathlib import Path

import pytest

from idlehands.bundle import BundleError
from idlehands.cli import words
from idlehands.environments import choose_environment
from schemas.specs import Needs

HEADER = '# /// script\n# dependencies = ["rich"]\n# ///\n'


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    return folder / "train.py"


def test_a_header_is_taken_by_itself_and_files_beside_the_script_are_not(tmp_path: Path) -> None:
    script = write(tmp_path, train_py="print()\n", requirements_txt="rich\n")

    assert choose_environment(script) == (None, [])
    script.write_text(HEADER)
    assert choose_environment(script) == ("script", [])
    assert choose_environment(script, "agent") == (None, [])
    assert choose_environment(script, "python3.12") == ("python3.12", [])


def test_files_that_are_asked_for_are_packed(tmp_path: Path) -> None:
    script = write(tmp_path, train_py="", requirements_txt="-r base.txt\n", base_txt="rich\n")

    environment, files = choose_environment(script, "script")

    assert environment == "script"
    assert files == [tmp_path.resolve() / "requirements.txt", tmp_path.resolve() / "base.txt"]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "nothing says what train.py needs"),
        ({"requirements_txt": "-e .\n"}, "build a wheel"),
        ({"requirements_txt": "-r ../base.txt\n"}, "outside of the script's folder"),
    ],
)
def test_what_cannot_travel_is_said_before_anything_is_submitted(
    tmp_path: Path, files: dict[str, str], said: str
) -> None:
    with pytest.raises(BundleError, match=said):
        choose_environment(write(tmp_path, train_py="", **files), "script")


def test_the_command_line_says_when_a_header_decides(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = write(tmp_path, train_py=HEADER)

    packed, needs = words.add_environment(script, "auto", [tmp_path / "more"], Needs(gpus=1))

    assert (packed, needs) == ([tmp_path / "more"], Needs(gpus=1, environment="script"))
    assert "--env agent" in capsys.readouterr().err
