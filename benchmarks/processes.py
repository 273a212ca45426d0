"""What the kernel says of processes: memory and processor time. Linux only."""

import contextlib
from pathlib import Path


def family_of(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                found += [int(child) for child in (task / "children").read_text().split()]
    return found


def read_pss_mb(pid: int) -> float:
    """Return the proportional set size of a process with its descendants, in MB of 10^6 bytes."""
    return sum(_read_kb(one, "Pss") for one in family_of(pid)) * 1024 / 1e6


def read_rss_mb(pid: int) -> float:
    """Return the resident set size likewise: shared pages count in full, as for a Python alone."""
    return sum(_read_kb(one, "Rss") for one in family_of(pid)) * 1024 / 1e6


def _read_kb(pid: int, what: str) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1])
    raise ValueError(f"/proc/{pid}/smaps_rollup names no {what}")


def read_cpu_seconds(pid: int, *, family: bool = True) -> float:
    """Return the processor time of a process, with its descendants if `family`, to the nanosecond.

    `/proc/PID/stat` counts in ticks of 10 ms, more than an idle process uses in seconds.
    """
    return sum(
        _read_task_seconds(task)
        for one in (family_of(pid) if family else [pid])
        for task in Path(f"/proc/{one}/task").iterdir()
    )


def _read_task_seconds(task: Path) -> float:
    try:
        return int((task / "schedstat").read_text().split()[0]) / 1e9
    except (FileNotFoundError, ProcessLookupError):
        return 0.0  # a thread that ended just now
