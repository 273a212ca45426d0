"""Bars are for people at a terminal: a pipe sees nothing of them, and NO_COLOR is heard."""

import io
import re
import sys
import time

import pytest

from idlehands.cli.bars import bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def drawn(screen: io.StringIO, seconds: float = 30) -> str:
    """Return what a bar draws, once it does."""
    deadline = time.monotonic() + seconds
    with bar("sending wine.csv") as on_done:
        while not screen.getvalue() and time.monotonic() < deadline:
            on_done(3, 10)
            time.sleep(0.02)
    return screen.getvalue()


def test_a_pipe_sees_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    with bar("sending wine.csv") as on_done:
        # Longer than anything is quick.
        for done in range(5):
            on_done(done, 5)
            time.sleep(0.1)

    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("no_color", [True, False])
def test_a_terminal_sees_how_far_it_is(no_color: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")

    seen = drawn(screen)

    assert "sending wine.csv" in seen
    assert "3/10 bytes" in seen
    assert bool(re.search(r"\x1b\[[0-9;]*3[0-9]", seen)) is not no_color
