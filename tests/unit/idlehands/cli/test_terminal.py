"""What people and pipes see: cells, lines without escapes, exit codes, errors in one sentence."""

import sys

import pytest

from bus.settings import BusSettingsError
from idlehands.cli import exits
from idlehands.cli.printing import ago, print_table, show
from idlehands.cli.running import accepted_result, exit_code_of
from idlehands.cli.screen import Screen, describe_point, strip_controls
from idlehands.cli.used import describe_usage, draw
from idlehands.client import (
    ClientError,
    HqUnreachable,
    LogUpdate,
    ProgressUpdate,
    RequestRefused,
    StatusUpdate,
)
from schemas.facts import MetricPoint
from schemas.states import JobStatus


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        ("", "-"),
        (0, "0"),
        (True, "yes"),
        (0.1 + 0.2, "0.3"),
        ([1, "a"], '[1,"a"]'),
        ("a\x1b[31mb\n", "a\N{REPLACEMENT CHARACTER}[31mb\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_a_cell_is_short_and_harmless(value: object, text: str) -> None:
    assert show(value) == text


def test_a_long_cell_is_cut() -> None:
    assert len(show("x" * 5000)) == 200


def test_a_table_in_a_pipe_is_plain_and_never_cut(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("id", "name"), [("j1", "x" * 150), ("j22", None)], "nothing")

    out = capsys.readouterr().out
    assert out.splitlines() == ["ID   NAME", f"j1   {'x' * 150}", "j22  -"]


def test_a_heading_is_as_harmless_as_a_cell(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("id", "\x1b[2J\nloss"), [("j1", 1)], "nothing")

    assert (
        capsys.readouterr().out.splitlines()[0]
        == "ID  \N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}LOSS"
    )


def test_an_empty_table_says_so_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("id",), [], "No jobs.")

    assert capsys.readouterr() == ("", "No jobs.\n")


@pytest.mark.parametrize(
    ("line", "clean"),
    [
        ("plain ü 漢\ttab", "plain ü 漢\ttab"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("back\b\bspace\r", "backspace"),
        ("\x9b31mC1", "31mC1"),
        ("\x1b", ""),
        ("\x1bPq#0\x1b\\end", "end"),
        ("\u202egnp.exe\u2066\u2028next", "gnp.exenext"),
    ],
)
def test_a_log_line_cannot_steer_the_terminal(line: str, clean: str) -> None:
    assert strip_controls(line) == clean


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (59, "59s"), (60, "1m"), (3600, "1h"), (86_400, "1d"), (-5, "0s")]
)
def test_times_are_told_in_one_unit(seconds: float, text: str) -> None:
    assert ago(1000, 1000 + seconds) == text


def test_metrics_are_told_in_a_few_words() -> None:
    assert describe_point(MetricPoint(0, 1, {"loss": 0.123456, "bad": None})) == "loss=0.1235 bad=nan"


def test_what_a_job_used_is_a_line_for_each_thing() -> None:
    points = [{"metrics": {"system/cpu": 10.0 * n, "system/memory_mb": 100.0 + n}} for n in range(11)]

    assert describe_usage([*points, {"metrics": {"loss": 1.0}}], "j1", True) == [
        ("cpu", "▁▁▂▃▄▅▅▆▇██ 100 % of a core, at most 100"),
        ("memory", "███████████ 110 MB, at most 110"),
    ]
    assert describe_usage([{"metrics": {"loss": 1.0}}], "j1", True) == []
    hangs = [*points, {"metrics": {"system/cpu": 0.0, "system/quiet_seconds": 360.0}}]
    assert "for 6 min: it may hang. `idlehands stacks j1`" in dict(describe_usage(hangs, "j1", True))["quiet"]
    assert "quiet" not in dict(describe_usage(hangs, "j1", False))
    assert len(draw([float(n) for n in range(1000)], 1.0)) == 24
    assert draw([0.0], 1.0) == "▁"


def test_without_a_terminal_the_screen_prints_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with Screen("train") as screen:
        screen.show(StatusUpdate(JobStatus.RUNNING, "attic"))
        screen.show(LogUpdate(("\x1b[1mone", "two"), missed=3))
        screen.show(ProgressUpdate(50))

    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == ["· running on attic", "· 3 lines were dropped on the way", "one", "two"]


@pytest.mark.parametrize(
    ("code", "exit_code"), [(3, 3), (None, 1), (0, 1), (-9, 137), (-15, 143), (255, 255), (256, 1)]
)
def test_a_failed_script_gives_its_own_exit_code(code: int | None, exit_code: int) -> None:
    assert exit_code_of({"exit_code": code}) == exit_code


def test_only_the_accepted_result_counts() -> None:
    rows = [
        {"verdict": "superseded", "result": {"exit_code": 1}},
        {"verdict": "accepted", "result": {"exit_code": 0}},
    ]

    assert accepted_result({"results": rows}) == {"exit_code": 0}
    assert accepted_result({"results": rows[:1]}) is None
    assert exit_code_of(None) == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (exits.Stop(7, "x"), 7),
        (HqUnreachable("x"), 3),
        (RequestRefused("c", "x"), 1),
        (ClientError("x"), 1),
        (BusSettingsError("x"), 1),
        (KeyboardInterrupt(), 130),
        (BrokenPipeError(), 141),
        (ZeroDivisionError(), None),
    ],
)
def test_errors_have_exit_codes(error: BaseException, code: int | None) -> None:
    assert exits.code_of(error) == code


def test_an_error_is_one_sentence_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    exits.tell(HqUnreachable("no answer from HQ"))

    assert capsys.readouterr() == ("", "Error: No answer from HQ.\n")
    assert sys.stdout is not None
