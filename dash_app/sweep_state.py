"""What somebody looks at on the page of a sweep, as its address says it: so it can be shared.

?tab=contour&x=learning_rate&y=layers&brush=0,1,0.2,0.5&compare=3,7
"""

from dataclasses import dataclass, replace
from typing import Literal, cast, get_args
from urllib.parse import parse_qs

from hq.analysis.questions import Method

Tab = Literal["slice", "importance", "contour", "pareto", "timeline", "distribution"]
TABS: tuple[Tab, ...] = get_args(Tab)
#: Drawn in no time; importance takes a process of its own and a few seconds.
USUAL: Tab = "slice"
#: So many trials stand side by side.
MOST_COMPARED = 8
_LONGEST_NAME = 200

#: A rectangle over parallel coordinates: from and to of the axes, then of the places on them.
Brush = tuple[float, float, float, float]


@dataclass(frozen=True)
class SweepState:
    """Which tab, of which value, over which parameters; the trials brushed and compared."""

    tab: Tab = USUAL
    value: str = ""
    x: str = ""
    y: str = ""
    method: Method = "fanova"
    brush: Brush | None = None
    compare: tuple[int, ...] = ()


def read_state(query: object) -> SweepState:
    """Return the state that a query string says; what makes no sense is as if it were not there."""
    if not isinstance(query, str):
        return SweepState()
    given = {name: values[-1] for name, values in parse_qs(query.lstrip("?")).items()}
    looked_at = state_of(*(given.get(name) for name in ("tab", "value", "x", "y", "method")))
    return replace(
        looked_at,
        brush=read_brush(given.get("brush", "").split(",")),
        compare=read_numbers(given.get("compare", "").split(",")),
    )


def state_of(tab: object, value: object, x: object, y: object, method: object) -> SweepState:
    """Return the state that the page's controls say, likewise."""
    return SweepState(
        tab=tab if tab in TABS else USUAL,
        value=_name(value),
        x=_name(x),
        y=_name(y),
        method=cast(Method, method) if method in get_args(Method) else "fanova",
    )


def _name(given: object) -> str:
    return given[:_LONGEST_NAME] if isinstance(given, str) else ""


def read_brush(given: object) -> Brush | None:
    """Return a rectangle from four numbers; None when they are not."""
    if not isinstance(given, list) or len(given) != 4:
        return None
    try:
        left, right, low, high = (float(one) for one in given)
    except (TypeError, ValueError):
        return None
    # NaN is equal to nothing, itself included.
    if not (left <= right and low <= high):
        return None
    return left, right, low, high


def read_numbers(given: object) -> tuple[int, ...]:
    """Return numbers of trials, each once, as many as can be compared."""
    if not isinstance(given, list):
        return ()
    numbers = [int(one) for one in map(str, given) if one.isascii() and one.isdigit() and len(one) < 10]
    return tuple(dict.fromkeys(numbers))[:MOST_COMPARED]
