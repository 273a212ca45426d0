"""Where in the log an event stands, and what it means when it cannot stand there."""


class InvalidTransition(Exception):
    """An event that cannot follow what went before: the log or the decider is wrong."""


class Moment:
    """Where in the log an event stands: decision position, index in it, Unix seconds."""

    __slots__ = ("at", "index", "position")

    def __init__(self, position: int, index: int, at: float) -> None:
        self.position = position
        self.index = index
        self.at = at
