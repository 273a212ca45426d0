"""How a job's curves are looked at, as the address says it: across what, how smooth, on which scale."""

from dataclasses import dataclass
from typing import cast, get_args

from dash_app.addresses import View
from dash_app.presenters.series import Across

#: How much of a smoothed curve each value before makes.
WEIGHTS = {"": 0.0, "light": 0.6, "strong": 0.9}


@dataclass(frozen=True)
class Look:
    """How curves are drawn."""

    x: Across = "step"
    smooth: str = ""
    is_log: bool = False

    @property
    def weight(self) -> float:
        """Return how much each value before counts."""
        return WEIGHTS[self.smooth]


def look_of(view: View) -> Look:
    """Return how a job's curves are to be drawn; what cannot be is left out."""
    given = dict(view.given)
    across, smooth = given.get("x", ""), given.get("smooth", "")
    return Look(
        cast(Across, across) if across in get_args(Across) else "step",
        smooth if smooth in WEIGHTS else "",
        given.get("scale") == "log",
    )
