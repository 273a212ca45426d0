"""X displays on this machine: idle time, and whether a program fills the screen."""

import glob
import os
import re
from pathlib import Path

from agents.guest.sensors.port import Input, Seen
from agents.guest.sensors.xclient import Display, DisplayGone, DisplayUnusable
from agents.guest.words import ago

_RETRY_SECONDS = 10.0
_LIST_SECONDS = 2.0
_FULL_SCREEN_SECONDS = 2.0


class Displays:
    """All displays with a socket here.

    Args:
        sockets: The folder of the sockets.
    """

    name = "X displays"
    every_seconds = 0.25

    def __init__(self, sockets: str = "/tmp/.X11-unix") -> None:  # noqa: S108 - where X has them
        self._sockets = sockets
        self._open: dict[int, Display] = {}
        self._unusable: dict[int, tuple[float, str]] = {}
        self._numbers: list[int] = []
        self._listed_at = -_LIST_SECONDS
        self._full: tuple[float, bool | None] = (-_FULL_SCREEN_SECONDS, None)

    def look(self, now: float) -> Seen:
        """Ask each display."""
        if now - self._listed_at >= _LIST_SECONDS:
            self._listed_at = now
            self._numbers = self._list()
        inputs: list[Input] = []
        words: list[str] = []
        for number in [*self._open]:
            if number not in self._numbers:
                self._open.pop(number).close()
        for number in self._numbers:
            try:
                seconds = self._idle_seconds(number, now)
            except DisplayGone:
                continue
            inputs.append(Input("x11", seconds))
            why = self._unusable.get(number, (0.0, ""))[1]
            words.append(f":{number} " + (f"last input {ago(seconds)}" if seconds is not None else why))
        if not inputs:
            return Seen("there are none", {"full_screen": None})
        return Seen("; ".join(words), {"full_screen": self._full_screen(now)}, tuple(inputs))

    def close(self) -> None:
        """Hang up."""
        for display in self._open.values():
            display.close()
        self._open.clear()

    def _list(self) -> list[int]:
        found = []
        for path in glob.glob(f"{self._sockets}/X*"):
            matched = re.fullmatch(r"X([0-9]{1,5})", os.path.basename(path))
            if matched:
                found.append(int(matched[1]))
        return sorted(found)[:16]

    def _idle_seconds(self, number: int, now: float) -> float | None:
        if number in self._unusable and now - self._unusable[number][0] < _RETRY_SECONDS:
            return None
        was_open = number in self._open
        try:
            if not was_open:
                path = f"{self._sockets}/X{number}"
                self._open[number] = Display(path, number, _find_authorities())
            seconds = self._open[number].idle_seconds()
        except DisplayGone:
            raise
        except DisplayUnusable as error:
            if number in self._open:
                self._open.pop(number).close()
            if was_open:
                # Perhaps it ended, perhaps another one began in its place.
                return self._idle_seconds(number, now)
            self._unusable[number] = (now, str(error))
            return None
        self._unusable.pop(number, None)
        return seconds

    def _full_screen(self, now: float) -> bool | None:
        if now - self._full[0] >= _FULL_SCREEN_SECONDS:
            found = [self._ask_full_screen(display) for display in self._open.values()]
            told = [one for one in found if one is not None]
            self._full = (now, any(told) if told else None)
        return self._full[1]

    def _ask_full_screen(self, display: Display) -> bool | None:
        try:
            return display.is_full_screen()
        except DisplayUnusable:
            return None


def _find_authorities() -> list[Path]:
    """Return where the key to a display of this user may lie."""
    given = [os.environ["XAUTHORITY"]] if os.environ.get("XAUTHORITY") else []
    found = [Path(path) for path in given]
    found.append(Path(os.path.expanduser("~/.Xauthority")))
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    found += [Path(path) for path in glob.glob(f"{runtime}/gdm/Xauthority")]
    found += [
        Path(path) for path in glob.glob(f"{runtime}/xauth_*") + glob.glob(f"{runtime}/.mutter-Xwayland*")
    ]
    return found
