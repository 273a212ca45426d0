"""Numbers, durations and states as people read them."""

import math
from typing import Any

import msgspec

from dash_app.presenters.plain import plain

#: What each status is called, and what it means to somebody who waits.
STATUS_WORDS = {
    "queued": "Queued",
    "held": "On hold",
    "running": "Running",
    "succeeded": "Succeeded",
    "failed": "Failed",
    "cancelled": "Cancelled",
    "dead": "Given up",
    "pruned": "Ended early",
    "paused": "Paused",
    "finished": "Finished",
    "deleted": "Deleted",
}


def duration(seconds: float | None) -> str:
    """Return a duration with its two largest units, such as `2 h 5 min`."""
    if seconds is None or seconds < 0 or not math.isfinite(seconds):
        return ""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


def number(value: float) -> str:
    """Return a number with as many digits as say something."""
    if isinstance(value, int) and abs(value) < 10**15:
        return str(value)
    if not math.isfinite(value):
        return str(value)
    return f"{value:.4g}" if abs(value) < 1e5 else f"{value:.5g}"


def value(given: Any) -> str:
    """Return a value of a parameter or result as short text."""
    if given is None:
        return "none"
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, int | float):
        return number(given)
    if isinstance(given, str):
        return plain(given, 300)
    return plain(msgspec.json.encode(given).decode(), 300)


def count(number_of: int, one: str, many: str | None = None) -> str:
    """Return `1 machine`, `2 machines`."""
    return f"{number_of:,} {one if number_of == 1 else many or one + 's'}".replace(",", "\N{THIN SPACE}")


def memory(megabytes: float) -> str:
    """Return an amount of memory."""
    return f"{megabytes / 1024:.0f} GB" if megabytes >= 1024 else f"{megabytes:.0f} MB"


def size(of_bytes: float) -> str:
    """Return the size of a file."""
    for unit in ("bytes", "KB", "MB"):
        if of_bytes < 1000:
            return f"{of_bytes:.0f} {unit}" if unit == "bytes" or of_bytes >= 10 else f"{of_bytes:.1f} {unit}"
        of_bytes /= 1000
    return f"{of_bytes:.1f} GB"


def job_name(spec: dict[str, Any]) -> str:
    """Return what people call a job: its name, else its script's."""
    script = spec.get("script", {})
    return plain(spec.get("name") or script.get("name") or script.get("entry") or "job", 120)
