"""How much of a machine its environments may take."""

from msgspec import Struct


class EnvironmentLimits(Struct, frozen=True):
    """What the owner allows: 0 for the default."""

    bytes: int = 0
    seconds: float = 0
