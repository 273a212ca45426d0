"""Which parts of a result are charts: those that are as docs/results.md has them. Scripts print anything."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

_POINTS_AT_MOST = 2_000
_Numbers = Annotated[list[float], Meta(min_length=2, max_length=_POINTS_AT_MOST)]
_Share = Annotated[float, Meta(ge=0, le=1)]
_Shares = Annotated[list[_Share], Meta(min_length=2, max_length=_POINTS_AT_MOST)]


class Points(Struct, frozen=True):
    """What was predicted of rows that were held out, and what they were."""

    actual: _Numbers
    predicted: _Numbers

    def __post_init__(self) -> None:
        _alike(self.actual, self.predicted)

    @property
    def residuals(self) -> list[float]:
        """Return what the predictions are short of, row by row."""
        return [one - other for one, other in zip(self.actual, self.predicted, strict=True)]


class Finding(Struct, frozen=True):
    """A test's statistic, and how often chance alone gives one as large."""

    statistic: float
    p: _Share


class Roc(Struct, frozen=True):
    """False and true positives of one class at each threshold."""

    false: _Shares
    true: _Shares
    auc: _Share | None = None

    def __post_init__(self) -> None:
        _alike(self.false, self.true)


class Recall(Struct, frozen=True):
    """Precision against recall of one class at each threshold."""

    recall: _Shares
    precision: _Shares
    average: _Share | None = None

    def __post_init__(self) -> None:
        _alike(self.recall, self.precision)


class Calibration(Struct, frozen=True):
    """How sure a model was, and how often it was right, in bins."""

    predicted: Annotated[list[_Share], Meta(min_length=1, max_length=100)]
    observed: Annotated[list[_Share], Meta(min_length=1, max_length=100)]
    count: list[int] = []

    def __post_init__(self) -> None:
        _alike(self.predicted, self.observed)


class Groups(Struct, frozen=True):
    """Rows in two dimensions, and the group of each."""

    x: _Numbers
    y: _Numbers
    group: list[int | str]

    def __post_init__(self) -> None:
        _alike(self.x, self.y)
        _alike(self.x, self.group)


class Forecast(Struct, frozen=True):
    """A series and what was forecast of it."""

    step: _Numbers
    actual: _Numbers
    predicted: _Numbers

    def __post_init__(self) -> None:
        _alike(self.step, self.actual)
        _alike(self.step, self.predicted)


_Row = Annotated[list[Annotated[int, Meta(ge=0)]], Meta(max_length=30)]
_KINDS: dict[str, Any] = {
    "points": Points,
    "breusch_pagan": Finding,
    "reset": Finding,
    "confusion": Annotated[list[_Row], Meta(min_length=2, max_length=30)],
    "classes": Annotated[list[str], Meta(max_length=30)],
    "roc": Annotated[dict[str, Roc], Meta(min_length=1, max_length=12)],
    "pr": Annotated[dict[str, Recall], Meta(min_length=1, max_length=12)],
    "calibration": Calibration,
    "map": Groups,
    "forecast": Forecast,
}


def read_parts(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of a result that are as charts need them, by key; never raises."""
    found: dict[str, Any] = {}
    for name, kind in _KINDS.items():
        if name in result:
            try:
                found[name] = msgspec.convert(result[name], kind)
            except (msgspec.ValidationError, ValueError, RecursionError):
                continue
    if "confusion" in found and any(len(row) != len(found["confusion"]) for row in found["confusion"]):
        del found["confusion"]
    # Alone they say nothing that a list would not.
    if "points" not in found:
        found = {name: one for name, one in found.items() if name not in ("breusch_pagan", "reset")}
    if "confusion" not in found:
        found.pop("classes", None)
    return found


def _alike(one: list[Any], other: list[Any]) -> None:
    if len(one) != len(other):
        raise ValueError("lists of a chart are as long as each other")
