"""Keyboards and mice: whether one of them said anything since the last look. Needs the group `input`.

Only that something came is noted; what came is thrown away unread.
"""

import glob
import os

from agents.guest.sensors.port import Input, Seen
from agents.guest.words import ago

_LOOK_FOR_NEW_SECONDS = 10.0


class InputDevices:
    """The event devices of the kernel."""

    name = "input devices"
    every_seconds = 0.25

    def __init__(self, pattern: str = "/dev/input/event*") -> None:
        self._pattern = pattern
        self._open: dict[str, int] = {}
        self._closed: list[str] = []
        self._listed_at = -_LOOK_FOR_NEW_SECONDS
        self._began: float | None = None
        self._last: float | None = None

    def look(self, now: float) -> Seen:
        """Throw away what came, and remember that it did."""
        if now - self._listed_at >= _LOOK_FOR_NEW_SECONDS:
            self._listed_at = now
            self._open_new()
        if not self._open:
            if not self._closed:
                return Seen("there are none")
            return Seen(f"{len(self._closed)} that may not be read (they need the group input)")
        for path in list(self._open):
            if self._drain(path):
                self._last = now
        if self._began is None:
            self._began = now
        # Before the first look nobody looked: somebody may have typed just then.
        seconds = now - (self._began if self._last is None else self._last)
        since = (
            f"last input {ago(seconds)}" if self._last is not None else f"no input for {ago(seconds)[:-4]}"
        )
        return Seen(f"{len(self._open)} readable, {since}", inputs=(Input("device", seconds),))

    def close(self) -> None:
        """Close the devices."""
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()

    def _open_new(self) -> None:
        self._closed = []
        for path in sorted(glob.glob(self._pattern)):
            if path in self._open:
                continue
            try:
                self._open[path] = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            except OSError:
                self._closed.append(path)

    def _drain(self, path: str) -> bool:
        came = False
        try:
            while os.read(self._open[path], 4096):
                came = True
        except BlockingIOError:
            return came
        except OSError:
            pass
        # Unplugged.
        os.close(self._open.pop(path))
        return came
