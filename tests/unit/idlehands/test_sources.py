"""Which commit a script comes from, how it differs, and which files beside it are ignored."""

import subprocess
from pathlib import Path

import pytest

from idlehands.bundle import build_bundle
from idlehands.sources import read_kept, read_state


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=Olga", "-c", "user.email=olga@example.org", "-c", "init.defaultBranch=main")
    done = subprocess.run(["git", *who, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit of two files."""
    git(tmp_path, "init")
    for name in ("train.py", "other.py"):
        (tmp_path / name).write_text("print(1)\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "one")
    return tmp_path


def test_a_clean_script_is_from_its_commit(repository: Path) -> None:
    (repository / "other.py").write_text("print('not packed')\n")

    state = read_state(repository, ["train.py"])

    assert state is not None
    assert (state.commit, state.is_dirty, state.diff) == (git(repository, "rev-parse", "HEAD"), False, b"")


def test_a_changed_script_brings_its_difference(repository: Path) -> None:
    (repository / "train.py").write_text("print(2)\n")
    (repository / "new.py").write_text("print(3)\n")

    state = read_state(repository, ["train.py", "new.py"])

    assert state is not None
    assert b"-print(1)\n+print(2)\n" in state.diff
    assert state.diff.endswith(b"Not in git: new.py\n")


def test_without_a_repository_or_a_commit_there_is_no_source(tmp_path: Path) -> None:
    assert read_state(tmp_path, ["train.py"]) is None
    git(tmp_path, "init")
    assert read_state(tmp_path, ["train.py"]) is None


def test_nothing_that_a_repository_names_is_run(repository: Path) -> None:
    ran = repository / "ran"
    command = repository / "evil.sh"
    command.write_text(f"#!/bin/sh\ntouch {ran}\n")
    command.chmod(0o755)
    for setting in ("core.fsmonitor", "diff.external", "diff.evil.textconv", "diff.evil.command"):
        git(repository, "config", setting, str(command))
    (repository / ".gitattributes").write_text("*.py diff=evil\n")
    (repository / "train.py").write_text("print(2)\n")

    assert read_state(repository, ["train.py"]) is not None
    assert read_kept(repository, ".") is not None

    assert not ran.exists()


def test_what_git_or_the_ignore_file_ignores_is_not_packed(repository: Path) -> None:
    (repository / ".gitignore").write_text("*.tmp\ncache/\n")
    (repository / ".idlehandsignore").write_text("# large\n*.mp4\nassets/raw/\n")
    for name in ("a.txt", "b.tmp", "cache/c", "d.mp4", "raw/e.png", "__pycache__/f.pyc", "deep/g.txt"):
        (repository / "assets" / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / "assets" / name).write_text("x")

    built = build_bundle(repository / "train.py", [repository / "assets"])

    assert built.files == ("assets/a.txt", "assets/deep/g.txt", "train.py")


def test_without_git_the_ignore_file_counts_alone(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("")
    (tmp_path / ".idlehandsignore").write_text("*.mp4\n")
    (tmp_path / "assets").mkdir()
    for name in ("a.txt", "b.mp4"):
        (tmp_path / "assets" / name).write_text("x")

    assert build_bundle(tmp_path / "train.py", [tmp_path / "assets"]).files == ("assets/a.txt", "train.py")
