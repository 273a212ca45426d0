"""A bar for what takes long: on standard error, where that is a terminal; elsewhere nothing.

rich leaves colours out where NO_COLOR is set or TERM is dumb.
"""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

#: Told how much is done, of how much; 0 of 0 while that is not known.
OnDone = Callable[[int, int], None]
#: What is quicker than this needs no bar.
_PATIENCE_SECONDS = 0.3


@contextlib.contextmanager
def bar(what: str, *, is_bytes: bool = True) -> Iterator[OnDone]:
    """Yield a function that is told how far it is.

    Args:
        what: Is done, in a word or two: `sending wine.csv`.
        is_bytes: Whether numbers are bytes; else they count things.
    """
    drawn: OnDone | None = None
    with contextlib.ExitStack() as stack:
        began = time.monotonic()

        def on_done(done: int, total: int) -> None:
            nonlocal drawn
            if not sys.stderr.isatty() or time.monotonic() - began < _PATIENCE_SECONDS:
                return
            if drawn is None:
                drawn = _draw(stack, what, is_bytes)
            drawn(done, total)

        yield on_done


def _draw(stack: contextlib.ExitStack, what: str, is_bytes: bool) -> OnDone:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    sizes = (DownloadColumn(), TransferSpeedColumn()) if is_bytes else (MofNCompleteColumn(),)
    # Markup is off: names of files may hold brackets.
    label = TextColumn("{task.description}", markup=False)
    progress = Progress(
        label, BarColumn(), *sizes, TimeRemainingColumn(), console=Console(stderr=True), transient=True
    )
    stack.enter_context(progress)
    task = progress.add_task(what, total=None)

    def on_done(done: int, total: int) -> None:
        progress.update(task, completed=done, total=total or None)

    return on_done
