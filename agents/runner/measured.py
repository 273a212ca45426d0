"""Limits of one attempt that are measured while it runs: memory, processor time, processes, disk.

Measured over all that the script started, twice a second at most, and not left to the kernel: its bounds
are of one process each, and a bound of address space fails libraries that reserve much and use little.
So an attempt may be over a limit for as long as it takes to look. It is nothing that a script could not
get around on purpose: that is what isolation is for.
"""

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from agents.runner.tree import Process
from agents.runner.usage import read_use
from schemas.specs import Limits

_LOOK_SECONDS = 0.5
#: A look may take this share of the time.
_COSTS = 30
_MIB = 1024 * 1024


class MeasuredLimits:
    """Of one attempt. Made before the script begins: what is in its folders by then is not its own.

    Args:
        limits: Of its spec.
        folders: Where it may write.
    """

    def __init__(self, limits: Limits, folders: Iterable[Path]) -> None:
        self._limits = limits
        self._folders = [os.fspath(folder) for folder in folders] if limits.disk_mb else []
        self._found_bytes = sum(map(_bytes_below, self._folders))

    def __bool__(self) -> bool:
        limits = self._limits
        return bool(limits.memory_mb or limits.cpu_seconds or limits.processes or limits.disk_mb)

    def look(self, find: Callable[[], list[Process]]) -> tuple[str | None, float]:
        """Return the kind of failure if a limit is passed, and after how many seconds to look again.

        Never raises: what cannot be read counts as nothing.
        """
        began = time.perf_counter()
        passed = self._passed(find)
        return passed, max(_LOOK_SECONDS, _COSTS * (time.perf_counter() - began))

    def _passed(self, find: Callable[[], list[Process]]) -> str | None:
        limits = self._limits
        if limits.memory_mb or limits.cpu_seconds or limits.processes:
            found = find()
            if limits.processes and len(found) > limits.processes:
                return "process_limit"
            cpu, memory = read_use([one.pid for one in found])
            if limits.memory_mb and (memory or 0) > limits.memory_mb * _MIB:
                return "memory_limit"
            if limits.cpu_seconds and (cpu or 0) > limits.cpu_seconds:
                return "cpu_limit"
        if limits.disk_mb:
            taken = sum(map(_bytes_below, self._folders)) - self._found_bytes
            if taken > limits.disk_mb * _MIB:
                return "disk_limit"
        return None


def _bytes_below(folder: str) -> int:
    """Return what the files below a folder take on the disk; links are not followed."""
    total = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    if entry.is_dir(follow_symlinks=False):
                        total += _bytes_below(entry.path)
                    else:
                        status = entry.stat(follow_symlinks=False)
                        # Windows has no blocks.
                        total += getattr(status, "st_blocks", 0) * 512 or status.st_size
                except OSError:
                    continue
    except (OSError, RecursionError):
        return total
    return total
