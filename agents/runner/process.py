"""A script's process as the watcher knows it, whether it was started or forked from a warm interpreter."""

import os
import subprocess
from typing import IO, Protocol


class ScriptProcess(Protocol):
    """What `Watch` asks of a process. Its pid is its own until it was waited for."""

    stdout: IO[bytes] | None
    stderr: IO[bytes] | None
    returncode: int | None

    @property
    def pid(self) -> int:
        """The number of the process in the agent's process table."""

    def open_exit(self) -> int:
        """Return a new descriptor that becomes readable when the process has ended.

        Raises:
            AttributeError, OSError: If this system has none.
        """

    def has_exited(self) -> bool:
        """Tell whether it has ended; it is not waited for."""

    def wait_with_usage(self) -> tuple[float, float]:
        """Return CPU seconds and the largest resident size in MiB, once the process has ended."""

    def wait(self) -> int:
        """Return the exit code, negative for a signal, once the process has ended."""


class FreshProcess(subprocess.Popen[bytes]):
    """A script in an interpreter of its own, or the sandbox around it."""

    def open_exit(self) -> int:
        """See `ScriptProcess.open_exit`."""
        return os.pidfd_open(self.pid)

    def has_exited(self) -> bool:
        """See `ScriptProcess.has_exited`."""
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except (AttributeError, OSError):
            return self.poll() is not None

    def wait_with_usage(self) -> tuple[float, float]:
        """See `ScriptProcess.wait_with_usage`; zeros where the system does not tell."""
        if self.returncode is not None or not hasattr(os, "wait4"):
            self.wait()
            return 0.0, 0.0
        _, status, usage = os.wait4(self.pid, 0)
        self.returncode = os.waitstatus_to_exitcode(status)
        scale = 1024 * 1024 if os.uname().sysname == "Darwin" else 1024
        return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / scale
