"""From all that saw input, or could not: since when nobody was at this computer. Pure."""

import math

from agents.guest.sensors.port import Input


def combine(inputs: list[Input]) -> tuple[float | None, str]:
    """Return the seconds since the last input and, when they cannot be told (None), why.

    Infinity: there is no desktop, no terminal and nobody logged in, so nobody
    is there. That is something seen, not a guess.
    """
    if not inputs:
        return math.inf, ""
    known = [one.seconds for one in inputs if one.seconds is not None]
    latest = min(known, default=None)
    kinds = {one.kind for one in inputs}
    told = {one.kind for one in inputs if one.seconds is not None}
    if kinds & {"x11", "wayland", "session"} and "device" not in told:
        if "wayland" in kinds:
            # Xwayland sees what its own windows get: that it saw nothing says nothing.
            trusted = told & {"wayland", "session"}
        else:
            blind = any(one.kind == "x11" and one.seconds is None for one in inputs)
            trusted = told & ({"session"} if blind else {"x11", "session"})
        if not trusted and (latest is None or latest >= _CERTAIN_SECONDS):
            return None, "there is a desktop whose input cannot be read"
    if latest is None:
        return None, "there are terminals that cannot be read"
    return latest, ""


#: Somebody who was seen so lately is there, whatever else cannot be seen.
_CERTAIN_SECONDS = 60.0
