"""Where a running script is: what the system says of its processes and, by py-spy, all Python stacks.

Asked for by a person of the house, answered in a thread of its own. The script
is neither stopped nor changed: its memory is read from outside.
"""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from agents.runner.isolation import find_program
from agents.runner.tree import Process, Tree
from schemas.stacks import END

_PROCESSES_AT_MOST, _LINES_AT_MOST = 8, 120
_SECONDS = 10.0
_STATES = {
    "R": "running",
    "S": "waiting",
    "D": "waiting for a disk or a device",
    "T": "standing still",
    "t": "standing still",
    "I": "idle",
}
_MISSING = "Python stacks are told by py-spy, which this machine does not have: pip install py-spy"


class Stacks:
    """One attempt's answers. `ask` from any thread, `take` from the attempt's own."""

    def __init__(self, wake: Callable[[], None]) -> None:
        """Take what is called when there is something to take."""
        self._wake = wake
        self._lock = threading.Lock()
        self._is_asked = False
        self._lines: list[str] = []

    def ask(self, tree: Tree) -> None:
        """Begin an answer, unless one is on its way."""
        with self._lock:
            if self._is_asked:
                return
            self._is_asked = True
        threading.Thread(target=self._answer, args=(tree,), name="stacks", daemon=True).start()

    def take(self) -> list[str]:
        """Return the lines of an answer that has come; mostly none."""
        if not self._lines:
            return []
        with self._lock:
            lines, self._lines, self._is_asked = self._lines, [], False
        return lines

    def _answer(self, tree: Tree) -> None:
        try:
            lines = describe(tree.find())
        except Exception as error:
            lines = [f"it could not be told: {error}"]
        left = len(lines) - _LINES_AT_MOST
        with self._lock:
            self._lines = [*lines[:_LINES_AT_MOST], *([f"... {left} more lines"] if left > 0 else []), END]
        self._wake()


def describe(processes: list[Process]) -> list[str]:
    """Return what is known of these processes, in lines for a person."""
    lines: list[str] = []
    spy = find_spy()
    for process in sorted(processes, key=lambda one: one.pid)[:_PROCESSES_AT_MOST]:
        lines.append(_describe(process))
        if _is_python(process.pid) and spy is not None:
            lines += [f"    {line}" for line in _read_stacks(spy, process.pid)]
    if not processes:
        lines.append("it has no process any more")
    elif len(processes) > _PROCESSES_AT_MOST:
        lines.append(f"... {len(processes) - _PROCESSES_AT_MOST} more processes")
    if spy is None:
        lines.append(_MISSING)
    return lines


def find_spy() -> str | None:
    """Return the program py-spy, from beside this Python or from the path."""
    beside = Path(sys.executable).with_name("py-spy")
    return str(beside) if beside.is_file() else find_program("py-spy")


def _describe(process: Process) -> str:
    folder = f"/proc/{process.pid}"
    said = [_STATES.get(process.state, process.state)]
    place = _read(f"{folder}/wchan")
    if place not in ("", "0"):
        said.append(f"in {place}")
    with contextlib.suppress(OSError):
        said.append(f"{len(os.listdir(f'{folder}/task'))} threads")
    with contextlib.suppress(OSError):
        said.append(f"{len(os.listdir(f'{folder}/fd'))} open files")
    words = _read(f"{folder}/cmdline").replace("\0", " ").strip()
    return f"process {process.pid}: {', '.join(said)}; {words[:300]}"


def _is_python(pid: int) -> bool:
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe")).startswith("python")
    except OSError:
        return not sys.platform.startswith("linux")


def _read_stacks(spy: str, pid: int) -> list[str]:
    words = [spy, "dump", "--nonblocking", "--pid", str(pid)]
    try:
        # In the agent's session: what is in another one is taken for a script's orphan.
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return [f"py-spy failed: {error}"]
    said = (done.stdout if done.returncode == 0 else done.stderr).decode("utf-8", "replace")
    if done.returncode:
        return [f"py-spy failed: {line}" for line in said.strip().splitlines()[:5]]
    # Its head repeats the process.
    return [
        line for line in said.splitlines() if line.strip() and not line.startswith(("Process ", "Python v"))
    ]


def _read(path: str) -> str:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read(4096).decode("utf-8", "replace")
    except OSError:
        return ""
