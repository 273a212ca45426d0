"""When a schedule is due: pure functions of its cron expression, its zone and a moment.

Summer time is as in Debian's cron: what is due in the hour that is left out comes right after it, what is
due in the hour that comes twice comes once; `*` as minute or hour follows the clock through both.
"""

import datetime
import zoneinfo

from cronsim import CronSim, CronSimError

from schemas.schedules import ScheduleSpec

#: Times that passed while HQ was away are counted up to here.
MOST_COUNTED = 100


class TimesUnusable(ValueError):
    """A schedule that cannot be; the message says why."""


def check_times(spec: ScheduleSpec, now: float) -> None:
    """Check that a schedule is ever due.

    Raises:
        TimesUnusable: If it is not, or cannot be understood.
    """
    if len(spec.cron.split()) != 5:
        raise TimesUnusable(
            f"cron {spec.cron[:80]!r} must have five parts: minute, hour, day of the month, month, day of "
            "the week, such as '30 2 * * MON-FRI'"
        )
    if next_due(spec, now) is None:
        raise TimesUnusable(f"cron {spec.cron!r} is never due")


def next_due(spec: ScheduleSpec, after: float) -> float | None:
    """Return the first time after `after` at which it is due, in Unix seconds; None: never again.

    Raises:
        TimesUnusable: If it cannot be understood.
    """
    return _first(spec, after, backwards=False)


def last_due(spec: ScheduleSpec, until: float) -> float | None:
    """Return the last time up to `until` at which it was due; None: never before."""
    return _first(spec, until + 1, backwards=True)


def count_due(spec: ScheduleSpec, after: float, until: float) -> int:
    """Return how often it was due after `after` and up to `until`, counted up to `MOST_COUNTED`."""
    count = 0
    while count < MOST_COUNTED and (due := next_due(spec, after)) is not None and due <= until:
        count, after = count + 1, due
    return count


def _first(spec: ScheduleSpec, moment: float, *, backwards: bool) -> float | None:
    try:
        zone = zoneinfo.ZoneInfo(spec.zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise TimesUnusable(
            f"zone {spec.zone!r} is none that is known, such as Europe/Berlin or UTC"
        ) from None
    try:
        # Whole seconds: what is due at the very moment is not after it.
        begin = datetime.datetime.fromtimestamp(int(moment), zone)
        times = CronSim(spec.cron, begin, reverse=backwards)
        for found in times:
            due = found.timestamp()
            if (due < moment) if backwards else (due > moment):
                return due
    except CronSimError as error:
        raise TimesUnusable(f"cron {spec.cron[:80]!r} cannot be understood: {error}") from None
    except (OverflowError, ValueError, OSError):
        return None
    return None
