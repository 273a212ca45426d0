"""One component of the house with its process: when it may start, and how its end is judged.

Starts and reaps; it decides about no other component.
"""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

from idlehands.house.components import Component
from idlehands.house.home import HouseError
from idlehands.house.leash import Leash
from idlehands.house.logs import last_lines, open_log
from idlehands.house.status import ComponentStatus

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 10.0
#: A process that ran this long has earned a quick restart again.
STEADY_SECONDS = 30.0
HOPELESS_STARTS = 3


class Child:
    """A component and the process that it is at this moment, if any."""

    def __init__(self, component: Component, log: Path) -> None:
        self.component = component
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None
        self.ready = False
        #: Never false again: what worked once is worth any number of restarts.
        self.was_ready = False
        #: Set by the thread that looks for readiness, read by the supervisor.
        self.fault: HouseError | None = None
        #: Monotonic; 0 before the first start.
        self.next_start = 0.0
        self._pause = FIRST_PAUSE_SECONDS
        self._starts = 0
        self._started_at = 0.0
        self._since = time.time()

    @property
    def status(self) -> ComponentStatus:
        """What the status file says of it."""
        state = "waiting" if self.process is None else "ready" if self.ready else "starting"
        pid = self.process.pid if self.process else None
        return ComponentStatus(self.component.name, state, pid, self._since, max(self._starts - 1, 0))

    def start(self, leash: Leash, cwd: Path, environment: dict[str, str]) -> None:
        """Start the process.

        Raises:
            OSError: If no process can be started.
        """
        log = open_log(self.log)
        try:
            self.process = leash.start(self.component.argv, output=log, cwd=str(cwd), env=environment)
        finally:
            os.close(log)
        self._started_at, self._since = time.monotonic(), time.time()
        self._starts += 1

    def reap(self, leash: Leash) -> str | None:
        """Return what happened if the process has ended, None if not; plans the next start.

        Raises:
            HouseError: If it ended `HOPELESS_STARTS` times and never was ready.
        """
        if self.process is None or self.is_running():
            return None
        code = self.process.returncode
        leash.forget(self.process.pid)
        self.process, self.ready, self._since = None, False, time.time()
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        if not self.was_ready and self._starts >= HOPELESS_STARTS:
            raise HouseError(
                f"{self.component.name} does not start: it ended {self._starts} times ({how}). "
                f"Its last words, from {self.log}:\n{last_lines(self.log)}"
            )
        ran = time.monotonic() - self._started_at
        pause = FIRST_PAUSE_SECONDS if ran > STEADY_SECONDS else self._pause
        self._pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        self.next_start = time.monotonic() + pause
        return f"{self.component.name} ended ({how}); starting it again in {pause:.1f} s"

    def is_running(self) -> bool:
        """Tell whether there is a process that has not ended."""
        return self.process is not None and self.process.poll() is None

    def terminate(self) -> None:
        """Ask the process to end."""
        if self.process is not None and self.is_running():
            self.process.terminate()

    def kill(self) -> None:
        """End the process and whatever it left in its session."""
        if self.process is not None and self.is_running():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
