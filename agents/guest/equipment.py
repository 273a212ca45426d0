"""Which sensors this machine has, and which of them the owner's rules need."""

import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from agents.guest.sensors.disk import Disk
from agents.guest.sensors.elsewhere import MacInput, WindowsInput
from agents.guest.sensors.port import Sensor
from agents.guest.settings import Settings

Need = Callable[[Settings], bool]


def build_sensors(
    home: Path, settings: Callable[[], Settings], *, root: int | None = None, gpus: bool = False
) -> list[tuple[Sensor, Need]]:
    """Return the sensors of this system, each with what tells whether it is needed.

    Args:
        home: The agent's, whose disk counts.
        settings: Returns the owner's rules as they are now.
        root: The agent's process, whose descendants are jobs; this one by default.
        gpus: Whether GPU jobs may come.
    """
    parent = os.getpid() if root is None else root
    disk = (Disk(str(home)), lambda s: bool(s.chosen("free_disk_gb")))
    if sys.platform == "darwin":  # pragma: no cover - macOS
        return [(MacInput(), needs_presence), disk]
    if sys.platform == "win32":  # pragma: no cover - Windows
        return [(WindowsInput(), needs_presence), disk]
    from agents.guest.sensors.desktops import Desktops
    from agents.guest.sensors.displays import Displays
    from agents.guest.sensors.graphics import Graphics
    from agents.guest.sensors.heat import Heat
    from agents.guest.sensors.input_devices import InputDevices
    from agents.guest.sensors.load import Load
    from agents.guest.sensors.network import Network
    from agents.guest.sensors.power import Power
    from agents.guest.sensors.sessions import Sessions
    from agents.guest.sensors.terminals import Terminals

    load = Load(parent, lambda: _needs_processes(settings()), lambda: settings().exclusive_programs)
    return [
        *(
            (sensor, needs_presence)
            for sensor in (Sessions(), Displays(), Desktops(), InputDevices(), Terminals())
        ),
        (Power(), lambda s: bool(s.chosen("on_mains") or s.chosen("battery_over") or s.lid_open)),
        (Heat(), lambda s: s.cpu_celsius is not None or s.gpu_celsius is not None),
        (load, lambda s: s.preset != "dedicated" or _needs_processes(s)),
        (Graphics(lambda pid: _descends(pid, parent)), lambda s: gpus or s.gpu_celsius is not None),
        disk,
        (Network(), lambda s: s.unmetered),
    ]


def needs_presence(settings: Settings) -> bool:
    """Tell whether it matters if somebody is there."""
    limits: Iterable[object] = (
        settings.foreign_cpu_in_use,
        settings.foreign_cpu,
        settings.memory,
        settings.memory_in_use,
    )
    return settings.preset != "dedicated" or any(limit is not None for limit in limits)


def is_unconditional(settings: Settings) -> bool:
    """Tell whether nothing that a sensor could see changes anything."""
    return settings == Settings(preset="dedicated", grace_seconds=settings.grace_seconds)


def _needs_processes(settings: Settings) -> bool:
    limits = (settings.foreign_cpu, settings.foreign_cpu_in_use, settings.memory, settings.memory_in_use)
    return any(limit is not None for limit in limits) or bool(settings.exclusive_programs)


def _descends(pid: int, root: int) -> bool:
    from agents.runner.tree import read_process

    while pid > 1 and pid != root:
        process = read_process(pid)
        if process is None:
            return False
        pid = process.parent
    return pid == root
