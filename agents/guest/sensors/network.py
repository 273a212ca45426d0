"""Whether the network costs by volume, as NetworkManager says."""

from agents.guest.sensors.dbus import BusSilent, MessageBus
from agents.guest.sensors.port import Seen

_MANAGER = (
    "org.freedesktop.NetworkManager",
    "/org/freedesktop/NetworkManager",
    "org.freedesktop.NetworkManager",
)
#: NMMetered: 1 yes, 2 no, 3 and 4 the same as guesses, which say it for phones' hotspots.
_METERED = {1.0: True, 3.0: True, 2.0: False, 4.0: False}


class Network:
    """NetworkManager on the system's bus."""

    name = "network"
    every_seconds = 10.0

    def __init__(self, system: str = "/run/dbus/system_bus_socket") -> None:
        self._path = system

    def look(self, now: float) -> Seen:
        """Ask it."""
        try:
            bus = MessageBus(self._path)
        except BusSilent as error:
            return Seen(f"cannot be told: there is no system bus ({error})", {"metered": None})
        try:
            told = _METERED.get(float(bus.get(*_MANAGER, "Metered") or 0))
        except (BusSilent, ValueError) as error:
            return Seen(f"cannot be told: no NetworkManager ({error})"[:200], {"metered": None})
        finally:
            bus.close()
        words = {
            True: "metered",
            False: "not metered",
            None: "NetworkManager does not know whether it is metered",
        }
        return Seen(words[told], {"metered": told})

    def close(self) -> None:
        """Nothing is open."""
