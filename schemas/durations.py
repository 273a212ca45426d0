"""Lengths of time as people write them: `90s`, `30m`, `1h30m`, `2d`."""

import re

_PART = re.compile(r"([0-9]{1,6})(s|min|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}
#: Longer is "until told otherwise".
LONGEST_SECONDS = 366 * 86_400


class DurationUnknown(ValueError):
    """Not a length of time; the message shows how one is written."""


def parse_duration(text: str) -> float:
    """Return a length of time in seconds.

    Raises:
        DurationUnknown: If it is none, nothing, or over a year.
    """
    compact = text.strip().lower().replace(" ", "")
    parts = _PART.findall(compact)
    if not parts or "".join(number + unit for number, unit in parts) != compact:
        raise DurationUnknown(f"{text!r} is no length of time: write it as 90s, 30m, 1h30m or 2d")
    seconds = sum(int(number) * _SECONDS[unit] for number, unit in parts)
    if not 0 < seconds <= LONGEST_SECONDS:
        raise DurationUnknown(f"{text!r} is not between a second and a year")
    return float(seconds)
