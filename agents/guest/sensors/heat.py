"""Temperatures, from /sys/class/hwmon and the kernel's thermal zones. Of several, the warmest counts."""

import glob
import os

from agents.guest.sensors.port import Seen

#: Drivers of processors' own sensors.
_PROCESSORS = ("coretemp", "k10temp", "zenpower", "cpu_thermal", "x86_pkg_temp", "soc_thermal", "acpitz")
_GRAPHICS = ("amdgpu", "nouveau", "radeon", "i915", "xe")
_LIST_SECONDS = 60.0


class Heat:
    """The sensors of processor and graphics card that the kernel knows."""

    name = "temperatures"
    every_seconds = 2.0

    def __init__(self, sensors: str = "/sys/class/hwmon", zones: str = "/sys/class/thermal") -> None:
        self._sensors, self._zones = sensors, zones
        self._listed_at = -_LIST_SECONDS
        self._files: dict[str, list[str]] = {}

    def look(self, now: float) -> Seen:
        """Read those that were found; they are looked for again every minute."""
        if now - self._listed_at >= _LIST_SECONDS:
            self._listed_at = now
            self._files = self._find()
        cpu, gpu = _warmest(self._files.get("cpu", [])), _warmest(self._files.get("gpu", []))
        values = {"cpu_celsius": cpu}
        words = "processor unknown" if cpu is None else f"processor {cpu:.0f} °C"
        if gpu is not None:
            values["gpu_celsius"] = gpu
            words += f", graphics card {gpu:.0f} °C"
        return Seen(words, values)

    def close(self) -> None:
        """Nothing is open."""

    def _find(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {"cpu": [], "gpu": [], "firmware": []}
        for folder in glob.glob(f"{self._sensors}/hwmon*"):
            name = _text(f"{folder}/name")
            part = "gpu" if name in _GRAPHICS else "cpu" if name in _PROCESSORS else ""
            part = "firmware" if name == "acpitz" else part
            if part:
                found[part] += glob.glob(f"{folder}/temp*_input")
        for folder in glob.glob(f"{self._zones}/thermal_zone*"):
            name = _text(f"{folder}/type")
            if name.startswith(("cpu", *_PROCESSORS)):
                found["firmware" if name == "acpitz" else "cpu"].append(f"{folder}/temp")
        # The firmware's zone is often a constant or somewhere else on the board.
        found["cpu"] = found["cpu"] or found["firmware"]
        return found


def _warmest(files: list[str]) -> float | None:
    told = []
    for file in files:
        text = _text(file)
        if text.lstrip("-").isdigit() and 0 < int(text) < 150_000:
            told.append(int(text) / 1000)
    return max(told, default=None)


def _text(path: str) -> str:
    try:
        with open(os.path.realpath(path), encoding="ascii", errors="replace") as file:
            return file.read(64).strip()
    except OSError:
        return ""
