"""For scripts that want more than arguments and output: progress, checkpoints, a polite end.

Optional, and without effect outside a job: a script that imports it runs by
hand as before, provided the import is possible there:

    try:
        import idlehands
    except ImportError:
        idlehands = None

Only the standard library, and any Python 3.8 or later.
"""

import json
import os
import re
import shutil
import signal
import sys
import tempfile
import threading
from typing import Any, Optional

_lock = threading.Lock()
_terminated = False
_own_checkpoints: Optional[str] = None  # noqa: UP045 - for Python 3.8


def in_job() -> bool:
    """Tell whether an agent started this script."""
    return "IDLEHANDS_JOB" in os.environ


def report(step: Any = None, **metrics: Any) -> None:
    """Report numbers, live: `report(step=epoch, loss=0.31, accuracy=0.92)`.

    Prints one JSON line. numpy and torch scalars are taken as numbers;
    `percent` (0 to 100) moves the progress bar.
    """
    line = {} if step is None else {"step": _number(step)}
    line.update((name, _number(value)) for name, value in metrics.items())
    text = json.dumps(line) + "\n"
    with _lock:
        sys.stdout.write(text)
        sys.stdout.flush()


def checkpoint_dir() -> str:
    """Return a folder that outlives this attempt on this machine; by hand, a temporary one.

    What an earlier attempt of the same job left there can be continued.
    """
    global _own_checkpoints
    path = os.environ.get("IDLEHANDS_CHECKPOINTS")
    if path:
        os.makedirs(path, exist_ok=True)
        return path
    if _own_checkpoints is None:
        _own_checkpoints = tempfile.mkdtemp(prefix="checkpoints-")
    return _own_checkpoints


def generation() -> int:
    """Return how many trials were before this one, each going on from the last: 0 outside a population.

    In population based training train until `(generation() + 1) * epochs`, counted with those of the
    checkpoint: then a trial that is interrupted trains no more than one that is not.
    """
    return int(os.environ.get("IDLEHANDS_GENERATION", "0"))


def seed() -> "int | None":
    """Return the number for this attempt's random numbers, None by hand: then they are drawn anew.

    It is kept with the result, and `idlehands reproduce` gives it again: `random.seed(idlehands.seed())`,
    `numpy.random.default_rng(idlehands.seed())`.
    """
    given = os.environ.get("IDLEHANDS_SEED")
    return int(given) if given else None


def should_stop() -> bool:
    """Tell whether this machine is wanted back: save what matters, print the result and exit.

    A script that asks this is not ended by SIGTERM any more, unless it has its own handler: it ends itself,
    in the time that the machine's owner grants.
    """
    path = os.environ.get("IDLEHANDS_STOP_FILE")
    if path is None:
        return False
    _outlive_sigterm()
    return _terminated or os.path.exists(path)


def _outlive_sigterm() -> None:
    """Take SIGTERM for a request to stop. Possible in the main thread only."""
    if threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _note_sigterm)


def _note_sigterm(_number: int, _frame: Any) -> None:
    global _terminated
    _terminated = True


def save(name: str, path: str) -> None:
    """Hand in a file under a name, such as `save("model.pt", "out/model.pt")`. By hand, does nothing.

    Raises:
        ValueError: If the name is not a plain file name of letters, digits, dots, hyphens and underscores.
        OSError: If the file cannot be read.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name) or name.endswith(".partial"):
        raise ValueError(
            "the name must be a plain file name of at most 100 letters, digits, dots, hyphens and "
            f"underscores, got {name!r}"
        )
    folder = os.environ.get("IDLEHANDS_SAVED")
    if not folder:
        return
    os.makedirs(folder, exist_ok=True)
    partial = os.path.join(folder, name + ".partial")
    shutil.copyfile(path, partial)
    os.replace(partial, os.path.join(folder, name))


def _number(value: Any) -> Any:
    item = getattr(value, "item", None)
    if callable(item):
        try:
            value = item()
        except (TypeError, ValueError, RuntimeError):
            return str(value)
    return value if isinstance(value, (int, float, str, bool)) or value is None else str(value)
