"""What the demo shows while it runs: live bars on a terminal, plain lines everywhere else.

Both are fed the same; neither decides anything. Everything goes to standard
output, and plain lines hold no escape sequence.
"""

from typing import Protocol

from idlehands.cli.printing import print_table, show
from idlehands.cli.screen import strip_controls
from idlehands.client import LogUpdate, StatusUpdate, Update
from idlehands.demo.board import Board, Trial
from schemas.states import JobStatus

#: In plain lines a trial reports this many times: enough to see it move, few enough to read.
_REPORTS = 4


class Screen(Protocol):
    """Where the demo's course is shown. Calls come from one thread."""

    def say(self, text: str) -> None:
        """Show a line that stays."""

    def busy(self, text: str) -> None:
        """Show what is being done now."""

    def job_update(self, update: Update) -> None:
        """Show what the first job did."""

    def begin_sweep(self, trials: int) -> None:
        """Make room for so many trials."""

    def trial_changed(self, board: Board, trial: Trial) -> None:
        """Show that a trial began or ended."""

    def trial_moved(self, board: Board, trial: Trial) -> None:
        """Show a running trial's progress."""

    def end_sweep(self) -> None:
        """Take away what moves. Safe to repeat."""

    def show_table(self, board: Board) -> None:
        """Show all trials, the most accurate first."""


def say_number(value: float | None) -> str:
    """Return a loss or an accuracy in six characters."""
    return "-" if value is None else f"{value:.4f}"


def say_params(trial: Trial) -> str:
    """Return a trial's parameters as a person would write them."""
    return strip_controls(" ".join(f"{name}={_value(value)}" for name, value in trial.params.items()))


def _value(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else show(value)


def say_end(trial: Trial, *, with_params: bool = True) -> str:
    """Return how a trial ended, in one line."""
    params = f"  {say_params(trial)}" if with_params else ""
    if trial.status is not JobStatus.SUCCEEDED:
        return f"trial {trial.number:>2}  {trial.status}  {strip_controls(trial.why)}{params}"
    seconds = "-" if trial.seconds is None else f"{trial.seconds:.1f} s"
    return (
        f"trial {trial.number:>2}  accuracy {say_number(trial.accuracy)}  loss {say_number(trial.loss)}"
        f"  {seconds:>6}  {trial.agent}{params}"
    )


def build_table(board: Board) -> tuple[list[str], list[list[str]]]:
    """Return headings and rows, the most accurate trial first; who did not succeed has no rank."""
    ranked = board.ranked()
    names = list(dict.fromkeys(name for trial in ranked for name in trial.params))
    rows = [
        [
            str(rank) if trial.status is JobStatus.SUCCEEDED else str(trial.status),
            str(trial.number),
            *(_value(trial.params.get(name)) for name in names),
            say_number(trial.accuracy),
            say_number(trial.loss),
            "-" if trial.seconds is None else f"{trial.seconds:.1f}",
            trial.agent or "-",
        ]
        for rank, trial in enumerate(ranked, 1)
    ]
    return ["rank", "trial", *names, "accuracy", "loss", "seconds", "agent"], rows


class PlainScreen:
    """One line after another, each flushed: for pipes, logs and continuous integration."""

    def __init__(self) -> None:
        self._reported: dict[int, int] = {}

    def say(self, text: str) -> None:
        print(text, flush=True)

    def busy(self, text: str) -> None:
        print(f"{text} ...", flush=True)

    def job_update(self, update: Update) -> None:
        match update:
            case StatusUpdate(status=JobStatus.RUNNING, agent=agent):
                print(f"  running on {agent}", flush=True)
            case LogUpdate(lines=lines):
                for line in lines:
                    print(f"  {strip_controls(line)}", flush=True)

    def begin_sweep(self, trials: int) -> None:
        pass

    def trial_changed(self, board: Board, trial: Trial) -> None:
        if trial.status is JobStatus.RUNNING:
            self._reported.pop(trial.number, None)
            print(f"trial {trial.number:>2}  running on {trial.agent}  {say_params(trial)}", flush=True)
        elif trial.status.is_final:
            print(f"{say_end(trial)}  ({len(board.ended)} of {len(board.trials)} ended)", flush=True)

    def trial_moved(self, board: Board, trial: Trial) -> None:
        reached = _REPORTS * trial.epoch // trial.epochs
        if 0 < reached < _REPORTS and reached > self._reported.get(trial.number, 0):
            self._reported[trial.number] = reached
            print(
                f"trial {trial.number:>2}  epoch {trial.epoch}/{trial.epochs}  loss {say_number(trial.loss)}"
                f"  accuracy {say_number(trial.accuracy)}  {trial.agent}",
                flush=True,
            )

    def end_sweep(self) -> None:
        pass

    def show_table(self, board: Board) -> None:
        columns, rows = build_table(board)
        print()
        print_table(columns, rows, "No trial was made.")
