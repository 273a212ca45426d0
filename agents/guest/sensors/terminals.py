"""Terminals: when somebody last typed into one. The kernel notes it as the access time of the device.

Covers consoles somebody is logged in at, SSH sessions, and terminal windows.
"""

import os
import stat
import time

from agents.guest.sensors.port import Input, Seen
from agents.guest.words import ago


class Terminals:
    """Pseudo-terminals in `pts`, and consoles that belong to somebody."""

    name = "terminals"
    every_seconds = 0.25

    def __init__(self, devices: str = "/dev") -> None:
        self._devices = devices

    def look(self, now: float) -> Seen:
        """Look at the access times."""
        times = [*self._pseudo_terminals(), *self._consoles()]
        if not times:
            return Seen("none is open")
        wall = time.time()
        seconds = max(0.0, wall - max(times))
        return Seen(f"{len(times)} open, last typing {ago(seconds)}", inputs=(Input("terminal", seconds),))

    def close(self) -> None:
        """Nothing is open."""

    def _pseudo_terminals(self) -> list[float]:
        try:
            names = os.listdir(f"{self._devices}/pts")
        except OSError:
            return []
        return [at for name in names if name.isdigit() and (at := self._accessed(f"pts/{name}")) is not None]

    def _consoles(self) -> list[float]:
        # A console belongs to whoever is logged in there, and to root when nobody is; root at a
        # console is seen by the session.
        return [
            at for number in range(1, 13) if (at := self._accessed(f"tty{number}", owned=True)) is not None
        ]

    def _accessed(self, name: str, *, owned: bool = False) -> float | None:
        try:
            found = os.stat(f"{self._devices}/{name}")
        except OSError:
            return None
        if not stat.S_ISCHR(found.st_mode) or (owned and found.st_uid == 0):
            return None
        return found.st_atime
