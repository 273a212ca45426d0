"""Keeps the computer from falling asleep while a job runs, and lets it as soon as none does.

A helper of the system holds the lock: systemd-inhibit, or caffeinate. It reads
from a pipe that ends with this process, so that no lock outlives the agent.
Where there is none, or the system refuses, the computer sleeps as ever: jobs
outlive that.
"""

import logging
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess

#: Computers do not fall asleep within seconds: a short job is no reason to start a process.
AFTER_SECONDS = 10.0
_RETRY_SECONDS = 300.0
_SYSTEM_BUS = "/run/dbus/system_bus_socket"
_INHIBIT = (
    *("systemd-inhibit", "--what=sleep:idle", "--who=Idlehands", "--why=a job runs", "--mode=block"),
    "cat",
)
_CAFFEINATE = ("/usr/bin/caffeinate", "-i", "cat")

log = logging.getLogger(__name__)


class Awake:
    """One lock. Used by one thread.

    Args:
        command: Holds the lock as long as its standard input lasts; what this system has by default.
    """

    def __init__(self, command: tuple[str, ...] | None = None) -> None:
        self._command = _find_command() if command is None else command
        self._process: subprocess.Popen[bytes] | None = None
        self._busy_since: float | None = None
        self._failed_at: float | None = None

    @property
    def is_held(self) -> bool:
        """Whether the computer is kept awake."""
        return self._process is not None

    def keep(self, now: float, *, wanted: bool) -> None:
        """Hold the lock if it was wanted for a while, and let go of it at once if it is not."""
        if not wanted:
            self._busy_since = None
            self.close()
            return
        if self._busy_since is None:
            self._busy_since = now
        if self._process is not None:
            if self._process.poll() is None:
                return
            log.warning("the system does not let jobs keep this computer awake")
            self.close()
            self._failed_at = now
        has_failed = self._failed_at is not None and now - self._failed_at < _RETRY_SECONDS
        if self._command and now - self._busy_since >= AFTER_SECONDS and not has_failed:
            self._hold(now)

    def close(self) -> None:
        """Let go of the lock. Safe to repeat."""
        if self._process is None:
            return
        process, self._process = self._process, None
        if process.stdin is not None:
            process.stdin.close()
        process.terminate()
        process.wait()

    def _hold(self, now: float) -> None:
        import subprocess

        try:
            # In the agent's own session: a child in another one would be taken for a script's orphan.
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                bufsize=0,
            )
        except OSError as error:
            log.warning("this computer cannot be kept awake: %s", error)
            self._failed_at = now


def _find_command() -> tuple[str, ...]:
    if sys.platform == "darwin":  # pragma: no cover - macOS
        return _CAFFEINATE
    # Without logind nothing here sends the computer to sleep.
    return _INHIBIT if os.path.exists(_SYSTEM_BUS) else ()
