"""What can be asked of a sweep's trials. Without pandas: who asks need not have it."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "trials",
    "best",
    "curves",
    "parallel",
    "slice",
    "contour",
    "pareto",
    "timeline",
    "distribution",
    "compare",
]
#: Importance from fewer says nothing, whatever the method.
LEAST_TRIALS = 4
Method = Literal["fanova", "mdi", "ped-anova"]


@dataclass(frozen=True)
class Question:
    """What is asked beside the kind.

    Attributes:
        value: The objective that is looked at; "" for the first.
        x: The first parameter of a contour.
        y: The second.
        compare: Numbers of trials.
    """

    value: str = ""
    x: str = ""
    y: str = ""
    compare: tuple[int, ...] = ()


def why_too_few(trials: int) -> str:
    """Return why nothing is said from so many trials."""
    return f"{trials} trials have a value; importance needs {LEAST_TRIALS}"
