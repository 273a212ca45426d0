"""Directories whose scripts may be run by path, and ways out of them."""

import stat
from pathlib import Path

import pytest

from idlehands.house.allowed_scripts import (
    AllowedUnreadable,
    NoSuchScript,
    NotAllowed,
    allow,
    check_below,
    disallow,
    find_script,
    read_allowed,
)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "scripts" / "deep").mkdir(parents=True)
    (tmp_path / "scripts" / "run.py").write_text("print(1)")
    (tmp_path / "scripts" / "deep" / "er.py").write_text("print(2)")
    (tmp_path / "scripts" / "notes.txt").write_text("secret")
    (tmp_path / "scripts-beside").mkdir()
    (tmp_path / "scripts-beside" / "run.py").write_text("print(3)")
    return tmp_path


def test_what_is_allowed_is_kept_once_privately_and_taken_back(place: Path) -> None:
    file = place / "allowed.json"
    (place / "link").symlink_to(place / "scripts")

    assert read_allowed(file) == []
    assert allow(file, place / "link") == place / "scripts"
    allow(file, place / "scripts")

    assert read_allowed(file) == [place / "scripts"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert disallow(file, place / "scripts")
    assert not disallow(file, place / "scripts")
    assert read_allowed(file) == []


def test_a_directory_that_is_gone_can_still_be_taken_back(place: Path) -> None:
    file = place / "allowed.json"
    allow(file, place / "scripts" / "deep")
    (place / "scripts" / "deep" / "er.py").unlink()
    (place / "scripts" / "deep").rmdir()

    assert disallow(file, place / "scripts" / "deep")


def test_what_is_no_directory_or_everything_is_refused(place: Path) -> None:
    file = place / "allowed.json"

    with pytest.raises(NoSuchScript):
        allow(file, place / "scripts" / "run.py")
    with pytest.raises(NotAllowed):
        allow(file, Path("/"))
    file.write_text("{")
    with pytest.raises(AllowedUnreadable):
        read_allowed(file)


def test_scripts_in_and_below_an_allowed_directory_are_found(place: Path) -> None:
    allowed = [place / "scripts"]

    assert find_script(allowed, str(place / "scripts"), "run.py") == place / "scripts" / "run.py"
    deeper = place / "scripts" / "deep" / "er.py"
    assert find_script(allowed, str(place / "scripts" / "deep"), "er.py") == deeper
    assert find_script(allowed, str(place / "scripts"), "deep/er.py") == deeper
    for name in ("none.py", "notes.txt", "deep"):
        with pytest.raises(NoSuchScript):
            find_script(allowed, str(place / "scripts"), name)


def test_every_way_out_is_refused_alike(place: Path) -> None:
    scripts = place / "scripts"
    (scripts / "out").symlink_to(place / "scripts-beside")
    (scripts / "out.py").symlink_to(place / "scripts-beside" / "run.py")
    ways = [
        (str(place / "scripts-beside"), "run.py"),
        (str(place), "scripts/run.py"),
        (str(scripts), "../scripts-beside/run.py"),
        (str(scripts / ".." / "scripts-beside"), "run.py"),
        (str(scripts), "deep/../run.py"),
        (str(scripts), str(scripts / "run.py")),
        (str(scripts), "out.py"),
        (str(scripts / "out"), "run.py"),
        (str(scripts), "out/none.py"),
        ("scripts", "run.py"),
        ("", "run.py"),
        (str(scripts), "run.py\0"),
        (str(place / "nowhere"), "none.py"),
    ]

    for folder, name in ways:
        with pytest.raises(NotAllowed):
            find_script([scripts], folder, name)
    with pytest.raises(NotAllowed):
        find_script([], str(scripts), "run.py")


def test_modules_beside_a_script_that_lead_outside_are_refused(place: Path) -> None:
    (place / "scripts" / "out.py").symlink_to(place / "scripts-beside" / "run.py")

    check_below([place / "scripts"], [place / "scripts" / "run.py"])
    with pytest.raises(NotAllowed):
        check_below([place / "scripts"], [place / "scripts" / "run.py", place / "scripts" / "out.py"])
