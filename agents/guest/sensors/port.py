"""What every sensor is: something that looks, and says what it saw, in fields of `Readings` and in words."""

from typing import Any, Literal, Protocol

from msgspec import Struct

#: x11 may be a window into Wayland, which sees part of the input only.
Kind = Literal["x11", "wayland", "session", "device", "terminal"]


class Seen(Struct, frozen=True):
    """One look of one sensor.

    Attributes:
        words: What it saw, for `idlehands agent check`.
        values: Fields of `Readings`; None for what it cannot tell.
        inputs: When input was last seen, one per display, seat or terminal.
    """

    words: str
    values: dict[str, Any] = {}
    inputs: tuple["Input", ...] = ()


class Input(Struct, frozen=True):
    """Where people type and move mice, and how long ago they last did."""

    kind: Kind
    #: None: it is there and cannot be read.
    seconds: float | None


class Sensor(Protocol):
    """One source. Looks only when asked, quickly, and never raises."""

    #: As `idlehands agent check` calls it.
    name: str
    #: How old its last look may be while a job runs.
    every_seconds: float

    def look(self, now: float) -> Seen:
        """Look. `now` is on a clock that is never set back."""

    def close(self) -> None:
        """Give back what is open. Safe to repeat."""
