"""What desktops say of their idle time over D-Bus: GNOME, KDE and its kin, and logind's hint.

Mutter and KDE tell the time since the last input. logind knows only what a
desktop told it, minutes after the last input: "idle" is believed, "not idle"
says nothing, as some desktops never say anything else.
"""

import os
import time
from collections.abc import Callable
from typing import NamedTuple

from agents.guest.sensors.dbus import BusSilent, MessageBus
from agents.guest.sensors.port import Input, Seen
from agents.guest.words import ago

_RETRY_SECONDS = 30.0
_MONITOR, _SAVER = "org.gnome.Mutter.IdleMonitor", "org.freedesktop.ScreenSaver"
_IDLE_TIMES = (
    ("GNOME", (_MONITOR, "/org/gnome/Mutter/IdleMonitor/Core", _MONITOR, "GetIdletime")),
    ("KDE", (_SAVER, "/org/freedesktop/ScreenSaver", _SAVER, "GetSessionIdleTime")),
)
_LOGIND = ("org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager")


class _Method(NamedTuple):
    """A question to somebody on a bus."""

    service: str
    path: str
    interface: str
    method: str

    def ask(self, bus: MessageBus) -> float | str | None:
        return bus.call(self.service, self.path, self.interface, self.method)


class Desktops:
    """The idle monitors of this user's desktop, and logind.

    Args:
        session: The socket of this user's bus; where it usually is by default.
        system: The socket of the system's bus.
    """

    name = "desktops"
    every_seconds = 0.25

    def __init__(self, session: str | None = None, system: str = "/run/dbus/system_bus_socket") -> None:
        self._paths = {"session": session or _session_bus(), "system": system}
        self._open: dict[str, MessageBus] = {}
        self._silent: dict[str, tuple[float, str]] = {}

    def look(self, now: float) -> Seen:
        """Ask whoever answered last, or everybody again."""
        for name, (service, path, interface, method) in _IDLE_TIMES:
            told = self._ask(name, "session", now, _Method(service, path, interface, method).ask)
            if isinstance(told, float):
                return Seen(f"{name}: last input {ago(told / 1000)}", inputs=(Input("session", told / 1000),))
        hint = self._ask("logind", "system", now, lambda bus: bus.get(*_LOGIND, "IdleHint"))
        if hint == 1.0:
            since = self._ask(
                "logind", "system", now, lambda bus: bus.get(*_LOGIND, "IdleSinceHintMonotonic")
            )
            if isinstance(since, float):
                seconds = max(0.0, time.monotonic() - since / 1e6)
                return Seen(f"logind: idle for {ago(seconds)[:-4]}", inputs=(Input("session", seconds),))
        if hint == 0.0:
            return Seen("logind: not idle, as far as desktops tell it")
        why = {why for _, why in self._silent.values()}
        return Seen(f"none answers ({'; '.join(sorted(why))})" if why else "none answers")

    def close(self) -> None:
        """Hang up."""
        for bus in self._open.values():
            bus.close()
        self._open.clear()

    def _ask(
        self, who: str, where: str, now: float, ask: Callable[[MessageBus], float | str | None]
    ) -> float | str | None:
        if who in self._silent and now - self._silent[who][0] < _RETRY_SECONDS:
            return None
        try:
            if where not in self._open:
                self._open[where] = MessageBus(self._paths[where])
            return ask(self._open[where])
        except BusSilent as error:
            # The connection may be out of step: the next question gets a new one.
            if where in self._open:
                self._open.pop(where).close()
            self._silent[who] = (now, f"{who}: {error}"[:120])
            return None


def _session_bus() -> str:
    address = os.environ.get("DBUS_SESSION_BUS_ADDRESS", "")
    for part in address.replace(";", ",").split(","):
        if part.startswith("unix:path="):
            return part.removeprefix("unix:path=")
    return f"{os.environ.get('XDG_RUNTIME_DIR') or f'/run/user/{os.getuid()}'}/bus"
