"""What `run` shows on standard error: log lines as they come and, on a terminal, one live bar."""

import re
import sys
from types import TracebackType
from typing import TYPE_CHECKING

from idlehands.client import LogUpdate, ProgressUpdate, StatusUpdate, Update
from schemas.facts import MetricPoint
from schemas.resources import RESOURCES

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

# CSI, OSC and other escape sequences (ECMA-48), then what is left of control characters but tabs,
# and what ends a line or turns the direction of reading, so that a text is not what it seems.
_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[ -/]*[0-~])"
)
_CONTROLS = re.compile(
    r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)


def strip_controls(line: str) -> str:
    """Return a line that cannot move the cursor, change the terminal or be read in another order."""
    return _CONTROLS.sub("", _ESCAPES.sub("", line))


#: What the agent measured is no news of the script.
_RESOURCES = frozenset(RESOURCES)


class Screen:
    """Shows updates of one job. Plain lines where standard error is no terminal."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._progress: Progress | None = None
        self._bar: TaskID | None = None

    def __enter__(self) -> "Screen":
        if sys.stderr.isatty():
            self._start_bar()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._progress is not None:
            self._progress.stop()

    def _start_bar(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[percent]}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[state]}", markup=False),
            console=Console(stderr=True),
            transient=True,
        )
        self._progress.start()
        self._bar = self._progress.add_task(self._title, total=None, percent="", state="queued")

    def note(self, text: str) -> None:
        """Say something about the job itself."""
        self._print(f"· {text}", "dim")

    def show(self, update: Update) -> None:
        """Show one update."""
        match update:
            case LogUpdate():
                if update.missed:
                    self.note(f"{update.missed} lines were dropped on the way")
                for line in update.lines:
                    self._print(strip_controls(line))
            case ProgressUpdate():
                self._show_progress(update)
            case StatusUpdate():
                self._show_status(update)

    def _show_status(self, update: StatusUpdate) -> None:
        where = f" on {update.agent}" if update.agent and update.status == "running" else ""
        why = f": {strip_controls(update.why)}" if update.why else ""
        if self._progress is not None and self._bar is not None:
            self._progress.update(self._bar, state=f"{update.status}{where}")
        self.note(f"{update.status}{where}{why}")

    def _show_progress(self, update: ProgressUpdate) -> None:
        if self._progress is None or self._bar is None:
            return
        if update.percent is not None:
            self._progress.update(
                self._bar, total=100, completed=update.percent, percent=f"{update.percent:.0f} %"
            )
        measured = [point for point in update.points if not _RESOURCES.issuperset(point.metrics)]
        if measured:
            self._progress.update(self._bar, state=describe_point(measured[-1]))

    def _print(self, text: str, style: str = "") -> None:
        if self._progress is not None:
            from rich.text import Text

            self._progress.console.print(Text(text, style=style), soft_wrap=True)
        else:
            print(text, file=sys.stderr, flush=True)


def describe_point(point: MetricPoint) -> str:
    """Return the metrics of a moment in a few words."""
    return strip_controls(
        " ".join(
            f"{name}={'nan' if value is None else f'{value:.4g}'}" for name, value in point.metrics.items()
        )
    )[:120]
