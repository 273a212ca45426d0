"""Which programs use an NVIDIA GPU, and how hot it is, by nvidia-ml-py where it is installed.

Only a machine with the driver's device is asked, so that no other imports it.
"""

import os
from collections.abc import Callable
from typing import Any

from agents.guest.sensors.port import Seen


class Graphics:
    """The NVIDIA cards of the machine.

    Args:
        is_own: Tells whether a process is a job's.
    """

    name = "graphics cards"
    every_seconds = 1.0

    def __init__(self, is_own: Callable[[int], bool], device: str = "/dev/nvidiactl") -> None:
        self._is_own, self._device = is_own, device
        self._nvml: Any = None
        self._why = ""

    def look(self, now: float) -> Seen:
        """Ask each card."""
        if not os.path.exists(self._device):
            # Cards of others tell nobody who uses them.
            return Seen("no NVIDIA card", {"gpu_programs": None})
        if self._nvml is None and not self._why:
            self._start()
        if self._why:
            return Seen(self._why, {"gpu_programs": None, "gpu_celsius": None})
        try:
            found, warmest = self._ask()
        except Exception as error:  # NVMLError cannot be named without the library
            return Seen(
                f"the driver does not answer: {error}"[:200], {"gpu_programs": None, "gpu_celsius": None}
            )
        words = f"{warmest:.0f} °C, " + (
            f"used by {', '.join(found)}" if found else "used by no other program"
        )
        return Seen(words, {"gpu_programs": tuple(found), "gpu_celsius": warmest})

    def close(self) -> None:
        """Let the library go."""
        if self._nvml is not None:
            self._nvml.nvmlShutdown()
            self._nvml = None

    def _start(self) -> None:
        try:
            import pynvml  # type: ignore[import-not-found,import-untyped,unused-ignore]

            pynvml.nvmlInit()
            self._nvml = pynvml
        except ImportError:
            self._why = "nvidia-ml-py is not installed (pip install nvidia-ml-py)"
        except Exception as error:  # NVMLError cannot be named without the library
            self._why = f"the driver does not answer: {error}"[:200]

    def _ask(self) -> tuple[list[str], float]:
        nvml, found, warmest = self._nvml, set(), 0.0
        for number in range(nvml.nvmlDeviceGetCount()):
            card = nvml.nvmlDeviceGetHandleByIndex(number)
            warmest = max(warmest, float(nvml.nvmlDeviceGetTemperature(card, nvml.NVML_TEMPERATURE_GPU)))
            # Desktops draw with every card: what counts is who computes.
            for process in nvml.nvmlDeviceGetComputeRunningProcesses(card):
                if not self._is_own(process.pid):
                    found.add(_name_of(process.pid))
        return sorted(found), warmest


def _name_of(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return file.read(64).strip()
    except OSError:
        return f"process {pid}"
