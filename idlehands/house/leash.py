"""No process of a house outlives its supervisor, even when that is killed.

Runs as a program of its own, with nothing but the standard library, and holds
the reading end of a pipe whose writing end only the supervisor keeps. Every
process reports itself (`+PID`) on that pipe before it becomes what it is; when
the pipe closes, the supervisor is gone, and what is left is stopped.

`PR_SET_PDEATHSIG` would do on Linux alone, and not for a broker that changes
its account at start: that clears the setting.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

_PATIENCE_SECONDS = 8.0


class Leash:
    """The supervisor's side: starts processes that are on the leash. Single-threaded."""

    def __init__(self, lock: int) -> None:
        """Begin watching.

        Args:
            lock: Descriptor of a held lock. It stays held until the last process is stopped,
                so that a new supervisor cannot start beside what a killed one left.
        """
        self._lock = lock
        self._pids: set[int] = set()
        self._watcher: subprocess.Popen[bytes] | None = None
        self._pipe = -1
        self._watch()

    def start(
        self, argv: Sequence[str], *, output: int, cwd: str, env: dict[str, str]
    ) -> subprocess.Popen[bytes]:
        """Start `argv` in a session of its own, on the leash before its first instruction.

        Raises:
            OSError: If no process can be started.
        """
        self.check()
        # A shell reports its own process id, which the program then takes over. The pipe is
        # the shell's standard input, so that no further descriptor has to be passed on.
        report = 'echo "+$$" >&0 && exec "$@" </dev/null'
        process = subprocess.Popen(
            ["/bin/sh", "-c", report, "sh", *argv],
            stdin=self._pipe,
            stdout=output,
            stderr=output,
            cwd=cwd,
            env=env,
            start_new_session=True,
        )
        self._pids.add(process.pid)
        return process

    def forget(self, pid: int) -> None:
        """Take a process that has ended off the leash: its number may soon be somebody else's."""
        self._pids.discard(pid)
        with contextlib.suppress(BrokenPipeError):
            os.write(self._pipe, b"-%d\n" % pid)

    def check(self) -> None:
        """Start the watching program again if it was killed."""
        if self._watcher is None or self._watcher.poll() is not None:
            os.close(self._pipe)
            self._watch()

    def close(self) -> None:
        """Let go; what is still running is stopped by the watching program."""
        os.close(self._pipe)
        if self._watcher is not None:
            self._watcher.wait()

    def _watch(self) -> None:
        reading, self._pipe = os.pipe()
        self._watcher = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__],
            stdin=reading,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(self._lock,),
            start_new_session=True,
        )
        os.close(reading)
        for pid in self._pids:
            os.write(self._pipe, b"+%d\n" % pid)


def stop_all(pids: Sequence[int], patience_seconds: float = _PATIENCE_SECONDS) -> None:
    """End the sessions of `pids`, the newest first: TERM, then KILL after `patience_seconds`."""
    for pid in reversed(pids):
        _signal(pid, signal.SIGTERM)
    deadline = time.monotonic() + patience_seconds
    left = list(pids)
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = [pid for pid in left if _signal(pid, 0) and not _is_zombie(pid)]
    for pid in pids:
        # The whole session: a process that ended in time may have left children.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def _signal(pid: int, number: int) -> bool:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _is_zombie(pid: int) -> bool:
    """Tell whether a process has ended and only waits for whoever adopted it to look."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/stat", "rb") as stat:
        return stat.read().rpartition(b") ")[2].startswith(b"Z")
    return False


def _main() -> None:
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    pids: dict[int, None] = {}
    for line in sys.stdin.buffer:
        pid = int(line[1:])
        if line.startswith(b"+"):
            pids[pid] = None
        else:
            pids.pop(pid, None)
    stop_all(list(pids))


if __name__ == "__main__":
    _main()
