"""Times in words: `12 s ago`, `for 5 min`, `until 18:30`."""

import time


def span(seconds: float) -> str:
    """Return a length of time as a person says it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def ago(seconds: float) -> str:
    """Return how long ago something was."""
    return f"{span(max(0.0, seconds))} ago"


def until(at: float | None, now: float) -> str:
    """Return until when something lasts; both are Unix seconds."""
    if at is None:
        return "until told otherwise"
    form = "%H:%M" if at - now < 20 * 3600 else "%Y-%m-%d %H:%M"
    return f"until {time.strftime(form, time.localtime(at))}"
