"""A space to begin a search with, made of a script's own arguments. A suggestion: people look at it."""

import math
import re

from schemas.arguments.vocabulary import Argument, Script

#: What says how long, where to or how much is said, and not how good.
_NOT_TUNED = re.compile(
    r"(^|[_.-])(seed|seeds|epochs?|steps?|iterations?|iters|timesteps|trials|jobs|workers|threads|cpus?|gpus?|"
    r"devices?|rank|port|interval|every|verbosity|verbose|debug|version|dry_run|quiet|log|save|limit|folds?|test)([_.-]|$)"
)


def suggest_space(script: Script) -> dict[str, str]:
    """Return spaces by parameter, written as `idlehands sweep --space` takes them.

    Choices are all tried; numbers around their defaults, on a logarithmic scale
    where they are small; what bounds the script gives are kept.
    """
    found: dict[str, str] = {}
    for one in script.arguments:
        if not one.flag or one.many or one.command or _NOT_TUNED.search(one.name):
            continue
        name, text = _dimension(one)
        if text:
            found[name] = text
    return found


def _dimension(one: Argument) -> tuple[str, str]:
    if one.kind == "bool":
        other = one.off.lstrip("-").replace("-", "_")
        return (other, "true,false") if one.default is True and other else (one.name, "true,false")
    if one.choices:
        plain = [choice for choice in one.choices if "," not in str(choice) and str(choice)]
        return one.name, ",".join(map(str, plain)) if 1 < len(plain) <= 20 else ""
    if one.kind == "int":
        return one.name, _whole(one)
    return one.name, _real(one) if one.kind == "float" else ""


def _whole(one: Argument) -> str:
    default = one.default if isinstance(one.default, int) else 0
    low, high = (default // 2 or 1, default * 2) if default > 0 else (one.low, one.high)
    low = low if one.low is None or low is None else max(low, math.ceil(one.low))
    high = high if one.high is None or high is None else min(high, math.floor(one.high))
    if low is None or high is None or low >= high:
        return ""
    return f"{int(low)}..{int(high)}"


def _real(one: Argument) -> str:
    default = float(one.default) if isinstance(one.default, int | float) else math.nan
    if one.low is not None and one.high is not None:
        low, high, log = float(one.low), float(one.high), False
    elif default == 0:
        low, high, log = 0.0, 0.5, False
    elif 0.5 <= default < 1:
        low, high, log = 0.5, 0.999, False
    elif default > 0:
        low, high, log = default / 10, default * 10, True
    else:
        return ""
    low = low if one.low is None else max(low, one.low)
    high = high if one.high is None else min(high, one.high)
    if low >= high or (log and low <= 0):
        return ""
    return f"{'log:' if log else ''}{_decimal(low)}..{_decimal(high)}"


def _decimal(value: float) -> str:
    """Return a number that is seen to be no whole one."""
    text = f"{value:.6g}"
    return text if re.search(r"[.e]", text) else f"{text}.0"
