"""What the demo knows of its trials, and how it says it: rows from REST, progress from the bus."""

from typing import Any

import pytest
from rich.console import Console

from idlehands.demo.bars import LiveScreen
from idlehands.demo.board import Board
from idlehands.demo.screens import PlainScreen, say_end
from schemas.facts import MetricPoint
from schemas.messages import JobProgress, Progress
from schemas.states import JobStatus

PARAMS = {"learning_rate": 0.0123456, "epochs": 8}


def row(number: int, status: str, *, agent: str | None = None, **more: Any) -> dict[str, Any]:
    given = {"trial": number, "job": f"j{number}", "status": status, "agent": agent, "why": ""}
    return {**given, "params": PARAMS, "result": None, **more}


def ended(number: int, accuracy: Any, loss: Any = 0.5) -> dict[str, Any]:
    result = {"result": {"accuracy": accuracy, "loss": loss}, "duration_seconds": 2.0}
    return row(number, "succeeded", agent="attic", result=result)


def progress(epoch: int, **metrics: float | None) -> JobProgress:
    point = MetricPoint(epoch, 0.0, metrics, float(epoch))
    return JobProgress("attic", Progress("jaaaaaaaaaaaa", 1, None, (point,)))


def test_only_a_change_of_status_is_news() -> None:
    board = Board()

    assert board.take_rows([row(0, "queued"), row(1, "running", agent="attic")]) == [board.trials[1]]
    assert board.take_rows([row(0, "queued"), row(1, "running", agent="attic")]) == []
    assert [trial.number for trial in board.running] == [1]


def test_progress_moves_a_running_trial_and_no_other() -> None:
    board = Board()
    board.take_rows([row(0, "running", agent="attic"), ended(1, 0.9)])

    moved = board.take_progress("j0", progress(3, loss=0.25, accuracy=0.75))

    assert moved is board.trials[0]
    assert (moved.epoch, moved.loss, moved.accuracy) == (3, 0.25, 0.75)
    assert board.take_progress("j1", progress(1, accuracy=0.1)) is None, "its result counts, not a late line"
    assert board.take_progress("jother", progress(1)) is None


def test_an_interrupted_trial_begins_anew() -> None:
    board = Board()
    board.take_rows([row(0, "running", agent="attic")])
    board.take_progress("j0", progress(5))

    board.take_rows([row(0, "queued")])

    assert board.trials[0].epoch == 0
    assert board.running == []


def test_the_most_accurate_comes_first_and_what_has_no_result_last() -> None:
    board = Board()
    failure = {"failure": {"kind": "exit", "message": "no"}, "result": {"accuracy": 1.0}}
    board.take_rows(
        [
            ended(0, 0.5),
            ended(1, 0.9, loss=0.4),
            ended(2, 0.9, loss=0.3),
            ended(3, None),
            row(4, "failed", result=failure),
            row(5, "cancelled"),
        ]
    )

    assert [trial.number for trial in board.ranked()] == [2, 1, 0, 3, 4, 5]
    assert not board.all_succeeded()


def test_a_board_without_trials_is_no_success() -> None:
    assert not Board().all_succeeded()


@pytest.mark.parametrize("odd", ["0.9", True, None, [1]])
def test_a_result_that_is_no_number_is_none(odd: Any) -> None:
    board = Board()
    board.take_rows([ended(0, odd)])

    assert board.trials[0].accuracy is None


def test_a_failure_is_told_without_escape_sequences() -> None:
    board = Board()
    failure = {"failure": {"kind": "exit", "message": "\x1b[2Jred"}}
    board.take_rows([row(0, "failed", result=failure)])

    assert say_end(board.trials[0]) == "trial  0  failed  exit: red  learning_rate=0.0123 epochs=8"


def test_plain_lines_report_each_quarter_once(capsys: pytest.CaptureFixture[str]) -> None:
    board, screen = Board(), PlainScreen()
    (trial,) = board.take_rows([row(0, "running", agent="attic")])
    screen.trial_changed(board, trial)
    for epoch in (1, 2, 2, 3, 4, 5, 6, 7, 8):
        board.take_progress("j0", progress(epoch, loss=1 / epoch))
        screen.trial_moved(board, trial)

    out = capsys.readouterr().out

    assert [line.split()[3] for line in out.splitlines()[1:]] == ["2/8", "4/8", "6/8"]
    assert "\x1b" not in out


def test_bars_hold_a_line_for_each_running_trial_and_one_for_the_sweep() -> None:
    console = Console(force_terminal=True, width=100, height=20, quiet=True)
    board, screen = Board(), LiveScreen(console)
    screen.begin_sweep(3)
    for trial in board.take_rows(
        [row(0, "running", agent="attic"), row(1, "running", agent="cellar"), ended(2, 0.9)]
    ):
        screen.trial_changed(board, trial)
    board.take_progress("j0", progress(4, loss=0.25, accuracy=0.75))
    screen.trial_moved(board, board.trials[0])

    shown = _shown(screen)
    screen.end_sweep()
    screen.end_sweep()

    assert "trial  0" in shown[0]
    assert "4/8" in shown[0]
    assert "acc 0.7500" in shown[0]
    assert "cellar" in shown[1]
    assert "1/3" in shown[2]
    assert "best accuracy 0.9000" in shown[2]
    assert board.trials[2].status is JobStatus.SUCCEEDED


def _shown(screen: LiveScreen) -> list[str]:
    plain = Console(width=100, height=20, force_terminal=False)
    with plain.capture() as captured:
        plain.print(screen.picture)
    return captured.get().splitlines()
