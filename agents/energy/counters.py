"""The counters of a machine, read as they stand: Intel's and AMD's RAPL, NVIDIA's cards, a smart plug.

RAPL's counters go round, some of them within ten minutes: who reads them keeps
reading. Since 2020 only root may read them; where nobody may, there are none.
"""

import contextlib
import math
import os
from pathlib import Path
from typing import Any

POWERCAP = Path("/sys/class/powercap")
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
#: A plug that has said nothing for so long says nothing of now.
PLUG_SILENT_SECONDS = 300.0
_WATTS_AT_MOST = 1e5


class Rapl:
    """The processor's own counters, as joules that never go back. Sums all packages and their memory."""

    def __init__(self, folder: Path = POWERCAP) -> None:
        self._counters: list[tuple[Path, float]] = []
        self._last: list[float] = []
        self._total = 0.0
        for zone in _zones(folder):
            try:
                most = float((zone / "max_energy_range_uj").read_text())
                self._last.append(float((zone / "energy_uj").read_text()))
                self._counters.append((zone / "energy_uj", most))
            except (OSError, ValueError):
                continue

    @property
    def is_there(self) -> bool:
        """Tell whether there is one that may be read."""
        return bool(self._counters)

    def read(self) -> float | None:
        """Return the joules since the beginning. Call it more often than the counters go round."""
        if not self._counters:
            return None
        try:
            now = [float(file.read_text()) for file, _ in self._counters]
        except (OSError, ValueError):
            # The rights were taken away: no counter from now on is better than a wrong one.
            self._counters = []
            return None
        for (_, most), before, after in zip(self._counters, self._last, now, strict=True):
            self._total += after - before if after >= before else after - before + most
        self._last = now
        return self._total / 1e6


def _zones(folder: Path) -> list[Path]:
    """Return the zones to sum: `psys`, which is everything, else packages and memory beside them."""
    names: dict[Path, str] = {}
    for zone in sorted(folder.glob("intel-rapl:*")):
        with contextlib.suppress(OSError):
            names[zone] = (zone / "name").read_text().strip()
    whole = [zone for zone, name in names.items() if name == "psys"]
    return whole[:1] or [zone for zone, name in names.items() if name == "dram" or name.startswith("package")]


class Cards:
    """NVIDIA's cards, by nvidia-ml-py where it is installed; imported when first asked."""

    def __init__(self, device: str = "/dev/nvidiactl") -> None:
        self._device = device
        self._nvml: Any = None
        self._is_hopeless = False

    def read(self) -> float | None:
        """Return the joules of all cards since their driver was loaded."""
        if self._is_hopeless or not os.path.exists(self._device):
            return None
        try:
            if self._nvml is None:
                import pynvml  # type: ignore[import-not-found,import-untyped,unused-ignore]

                pynvml.nvmlInit()
                self._nvml = pynvml
            nvml = self._nvml
            cards = [nvml.nvmlDeviceGetHandleByIndex(n) for n in range(nvml.nvmlDeviceGetCount())]
            return sum(float(nvml.nvmlDeviceGetTotalEnergyConsumption(card)) for card in cards) / 1000
        except Exception:  # NVMLError cannot be named without the library; cards before Volta have no counter
            self._is_hopeless = True
            return None


class Plug:
    """A smart plug, heard on MQTT: watts that hold until the next word, or kWh so far."""

    def __init__(self, unit: str = "W") -> None:
        self._unit = unit
        self._joules = 0.0
        self._watts = 0.0
        self._at: float | None = None

    def hear(self, payload: bytes, now: float) -> None:
        """Take in a number; what is none is ignored."""
        try:
            value = float(payload[:64].decode("ascii").strip())
        except (UnicodeDecodeError, ValueError):
            return
        if not math.isfinite(value) or value < 0:
            return
        if self._unit == "kWh":
            self._joules, self._at = value * 3.6e6, now
        elif value <= _WATTS_AT_MOST:
            self._joules, self._at, self._watts = self._until(now), now, value

    def read(self, now: float) -> float | None:
        """Return the joules since the beginning; None while the plug is silent."""
        if self._at is None or now - self._at > PLUG_SILENT_SECONDS:
            return None
        return self._joules if self._unit == "kWh" else self._until(now)

    def _until(self, now: float) -> float:
        held = 0.0 if self._at is None else min(PLUG_SILENT_SECONDS, max(0.0, now - self._at))
        return self._joules + held * self._watts


def read_busy_seconds(proc: Path = Path("/proc")) -> float | None:
    """Return the processor seconds that all programs together have used; None where that is not told."""
    try:
        with (proc / "stat").open() as lines:
            words = lines.readline().split()
        user, nice, system, _idle, _waits, irq, soft_irq = (float(word) for word in words[1:8])
    except (OSError, ValueError):
        return None
    return (user + nice + system + irq + soft_irq) / _TICKS
