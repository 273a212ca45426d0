"""What somebody asks of the table of results, as it stands in the address: to be shared and reloaded."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from hq.rest.conditions import Condition, fields_of, parse_conditions
from hq.rest.problems import Problem
from hq.rest.table import NEWEST, Selection, are_jobs
from schemas.names import SWEEP_PATTERN

Pairs = tuple[tuple[str, str], ...]

#: How the numbers of a cell of the pivot become one.
AGGREGATES = ("mean", "std", "min", "max", "sum", "count")
KINDS = ("auto", "points", "line", "box", "histogram")
#: Said for a choice that is to be none, where there would be one by itself.
NONE = "none"
_NAMES = (
    *("where", "sweep", "sort", "columns", "x", "y", "color", "facet", "kind", "by", "of", "across", "agg"),
    *("pick", "rows"),
)
_LONGEST = 3000
_MOST = 100
_SWEEP = re.compile(SWEEP_PATTERN)


@dataclass(frozen=True)
class Asked:
    """What is asked for; empty where nothing is said."""

    where: str = ""
    sweep: str = ""
    sort: str = NEWEST
    columns: tuple[str, ...] = ()
    x: str = ""
    y: str = ""
    color: str = ""
    facet: str = ""
    kind: str = "auto"
    by: str = ""
    of: str = ""
    #: What is a column for each value of in the pivot.
    across: str = ""
    agg: str = AGGREGATES[0]
    #: What was selected in the figure: jobs, or conditions.
    pick: str = ""
    #: Jobs to compare.
    rows: tuple[str, ...] = ()

    def conditions(self) -> tuple[Condition, ...]:
        """Return what `where` says.

        Raises:
            Problem: 422 with words about what cannot be understood.
        """
        return parse_conditions(self.where)

    def everything(self) -> Selection:
        """Return what the figure shows.

        Raises:
            Problem: 422 with words about what cannot be understood.
        """
        return Selection(self.sweep or None, (), self.conditions())

    def picked(self) -> Selection:
        """Return what the table shows: of everything, what is selected in the figure.

        Raises:
            Problem: 422 with words about what cannot be understood.
        """
        jobs = tuple(self.pick.split("."))
        if self.pick and are_jobs(jobs):
            return Selection(self.sweep or None, jobs, self.conditions())
        return Selection(self.sweep or None, (), (*self.conditions(), *parse_conditions(self.pick)))

    def address(self, **other: str) -> str:
        """Return the address of the same with something else."""
        given = dict(to_pairs(self)) | other
        kept = {name: value for name, value in given.items() if value}
        return "/results" + (f"?{urlencode(kept)}" if kept else "")


def to_pairs(asked: Asked) -> Pairs:
    """Return what differs from nothing said, as names and values of an address."""
    values = {
        name: ",".join(value) if isinstance(value := getattr(asked, name), tuple) else value
        for name in _NAMES
    }
    usual = {"sort": NEWEST, "kind": KINDS[0], "agg": AGGREGATES[0]}
    return tuple((name, value) for name, value in values.items() if value and value != usual.get(name))


def pairs_of(given: dict[str, str]) -> Pairs:
    """Return what of an address is ours, bounded: what identifies a view."""
    return tuple((name, given[name][:_LONGEST]) for name in _NAMES if given.get(name))


def asked_of(pairs: Pairs) -> Asked:
    """Return what an address asks for; what cannot be is left out."""
    given = dict(pairs)
    sort = given.get("sort", NEWEST)
    return Asked(
        where=given.get("where", ""),
        sweep=given.get("sweep", "") if _SWEEP.match(given.get("sweep", "")) else "",
        sort=sort if _is_column(sort.lstrip("-")) else NEWEST,
        columns=tuple(name for name in _words(given.get("columns", "")) if _is_column(name)),
        x=_column(given.get("x", "")),
        y=_column(given.get("y", "")),
        color=_column(given.get("color", "")),
        facet=_column(given.get("facet", "")),
        kind=given.get("kind", "auto") if given.get("kind") in KINDS else "auto",
        by=_column(given.get("by", "")),
        of=_column(given.get("of", "")),
        across="" if given.get("across") == NONE else _column(given.get("across", "")),
        agg=given.get("agg", "") if given.get("agg") in AGGREGATES else AGGREGATES[0],
        pick=given.get("pick", ""),
        rows=tuple(rows) if are_jobs(rows := _words(given.get("rows", ""))) else (),
    )


def _words(text: str) -> Sequence[str]:
    return [word for word in text.split(",") if word][:_MOST]


def _column(name: str) -> str:
    return name if name == NONE or _is_column(name) else ""


def _is_column(name: str) -> bool:
    if not name:
        return False
    try:
        fields_of(name)
    except Problem:
        return False
    return True
