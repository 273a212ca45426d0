"""What an attempt's processes use of the machine: CPU, memory, graphics cards, as points of curves.

Sampled when the watcher looks at the tree anyway, from the second second on,
and ever more rarely: some 50 points for ten minutes, 320 for a day. CPU time
of children that ended counts with the parent that waited for them.
"""

import os
import sys
import time
from collections.abc import Iterable
from typing import Any

from agents.runner.progress import Reading
from schemas.resources import CPU, GPU, GPU_MEMORY, MEMORY, QUIET, QUIET_FROM

_FIRST_SECONDS = 1.0
#: The time between two points, as a part of the time that has passed.
_SHARE = 0.02
#: The same as a multiple of what a sample took: at most a five-hundredth of the time goes into it.
_COSTS = 500
#: A thread that asks now and then whether something came uses about that.
_IDLE_PERCENT = 0.5
_MIB = 1024 * 1024
#: The shared memory of more processes is not told apart: that takes 6 ms for each that has torch.
_SHARING_AT_MOST = 16
_CARDS = ("/dev/nvidiactl", "/dev/dxg")


class Usage:
    """Of one attempt."""

    def __init__(self, quiet_from: float = QUIET_FROM) -> None:
        """Measure nothing yet.

        Args:
            quiet_from: After so many seconds without output and CPU, that is a point, too.
        """
        self._quiet_from = quiet_from
        self._heard_at = 0.0
        self._printed = 0
        self._told_at = 0.0
        self._cpu_seconds = 0.0
        self._next_at = _FIRST_SECONDS
        self._cards: Cards | None = None
        self._has_cards = any(os.path.exists(path) for path in _CARDS)

    def sample(
        self, pids: Iterable[int], seconds: float, printed: int = 0, *, is_held: bool = False
    ) -> Reading | None:
        """Return what these processes use, `seconds` after the start; None while it is not time for it.

        Never raises: what cannot be read is left out.

        Args:
            pids: Of the processes.
            seconds: Since the start.
            printed: How many bytes they printed so far.
            is_held: The owner of the machine lets them stand still, which is no quiet of theirs.
        """
        if seconds < self._next_at:
            return None
        began = time.perf_counter()
        metrics = self._measure(list(pids), seconds)
        if is_held or printed != self._printed or not _is_idle(metrics):
            self._printed, self._heard_at = printed, seconds
        elif seconds - self._heard_at >= self._quiet_from:
            metrics[QUIET] = round(seconds - self._heard_at)
        spent = time.perf_counter() - began
        self._next_at = seconds + max(_SHARE * seconds, _COSTS * spent)
        return Reading(step=round(seconds, 1), metrics=metrics) if metrics else None

    def _measure(self, found: list[int], seconds: float) -> dict[str, float | None]:
        cpu, memory = read_use(found)
        metrics: dict[str, float | None] = {}
        if cpu is not None:
            spent = max(0.0, cpu - self._cpu_seconds) / max(seconds - self._told_at, 0.001)
            metrics[CPU] = round(100 * min(spent, os.cpu_count() or 1), 1)
            self._cpu_seconds, self._told_at = cpu, seconds
        if memory is not None:
            metrics[MEMORY] = round(memory / _MIB, 1)
        if self._has_cards:
            self._cards = self._cards or Cards()
            metrics |= self._cards.read(set(found))
        return metrics


def read_use(pids: list[int]) -> tuple[float | None, float | None]:
    """Return the CPU seconds and the bytes of memory of those that live; None where neither can be told."""
    return (_read_proc if sys.platform.startswith("linux") else _read_psutil)(pids)


def _is_idle(metrics: dict[str, float | None]) -> bool:
    return CPU in metrics and (metrics[CPU] or 0) < _IDLE_PERCENT and not metrics.get(GPU)


def _read_proc(pids: list[int]) -> tuple[float | None, float | None]:
    """Return CPU seconds and bytes of memory of the living; None without any."""
    ticks, pages, living = 0, 0, []
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
                line = file.read(1024)
            fields = line[line.rindex(b")") + 2 :].split()
            # Its own, and those of its children that it has waited for.
            ticks += sum(int(fields[at]) for at in (11, 12, 13, 14))
            pages += int(fields[21])
            living.append(pid)
        except (OSError, ValueError, IndexError):
            continue
    if not living:
        return None, None
    memory: float | None = None
    if 1 < len(living) <= _SHARING_AT_MOST:
        memory = _read_shares(living)
    if memory is None:
        memory = pages * os.sysconf("SC_PAGE_SIZE")
    return ticks / os.sysconf("SC_CLK_TCK"), memory


def _read_shares(pids: list[int]) -> float | None:
    """Return the bytes of processes that share memory, each byte once."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
                total += next(int(line.split()[1]) for line in file if line.startswith(b"Pss:"))
        except (OSError, StopIteration, ValueError):
            return None
    return 1024.0 * total


def _read_psutil(pids: list[int]) -> tuple[float | None, float | None]:
    try:
        import psutil  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        return None, None
    cpu = memory = 0.0
    for pid in pids:
        try:
            process = psutil.Process(pid)
            times = process.cpu_times()
            cpu += times.user + times.system
            memory += process.memory_info().rss
        except psutil.Error:
            continue
    return cpu, memory


class Cards:
    """Graphics cards of NVIDIA's, where nvidia-ml-py is installed. Asked for nothing until `read`."""

    def __init__(self, nvml: Any = None) -> None:
        """Take the library, or None to load it if it is there."""
        self._nvml = nvml if nvml is not None else _load_nvml()

    def read(self, pids: set[int]) -> dict[str, float | None]:
        """Return what these processes use; nothing when it cannot be told, or they use none."""
        nvml = self._nvml
        if nvml is None:
            return {}
        try:
            return self._read(nvml, pids)
        except Exception:
            # The library has errors of its own, and a driver may go away.
            self._nvml = None
            return {}

    def _read(self, nvml: Any, pids: set[int]) -> dict[str, float | None]:
        memory, shares = 0, []
        for number in range(nvml.nvmlDeviceGetCount()):
            card = nvml.nvmlDeviceGetHandleByIndex(number)
            own = [one for one in nvml.nvmlDeviceGetComputeRunningProcesses(card) if one.pid in pids]
            if own:
                # None on Windows, where the system does not tell.
                memory += sum(one.usedGpuMemory or 0 for one in own)
                shares.append(float(nvml.nvmlDeviceGetUtilizationRates(card).gpu))
        if not shares:
            return {}
        return {GPU: round(sum(shares) / len(shares), 1), GPU_MEMORY: round(memory / _MIB, 1)}


def _load_nvml() -> Any:
    try:
        import pynvml  # type: ignore[import-not-found,import-untyped,unused-ignore]

        pynvml.nvmlInit()
    except Exception:
        # Not installed, or no driver: ImportError, or one of its own.
        return None
    return pynvml
