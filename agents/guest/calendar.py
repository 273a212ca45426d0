"""A weekly calendar: `mon-fri 22:00-07:00`. Windows may reach over midnight and over Sunday."""

import re

MINUTES = 7 * 24 * 60
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WINDOW = re.compile(r"([a-z]{3})(?:-([a-z]{3}))? ([0-9]{2}):([0-9]{2})-([0-9]{2}):([0-9]{2})")


class CalendarBroken(ValueError):
    """A window that cannot be understood; the message shows how one looks."""


def is_inside(windows: tuple[str, ...], minute_of_week: int) -> bool:
    """Tell whether a minute, counted from Monday 00:00, is in one of the windows; their ends are not.

    Raises:
        CalendarBroken: If one cannot be understood.
    """
    return any(
        (minute_of_week - start) % MINUTES < length
        for window in windows
        for start, length in parse_window(window)
    )


def parse_window(window: str) -> list[tuple[int, int]]:
    """Return (first minute of the week, length in minutes) for each day of a window.

    Raises:
        CalendarBroken: If it cannot be understood.
    """
    found = _WINDOW.fullmatch(" ".join(window.lower().split()))
    if found is None or found[1] not in DAYS or (found[2] or found[1]) not in DAYS:
        raise CalendarBroken(
            f"{window!r} is no window of a week: write days and times as in 'mon-fri 22:00-07:00' "
            "or 'sat 00:00-24:00'"
        )
    begins, ends = (int(found[3]) * 60 + int(found[4])), (int(found[5]) * 60 + int(found[6]))
    if begins >= 24 * 60 or ends > 24 * 60 or int(found[4]) > 59 or int(found[6]) > 59 or begins == ends:
        raise CalendarBroken(f"{window!r} has times that are none: they go from 00:00 to 24:00 and differ")
    length = (ends - begins) % (24 * 60) or 24 * 60
    first, last = DAYS.index(found[1]), DAYS.index(found[2] or found[1])
    return [((first + day) % 7 * 24 * 60 + begins, length) for day in range((last - first) % 7 + 1)]
