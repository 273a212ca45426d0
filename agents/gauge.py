"""How busy and how warm the machine is, read once per heartbeat: a few short files, and a card's driver.

Light, as it is read while the agent is idle: 0.1 ms, and nothing that a machine does not have is imported.
"""

import os
from typing import Any

from schemas.facts import MachineLoad

#: Heartbeats that follow each other at once get the same: over less, the processor's ticks say little.
_SHORTEST_SECONDS = 2.0


class Gauge:
    """The load of the whole machine, from /proc, the kernel's temperatures and nvidia-ml-py.

    Args:
        gpus: Whether to ask NVIDIA's driver, where there is one.
    """

    def __init__(self, *, gpus: bool = False, proc: str = "/proc", device: str = "/dev/nvidiactl") -> None:
        self._proc = proc
        self._asks_cards = gpus and os.path.exists(device)
        self._nvml: Any = None
        self._heat: Any = None
        self._ticks = _read_ticks(proc)
        self._read_at = float("-inf")
        self._last: MachineLoad | None = None

    def read(self, now: float) -> MachineLoad | None:
        """Return the load since the last reading; None where the system tells nothing."""
        if now - self._read_at < _SHORTEST_SECONDS:
            return self._last
        self._read_at = now
        before, self._ticks = self._ticks, _read_ticks(self._proc)
        if self._ticks is None:
            return None
        gpu, gpu_celsius = self._read_cards()
        cpu_celsius, other_celsius = self._read_heat(now)
        self._last = MachineLoad(
            cpu=_busy_percent(before, self._ticks),
            memory=_read_memory(self._proc),
            gpu=gpu,
            cpu_celsius=cpu_celsius,
            gpu_celsius=other_celsius if gpu_celsius is None else gpu_celsius,
        )
        return self._last

    def _read_heat(self, now: float) -> tuple[float | None, float | None]:
        if self._heat is None:
            from agents.guest.sensors.heat import Heat

            self._heat = Heat()
        seen = self._heat.look(now).values
        return _rounded(seen.get("cpu_celsius")), _rounded(seen.get("gpu_celsius"))

    def _read_cards(self) -> tuple[float | None, float | None]:
        """Return how busy all cards are in the mean, and the warmest of them."""
        if not self._asks_cards:
            return None, None
        try:
            if self._nvml is None:
                import pynvml  # type: ignore[import-not-found,import-untyped,unused-ignore]

                pynvml.nvmlInit()
                self._nvml = pynvml
            nvml = self._nvml
            cards = [nvml.nvmlDeviceGetHandleByIndex(n) for n in range(nvml.nvmlDeviceGetCount())]
            used = [float(nvml.nvmlDeviceGetUtilizationRates(card).gpu) for card in cards]
            warm = [float(nvml.nvmlDeviceGetTemperature(card, nvml.NVML_TEMPERATURE_GPU)) for card in cards]
        except Exception:  # NVMLError cannot be named without the library
            self._asks_cards = False
            return None, None
        return _rounded(sum(used) / len(used) if used else None), max(warm, default=None)


def _read_ticks(proc: str) -> tuple[int, int] | None:
    """Return the processor's busy and all its ticks since the machine started."""
    try:
        with open(f"{proc}/stat", "rb") as file:
            fields = [int(field) for field in file.readline().split()[1:9]]
        # user nice system idle iowait irq softirq steal; guests are in user already.
        return sum(fields) - fields[3] - fields[4], sum(fields)
    except (OSError, ValueError, IndexError):
        return None


def _busy_percent(before: tuple[int, int] | None, after: tuple[int, int]) -> float | None:
    if before is None or after[1] <= before[1]:
        return None
    return _rounded(min(100.0, max(0.0, 100 * (after[0] - before[0]) / (after[1] - before[1]))))


def _read_memory(proc: str) -> float | None:
    found = {}
    try:
        with open(f"{proc}/meminfo", "rb") as file:
            for line in file:
                name, _, rest = line.partition(b":")
                if name in (b"MemTotal", b"MemAvailable"):
                    found[name] = int(rest.split()[0])
        total, available = found[b"MemTotal"], found[b"MemAvailable"]
    except (OSError, ValueError, IndexError, KeyError):
        return None
    return _rounded(min(100.0, max(0.0, 100 * (1 - available / total)))) if total else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
