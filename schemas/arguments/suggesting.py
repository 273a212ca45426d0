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


def suggest_range(one: Argument) -> tuple[float, float, bool] | None:
    """Return the ends of a range around a number's default, and whether it is logarithmic; None for none."""
    if one.kind not in ("int", "float") or one.choices:
        return None
    low, high, log = _whole(one) if one.kind == "int" else _real(one)
    low = low if one.low is None else max(low, one.low)
    high = high if one.high is None else min(high, one.high)
    if not low < high or (log and low <= 0):
        return None
    return (math.ceil(low), math.floor(high), log) if one.kind == "int" else (low, high, log)


def write_number(value: float, kind: str) -> str:
    """Return a number as spaces have it: a real one is seen to be no whole one."""
    if kind == "int":
        return str(int(value))
    text = f"{value:.6g}"
    return text if re.search(r"[.e]", text) else f"{text}.0"


def _dimension(one: Argument) -> tuple[str, str]:
    if one.kind == "bool":
        other = one.off.lstrip("-").replace("-", "_")
        return (other, "true,false") if one.default is True and other else (one.name, "true,false")
    if one.choices:
        plain = [choice for choice in one.choices if "," not in str(choice) and str(choice)]
        return one.name, ",".join(map(str, plain)) if 1 < len(plain) <= 20 else ""
    found = suggest_range(one)
    if found is None:
        return one.name, ""
    low, high, log = found
    ends = f"{write_number(low, one.kind)}..{write_number(high, one.kind)}"
    return one.name, ("log:" if log else "") + ends


def _whole(one: Argument) -> tuple[float, float, bool]:
    default = one.default if isinstance(one.default, int) else 0
    if default > 0:
        return default // 2 or 1, default * 2, False
    return (math.nan, math.nan, False) if one.low is None or one.high is None else (one.low, one.high, False)


def _real(one: Argument) -> tuple[float, float, bool]:
    default = float(one.default) if isinstance(one.default, int | float) else math.nan
    if one.low is not None and one.high is not None:
        return one.low, one.high, False
    if default == 0:
        return 0.0, 0.5, False
    if 0.5 <= default < 1:
        return 0.5, 0.999, False
    return (default / 10, default * 10, True) if default > 0 else (math.nan, math.nan, False)
