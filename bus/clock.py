"""A clock that counts on while the machine sleeps, and that nobody can set.

`time.monotonic()` stops in suspend on Linux: a lease measured with it would
still look fresh after a night. `CLOCK_BOOTTIME` does not stop.
"""

import time

if hasattr(time, "CLOCK_BOOTTIME"):

    def suspend_aware_seconds() -> float:
        """Return seconds since some fixed moment; never set back, running on in suspend."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

else:  # pragma: no cover - macOS and Windows

    def suspend_aware_seconds() -> float:
        """Return seconds since some fixed moment; never set back, running on in suspend."""
        # macOS: CLOCK_MONOTONIC counts sleep, unlike mach_absolute_time behind time.monotonic().
        clock = getattr(time, "CLOCK_MONOTONIC", None)
        return time.monotonic() if clock is None else time.clock_gettime(clock)
