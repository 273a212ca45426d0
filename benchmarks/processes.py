"""What the kernel says of processes: memory and processor time. Linux only."""

import contextlib
from pathlib import Path


def family_of(pid: int) -> list[int]:
    """Return a process and all its descendants.

    Raises:
        ProcessLookupError: If there is no such process.
    """
    found = [pid]
    if not Path(f"/proc/{pid}").exists():
        raise ProcessLookupError(f"no process has the id {pid}")
    for parent in found:
        for task in _tasks_of(parent):
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
    # A descendant that ended just now has no memory left: its file is gone, or empty until it is reaped.
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith(f"{what}:"):
                return int(line.split()[1])
    return 0


def read_cpu_seconds(pid: int, *, family: bool = True) -> float:
    """Return the processor time of a process, with its descendants if `family`, to the nanosecond.

    `/proc/PID/stat` counts in ticks of 10 ms, more than an idle process uses in seconds.
    """
    return sum(
        _read_task_seconds(task) for one in (family_of(pid) if family else [pid]) for task in _tasks_of(one)
    )


def _tasks_of(pid: int) -> list[Path]:
    try:
        return list(Path(f"/proc/{pid}/task").iterdir())
    except (FileNotFoundError, ProcessLookupError):
        return []  # a descendant that ended just now


def _read_task_seconds(task: Path) -> float:
    try:
        return int((task / "schedstat").read_text().split()[0]) / 1e9
    except (FileNotFoundError, ProcessLookupError):
        return 0.0  # a thread that ended just now
