"""Who is logged in, as systemd-logind notes it in /run/systemd/sessions.

Tells whether there is a desktop, and of which kind. When somebody last typed
there it does not tell; `desktops` asks for that.
"""

import os

from agents.guest.sensors.port import Input, Kind, Seen

_DESKTOPS: dict[str, Kind] = {"x11": "x11", "wayland": "wayland", "mir": "wayland"}


class Sessions:
    """The sessions of people; login screens and services are none."""

    name = "sessions"
    every_seconds = 2.0

    def __init__(self, folder: str = "/run/systemd/sessions", users: str = "/run/user") -> None:
        self._folder, self._users = folder, users

    def look(self, now: float) -> Seen:
        """Read the sessions."""
        try:
            names = [name for name in os.listdir(self._folder) if not name.endswith(".ref")]
        except OSError:
            names = []
        words: list[str] = []
        inputs: list[Input] = []
        for name in sorted(names):
            facts = _read_facts(f"{self._folder}/{name}")
            if not facts.get("CLASS", "user").startswith("user") or facts.get("STATE") == "closing":
                continue
            if facts.get("TYPE") in _DESKTOPS:
                # Without a word on its input: whoever has one must cover it.
                inputs.append(Input(_DESKTOPS[facts["TYPE"]], None))
            where = facts.get("SEAT") or facts.get("TTY") or ("remote" if facts.get("REMOTE") == "1" else "?")
            words.append(f"{facts.get('USER', facts.get('UID', '?'))} ({facts.get('TYPE', '?')}, {where})")
        if not inputs and self._has_wayland():
            inputs.append(Input("wayland", None))
            words.append("a Wayland desktop")
        return Seen("; ".join(words) or "nobody is logged in", inputs=tuple(inputs))

    def close(self) -> None:
        """Nothing is open."""

    def _has_wayland(self) -> bool:
        try:
            return any(
                name.startswith("wayland-") and not name.endswith(".lock")
                for user in os.listdir(self._users)
                if os.access(f"{self._users}/{user}", os.R_OK | os.X_OK)
                for name in os.listdir(f"{self._users}/{user}")
            )
        except OSError:
            return False


def _read_facts(path: str) -> dict[str, str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.read(8192).splitlines()
    except OSError:
        return {"STATE": "closing"}  # it ended just now
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
