"""What energy costs: a price, or one for each hour of the day. Pure."""

import math
import time
from collections.abc import Callable

_HOUR = 3600.0


def local_hour(unix: float) -> int:
    """Return the hour of the machine's own clock."""
    return time.localtime(unix).tm_hour


def cost_of(
    kwh: float,
    began: float,
    ended: float,
    tariff: float | tuple[float, ...],
    hour_of: Callable[[float], int] = local_hour,
) -> float:
    """Return what `kwh` cost that were used evenly between two Unix times.

    Args:
        kwh: How much.
        began: From when.
        ended: Until when; before `began` it counts as the same moment.
        tariff: Price of a kWh, or 24 of them from midnight on.
        hour_of: Returns the hour of the day of a Unix time.
    """
    if isinstance(tariff, float | int):
        return kwh * tariff
    if ended - began < 1:
        return kwh * tariff[hour_of(began)]
    total, at = 0.0, began
    while at < ended:
        # Every zone's hours begin at a whole quarter of an hour.
        until = min(ended, (math.floor(at / (_HOUR / 4)) + 1) * (_HOUR / 4))
        total += (until - at) * tariff[hour_of(at)]
        at = until
    return kwh * total / (ended - began)
