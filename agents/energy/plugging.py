"""The smart plug of the owner's settings on the bus, and the metering that reads it.

Light: it is loaded while the agent is idle, and only where `energy.json` names a plug.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from bus.clock import suspend_aware_seconds

if TYPE_CHECKING:
    from agents.energy.counters import Plug
    from agents.energy.metering import Metering


class Outlet:
    """Where the machine is plugged in, if the owner says so.

    Attributes:
        topic: What to subscribe to; "" without a plug.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self.topic, self._plug = _find_plug(home)

    def hear(self, topic: str, payload: bytes) -> None:
        """Take in what was published."""
        if self._plug is not None and topic == self.topic:
            self._plug.hear(payload, suspend_aware_seconds())

    def build_metering(self, *, slots: int, gpus: int) -> "Metering":
        """Return what tells the energy of attempts."""
        from agents.energy.attribution import Machine
        from agents.energy.metering import Metering

        return Metering(self._home, Machine(slots, gpus), self._plug)


def _find_plug(home: Path) -> "tuple[str, Plug | None]":
    # Looked for by its name: an idle agent without it loads nothing of this.
    if not (home / "energy.json").exists():
        return "", None
    from agents.energy.settings import EnergySettingsBroken, read_settings, settings_file

    file = settings_file(home)
    try:
        settings = read_settings(file)
    except EnergySettingsBroken:
        return "", None  # said with the first job
    if not settings.plug_topic:
        return "", None
    from agents.energy.counters import Plug

    return settings.plug_topic, Plug(settings.plug_unit)
