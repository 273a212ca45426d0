"""What the figure and the groups of the Results page show where the address says nothing of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from dash_app.asked import NONE, Asked
from hq.rest.conditions import PARAMS, PRINTED
from hq.rest.table import Column


@dataclass(frozen=True)
class Choice:
    """What is shown: what was asked for, with what is chosen by itself where nothing is said."""

    x: str
    y: str
    color: str
    facet: str
    by: str
    of: str
    across: str


def choose(asked: Asked, known: Sequence[Column], metric: str) -> Choice:
    """Return what to draw: where nothing is said, the first parameter that varies against the first value.

    Args:
        asked: What the address says.
        known: The columns that there are, in their order.
        metric: That of the sweep, if there is one.
    """
    params = [one for one in known if one.name.startswith(PARAMS)]
    printed = [one for one in known if one.name.startswith(PRINTED) and one.is_number]
    own = next((one.name for one in printed if one.name == PRINTED + metric), "")
    last = "seconds" if any(one.name == "seconds" for one in known) else ""
    y = own or _first(printed, last)
    # A parameter that is the same everywhere says nothing of the results; numbers spread better than words.
    x = _first(sorted(params, key=lambda one: not one.is_number), "machine")
    by = _first([one for one in params if not one.is_number], "machine")
    said = {
        name: "" if getattr(asked, name) == NONE else getattr(asked, name) or usual
        for name, usual in (("x", x), ("y", y), ("color", ""), ("facet", ""), ("by", by))
    }
    across = "" if asked.across == NONE else asked.across
    chosen = {**said, "of": asked.of or said["y"] or y, "across": across}
    names = {one.name for one in known}
    # People write what a script printed by its name alone; the choices call it in full.
    return Choice(
        **{
            name: PRINTED + one if one not in names and PRINTED + one in names else one
            for name, one in chosen.items()
        }
    )


def _first(columns: Sequence[Column], otherwise: str) -> str:
    """Return the first that varies, else the first."""
    return next((one.name for one in (*(one for one in columns if one.varies), *columns)), otherwise)
