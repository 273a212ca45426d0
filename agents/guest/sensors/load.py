"""What other programs take of the processor, and how much memory jobs have, from /proc.

Jobs are the descendants of this agent. Their time is that of the living and,
as the kernel adds it to whoever waits, of the dead.
"""

import os
from collections.abc import Callable, Iterable

from agents.guest.sensors.port import Seen

_SPAN_SECONDS = 3.0
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


class Load:
    """The processor's time over the last three seconds, and memory.

    Args:
        root: Of jobs: everything below this process.
        is_busy: Tells whether there are jobs: without, only totals need to be read.
        programs: The names of programs to look for among all others.
    """

    name = "load"
    every_seconds = 1.0

    def __init__(
        self,
        root: int | None = None,
        is_busy: Callable[[], bool] = lambda: True,
        programs: Callable[[], Iterable[str]] = tuple,
        proc: str = "/proc",
    ) -> None:
        self._root = os.getpid() if root is None else root
        self._is_busy, self._programs, self._proc = is_busy, programs, proc
        #: (when, busy, total, of jobs), in ticks, the oldest first.
        self._samples: list[tuple[float, float, float, float]] = []

    def look(self, now: float) -> Seen:
        """Read the totals, and the processes if somebody needs them."""
        busy, total = self._read_totals()
        wanted = any(self._programs())
        table = _read_table(self._proc) if self._is_busy() or wanted else {}
        own_ticks, own_pages, names = _sum_up(table, self._root)
        available, size = self._read_memory()
        foreign = self._foreign(now, busy, total, own_ticks)
        memory = 100 * own_pages * _PAGE / size if size else None
        values = {
            "foreign_cpu": foreign,
            "programs": frozenset(names) if wanted else None,
            "job_memory": memory,
            "available_memory": 100 * available / size if size and available is not None else None,
        }
        words = (
            "others take ? of the processor"
            if foreign is None
            else f"others take {foreign:.0f} % of the processor"
        )
        if memory is not None and values["available_memory"] is not None:
            words += (
                f"; jobs have {memory:.0f} % of the memory, {values['available_memory']:.0f} % are available"
            )
        return Seen(words, values)

    def close(self) -> None:
        """Nothing is open."""

    def _foreign(self, now: float, busy: float, total: float, own: float) -> float | None:
        if self._samples and own < self._samples[-1][3]:
            self._samples.clear()  # no jobs any more, or a process took its time with it
        self._samples.append((now, busy, total, own))
        while len(self._samples) > 2 and now - self._samples[1][0] >= _SPAN_SECONDS:
            del self._samples[0]
        _, busy0, total0, own0 = self._samples[0]
        if total <= total0:
            return None
        # Both clocks tick on their own: more of ours than of all is rounding.
        return min(100.0, max(0.0, 100 * ((busy - busy0) - (own - own0)) / (total - total0)))

    def _read_totals(self) -> tuple[float, float]:
        try:
            with open(f"{self._proc}/stat", "rb") as file:
                fields = [int(field) for field in file.readline().split()[1:9]]
        except (OSError, ValueError):
            return 0.0, 0.0
        # user nice system idle iowait irq softirq steal; guests are in user already.
        idle = fields[3] + fields[4]
        return float(sum(fields) - idle), float(sum(fields))

    def _read_memory(self) -> tuple[int | None, int]:
        found = {}
        try:
            with open(f"{self._proc}/meminfo", "rb") as file:
                for line in file:
                    name, _, rest = line.partition(b":")
                    if name in (b"MemTotal", b"MemAvailable"):
                        found[name] = int(rest.split()[0]) * 1024
        except (OSError, ValueError, IndexError):
            return None, 0
        return found.get(b"MemAvailable"), found.get(b"MemTotal", 0)


def _read_table(proc: str) -> dict[int, tuple[int, int, int, str]]:
    """Return parent, ticks, pages and name of each process."""
    table = {}
    for name in os.listdir(proc):
        if not name.isdigit():
            continue
        try:
            with open(f"{proc}/{name}/stat", "rb", buffering=0) as file:
                line = file.read(1024)
            start, end = line.index(b"(") + 1, line.rindex(b")")
            fields = line[end + 2 :].split()
            ticks = sum(int(field) for field in fields[11:15])
            table[int(name)] = (
                int(fields[1]),
                ticks,
                int(fields[21]),
                line[start:end].decode("utf-8", "replace"),
            )
        except (OSError, ValueError, IndexError):
            continue  # it ended just now
    return table


def _sum_up(table: dict[int, tuple[int, int, int, str]], root: int) -> tuple[float, int, set[str]]:
    """Return ticks and pages of the root's descendants, and the names of all others."""
    own: dict[int, bool] = {0: False, 1: root == 1, root: True}
    ticks, pages, names = 0, 0, set()
    for pid in table:
        path = []
        at = pid
        while at not in own and at in table and at not in path:
            path.append(at)
            at = table[at][0]
        is_own = own.get(at, False)
        own.update(dict.fromkeys(path, is_own))
        if own.get(pid, False):
            ticks += table[pid][1]
            pages += table[pid][2] if pid != root else 0
        else:
            names.add(table[pid][3].casefold())
    return float(ticks), pages, names
