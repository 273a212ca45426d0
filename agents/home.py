"""An agent's folder: one process at a time, and a boot number that only grows.

home/lock      held as long as the agent runs
home/boot      number of the latest start
home/spool.db  undelivered results
"""

import os
import time
from pathlib import Path
from types import TracebackType
from typing import IO

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    fcntl = None  # type: ignore[assignment]


class HomeInUse(Exception):
    """Another agent process uses this folder."""


class AgentHome:
    """The folder, locked while this object is entered.

    Raises:
        HomeInUse: On entering, if another process holds the lock.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: IO[str] | None = None

    def __enter__(self) -> "AgentHome":
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = (self.path / "lock").open("a+")
        if fcntl is not None:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                self._lock.close()
                raise HomeInUse(
                    f"an agent already runs in {self.path}: stop it, or give this one another --home"
                ) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lock is not None:
            self._lock.close()

    @property
    def spool(self) -> Path:
        """Return where undelivered results lie."""
        return self.path / "spool.db"

    def next_boot(self) -> int:
        """Return a boot number larger than every earlier one, and store it durably.

        It grows with the wall clock too, so that a folder that was deleted or
        restored from a backup does not begin with numbers that HQ has seen.
        """
        file = self.path / "boot"
        try:
            last = int(file.read_text())
        except (OSError, ValueError):
            last = 0
        boot = max(last + 1, int(time.time()))
        new = file.with_suffix(".new")
        with new.open("w") as stream:
            stream.write(str(boot))
            stream.flush()
            os.fsync(stream.fileno())
        new.replace(file)
        return boot
