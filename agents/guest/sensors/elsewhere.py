"""The last input on macOS and Windows."""

from collections.abc import Callable
from typing import Any

from agents.guest.sensors.port import Input, Seen
from agents.guest.words import ago


class MacInput:
    """HIDIdleTime of the I/O registry, by `ioreg`: a program that every Mac has."""

    name = "input devices"
    every_seconds = 0.5

    def __init__(self, read: Callable[[], str] | None = None) -> None:
        self._read = read or _run_ioreg

    def look(self, now: float) -> Seen:
        """Ask the registry."""
        try:
            seconds = parse_ioreg(self._read())
        except (OSError, ValueError) as error:
            return Seen(f"ioreg does not tell: {error}"[:200], inputs=(Input("session", None),))
        return Seen(f"last input {ago(seconds)}", inputs=(Input("session", seconds),))

    def close(self) -> None:
        """Nothing is open."""


class WindowsInput:
    """GetLastInputInfo, which knows the session that the agent runs in."""

    name = "input devices"
    every_seconds = 0.25

    def __init__(self, read: Callable[[], tuple[int, int]] | None = None) -> None:
        self._read = read or _ask_windows

    def look(self, now: float) -> Seen:
        """Ask Windows."""
        try:
            last, ticks = self._read()
        except (OSError, KeyError) as error:
            return Seen(f"Windows does not tell: {error}"[:200], inputs=(Input("session", None),))
        seconds = elapsed_ticks(last, ticks)
        return Seen(f"last input {ago(seconds)}", inputs=(Input("session", seconds),))

    def close(self) -> None:
        """Nothing is open."""


def parse_ioreg(text: str) -> float:
    """Return HIDIdleTime, which is in nanoseconds, in seconds.

    Raises:
        ValueError: If it is not there.
    """
    for line in text.splitlines():
        name, equals, value = line.strip(" |").partition("=")
        if equals and name.strip() == '"HIDIdleTime"':
            return int(value.strip(), 0) / 1e9
    raise ValueError("there is no HIDIdleTime")


def elapsed_ticks(last: int, now: int) -> float:
    """Return the seconds between two readings of Windows' 32-bit counter of milliseconds, which wraps."""
    return ((now - last) % 2**32) / 1000


def _run_ioreg() -> str:  # pragma: no cover - macOS
    import subprocess

    done = subprocess.run(
        ["/usr/sbin/ioreg", "-c", "IOHIDSystem", "-d", "4", "-S"],
        capture_output=True,
        text=True,
        timeout=2,
        check=False,
    )
    return done.stdout


def _ask_windows() -> tuple[int, int]:  # pragma: no cover - Windows
    import ctypes

    class LastInput(ctypes.Structure):
        _fields_ = (("size", ctypes.c_uint), ("at", ctypes.c_uint))

    found = LastInput(ctypes.sizeof(LastInput), 0)
    windows: Any = vars(ctypes)["windll"]
    if not windows.user32.GetLastInputInfo(ctypes.byref(found)):
        raise OSError("GetLastInputInfo failed")
    return found.at, windows.kernel32.GetTickCount() & 0xFFFFFFFF
