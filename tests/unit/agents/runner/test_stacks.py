"""Where a running script is: asked while it runs, answered in its log, whatever it does."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.runner import stacks
from schemas.stacks import END, STREAM
from tests.unit.agents.runner.attempts import JOB, Bench, eventually

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
#: As py-spy does, by name and by its words.
SPY = """#!/bin/sh
echo "Process $4: python script.py"
echo "Python v3.11"
echo
echo "Thread $4 (idle): \\"MainThread\\""
echo "    deep (script.py:3)"
"""
HANGS = "import sys, time\nprint('hangs')\nwhile True: time.sleep(9)\n"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


def ask(bench: Bench, token: int) -> list[str]:
    before = len(bench.lines(token, STREAM))
    bench.runner.show(JOB, token)
    eventually(lambda: END in bench.lines(token, STREAM)[before:], "an answer", 60.0)
    return bench.lines(token, STREAM)[before:]


def use(monkeypatch: pytest.MonkeyPatch, folder: Path, program: str | None) -> None:
    spy = folder / "py-spy"
    if program is not None:
        spy.write_text(program)
        spy.chmod(0o700)
    monkeypatch.setattr(stacks, "find_spy", lambda: None if program is None else str(spy))


def test_a_script_that_hangs_says_where_by_py_spy(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, tmp_path, SPY)
    token = bench.start(HANGS)
    bench.wait_line(token, "hangs")

    first, *stack, end = ask(bench, token)

    assert first.startswith("process ")
    assert "open files" in first
    assert stack[-1] == "        deep (script.py:3)"
    assert end == END
    assert ask(bench, token)[0].partition(":")[0] == first.partition(":")[0]
    bench.runner.stop(JOB, token, at_once=True)
    bench.wait_stopped(token)


def test_without_py_spy_the_system_s_facts_remain(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, tmp_path, None)
    token = bench.start(HANGS)
    bench.wait_line(token, "hangs")

    lines = ask(bench, token)

    assert "threads" in lines[0]
    assert any("pip install py-spy" in line for line in lines)
    bench.runner.stop(JOB, token, at_once=True)
    bench.wait_stopped(token)


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("#!/bin/sh\necho 'Permission denied' >&2\nexit 1\n", "py-spy failed: Permission denied"),
        ("no program at all", "py-spy failed: "),
        ('#!/bin/sh\nfor i in $(seq 500); do echo "line $i"; done\n', "more lines"),
    ],
)
def test_a_py_spy_that_fails_or_never_ends_talking_is_said(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, said: str
) -> None:
    use(monkeypatch, tmp_path, program)
    token = bench.start(HANGS)
    bench.wait_line(token, "hangs")

    lines = ask(bench, token)

    assert any(said in line for line in lines)
    assert len(lines) < 130
    bench.runner.stop(JOB, token, at_once=True)
    bench.wait_stopped(token)


def test_an_attempt_that_is_not_there_is_not_asked(bench: Bench) -> None:
    bench.run("print('{}')")
    bench.runner.show(JOB, 1)
    bench.runner.show(JOB, 7)

    assert bench.lines(1, STREAM) == []
