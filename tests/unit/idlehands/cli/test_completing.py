"""What the tab key offers, and that it never waits nor complains."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from idlehands.cli import completing
from idlehands.cli.app import app

JOBS = [
    {"id": "jaaaaaaaaaaaa", "status": "running", "spec": {"name": "train", "script": {"entry": "a.py"}}},
    {"id": "jabbbbbbbbbbb", "status": "failed", "spec": {"script": {"name": "b", "entry": "b.py"}}},
]


def test_ids_that_begin_so_are_offered_with_what_they_are() -> None:
    asked: list[tuple[str, str, int]] = []

    def ask(path: str, field: str, limit: int) -> Iterable[dict[str, Any]]:
        asked.append((path, field, limit))
        return JOBS

    completer = completing.complete("/jobs", "jobs", completing._job, ask=ask)

    assert completer("jab") == [("jabbbbbbbbbbb", "b, failed")]
    assert [word for word, _ in completer("")] == ["jaaaaaaaaaaaa", "jabbbbbbbbbbb"]
    assert asked == [("/jobs", "jobs", 200)] * 2


def test_what_goes_wrong_offers_nothing_and_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    def ask(path: str, field: str, limit: int) -> Iterable[dict[str, Any]]:
        print("no house", file=sys.stderr)
        raise OSError("no house")

    words = completing.words("one", "other")
    completer = completing.complete("/jobs", "jobs", completing._job, words, ask=ask)

    assert completer("o") == [("one", ""), ("other", "")]
    assert capsys.readouterr() == ("", "")


def test_a_long_list_is_cut() -> None:
    rows = [{"name": f"pc-{number}"} for number in range(500)]
    completer = completing.complete("/agents", "agents", completing._agent, ask=lambda *_: rows)

    assert len(completer("pc-")) == 50


def complete(*words: str, home: Path, **environment: str) -> list[str]:
    """Return what bash gets that asks to complete the last of these words."""
    asking = {"_IDLEHANDS_COMPLETE": "complete_bash", "IDLEHANDS_HOME": str(home), **environment}
    asking |= {"COMP_WORDS": " ".join(("idlehands", *words)), "COMP_CWORD": str(len(words))}
    done = CliRunner().invoke(app, [], env=asking, prog_name="idlehands")
    assert done.stderr == ""
    return done.stdout.split()


def test_a_shell_completes_commands_and_words_without_a_house(tmp_path: Path) -> None:
    assert complete("pip", home=tmp_path) == ["pipeline"]
    assert complete("jobs", "--status", "fail", home=tmp_path) == ["failed"]
    assert complete("job", "j", home=tmp_path) == []


def test_a_shell_completes_ids_of_the_house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completing, "_ask", lambda path, field, limit: JOBS if field == "jobs" else [])

    assert complete("logs", "jab", home=tmp_path) == ["jabbbbbbbbbbb"]
    assert complete("cancel", "jaaaaaaaaaaaa", "ja", home=tmp_path) == ["jaaaaaaaaaaaa", "jabbbbbbbbbbb"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_installs_itself(shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Else the shell that runs the tests would be the one.
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    monkeypatch.setenv("HOME", str(tmp_path))
    done = CliRunner().invoke(app, ["--install-completion", shell], prog_name="idlehands")

    assert done.exit_code == 0, done.output
    written = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert any("_IDLEHANDS_COMPLETE" in file.read_text() for file in written)
