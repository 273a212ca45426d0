"""The demo on a terminal: a bar for each running trial, and one for the whole sweep below them."""

from typing import Literal

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.status import Status
from rich.table import Table
from rich.text import Text

from idlehands.cli.screen import strip_controls
from idlehands.client import LogUpdate, StatusUpdate, Update
from idlehands.demo.board import Board, Trial
from idlehands.demo.screens import build_table, say_end, say_number, say_params
from schemas.states import JobStatus

_BAR_WIDTH = 24
_WIDE = 130


class LiveScreen:
    """Bars that move while lines scroll above them."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self._status: Status | None = None
        self._live: Live | None = None
        self._bars: dict[int, TaskID] = {}
        self._trials = Progress(
            TextColumn("{task.description}"),
            BarColumn(_BAR_WIDTH),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]}"),
            TextColumn("acc {task.fields[accuracy]}", style="green"),
            TextColumn("{task.fields[agent]}", style="cyan", markup=False),
            TextColumn("{task.fields[params]}", style="dim", markup=False),
            console=self._console,
        )
        self._whole = Progress(
            TextColumn("{task.description}", style="bold"),
            BarColumn(_BAR_WIDTH),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[best]}", style="green"),
            console=self._console,
        )
        #: What moves: can be printed anywhere.
        self.picture = Group(self._trials, self._whole)
        self._sweep = self._whole.add_task("sweep   ", total=None, best="", start=False)

    def say(self, text: str) -> None:
        self._rest()
        self._print(text)

    def busy(self, text: str) -> None:
        self._rest()
        self._status = Status(Text(text), console=self._console)
        self._status.start()

    def job_update(self, update: Update) -> None:
        match update:
            case StatusUpdate(status=JobStatus.RUNNING, agent=agent) if self._status is not None:
                self._status.update(Text(f"running on {agent}"))
            case LogUpdate(lines=lines):
                for line in lines:
                    self._print(f"  {strip_controls(line)}", "dim")

    def begin_sweep(self, trials: int) -> None:
        self._rest()
        self._whole.start_task(self._sweep)
        self._whole.update(self._sweep, total=trials)
        # Transient: at the end the table takes the place of the bars.
        self._live = Live(self.picture, console=self._console, refresh_per_second=10, transient=True)
        self._live.start()

    def trial_changed(self, board: Board, trial: Trial) -> None:
        if trial.status is JobStatus.RUNNING:
            if trial.number not in self._bars:
                self._bars[trial.number] = self._trials.add_task(
                    f"trial {trial.number:>2}",
                    total=trial.epochs,
                    loss="-",
                    accuracy="-",
                    agent="",
                    params=say_params(trial) if self._is_wide else "",
                )
            self.trial_moved(board, trial)
            return
        bar = self._bars.pop(trial.number, None)
        if bar is not None:
            self._trials.remove_task(bar)
        if trial.status.is_final:
            style = "" if trial.status is JobStatus.SUCCEEDED else "red"
            self._print(say_end(trial, with_params=self._is_wide), style)
            self._whole.update(self._sweep, completed=len(board.ended), best=_best(board))

    def trial_moved(self, board: Board, trial: Trial) -> None:
        bar = self._bars.get(trial.number)
        if bar is not None:
            self._trials.update(
                bar,
                completed=trial.epoch,
                loss=say_number(trial.loss),
                accuracy=say_number(trial.accuracy),
                agent=trial.agent,
            )

    @property
    def _is_wide(self) -> bool:
        """Tell whether parameters have room; the table at the end shows them in any case."""
        return self._console.width >= _WIDE

    def end_sweep(self) -> None:
        self._rest()
        if self._live is not None:
            self._live.stop()
            self._live = None

    def show_table(self, board: Board) -> None:
        columns, rows = build_table(board)
        # Headings may break at their words, so that all of it fits 80 columns; cells never.
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=0)
        for name in columns:
            justify: Literal["left", "right"] = "left" if name == "agent" else "right"
            table.add_column(name.replace("_", " "), justify=justify, overflow="fold")
        for place, row in enumerate(rows):
            best = place == 0 and board.ranked()[0].status is JobStatus.SUCCEEDED
            failed = not row[0].isdigit()
            table.add_row(*map(Text, row), style="red" if failed else "bold green" if best else "")
        self._console.print(Text(), table, Text(), sep="\n")

    def _rest(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None

    def _print(self, text: str, style: str = "") -> None:
        self._console.print(Text(text, style=style), soft_wrap=True)


def _best(board: Board) -> str:
    found = max((trial.accuracy for trial in board.ended if trial.accuracy is not None), default=None)
    return "" if found is None else f"best accuracy {say_number(found)}"
