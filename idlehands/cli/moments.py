"""Moments as people write them on a command line: `22:30`, `2026-12-01T08:00`, `+2h`."""

import time
from datetime import datetime, timedelta

from idlehands.cli.exits import USAGE, Stop
from schemas.durations import DurationUnknown, parse_duration

HELP = "22:30, 2026-12-01T08:00 or +2h"


def parse_moment(option: str, text: str, now: float | None = None) -> float:
    """Return a moment as Unix seconds, 0 for an empty text. A time of day is the next one.

    Args:
        option: Which one it is, for the error.
        text: In local time unless it names its offset.
        now: Unix seconds; the clock's by default.

    Raises:
        Stop: If it is no moment.
    """
    if not text:
        return 0.0
    now = time.time() if now is None else now
    if text.startswith("+"):
        try:
            return now + parse_duration(text[1:])
        except DurationUnknown as error:
            raise Stop(USAGE, f"{option}: {error}, as in +2h") from None
    try:
        if "T" in text or " " in text:
            return datetime.fromisoformat(text).timestamp()
        hour = datetime.strptime(text, "%H:%M")
    except ValueError:
        raise Stop(USAGE, f"{option} {text!r} is no moment: write {HELP}") from None
    today = datetime.fromtimestamp(now)
    when = today.replace(hour=hour.hour, minute=hour.minute, second=0, microsecond=0)
    if when.timestamp() <= now:
        when += timedelta(days=1)
    return when.timestamp()


def parse_end(option: str, text: str) -> float:
    """Return a moment that is still to come, 0 for an empty text.

    Raises:
        Stop: If it is no moment, or over.
    """
    at = parse_moment(option, text)
    if text and at <= time.time():
        raise Stop(USAGE, f"{option} {text!r} is over already: nothing could begin")
    return at
