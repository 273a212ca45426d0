"""What somebody asks of the list of jobs, as it stands in the address: to be shared, kept and reloaded."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from dash_app.addresses import View
from hq.rest.conditions import parse_conditions
from hq.rest.job_table import GROUPS, NEWEST, SORTS, Wanted, check_column
from hq.rest.problems import Problem

#: Jobs that may hang: no status of theirs, but people ask for it as for one.
HANGING = "hanging"


@dataclass(frozen=True)
class JobsAsked:
    """What is asked for; empty where nothing is said."""

    status: str | None = None
    where: str = ""
    project: str = ""
    tag: str = ""
    sort: str = NEWEST
    group: str = ""
    columns: tuple[str, ...] = ()
    before: int | None = None
    page: int = 0
    is_hanging: bool = False

    def wanted(self, quiet: Collection[str]) -> Wanted:
        """Return which jobs these are, where `quiet` are those that may hang.

        Raises:
            Problem: 422 with words about what cannot be understood.
        """
        return Wanted(
            self.status,
            parse_conditions(self.where, check_column),
            tuple(sorted(quiet)) if self.is_hanging else None,
            self.project,
            self.tag,
        )

    def address(self, **other: str) -> str:
        """Return the address of the same with something else, from its first page on."""
        said = {
            "status": HANGING if self.is_hanging else self.status or "",
            "where": self.where,
            "project": self.project,
            "tag": self.tag,
            "sort": "" if self.sort == NEWEST else self.sort,
            "group": self.group,
            "columns": ",".join(self.columns),
        } | other
        kept = {name: value for name, value in said.items() if value}
        return "/jobs" + (f"?{urlencode(kept)}" if kept else "")


def jobs_asked(view: View) -> JobsAsked:
    """Return what a view of the list asks for; what cannot be is left out."""
    given: Mapping[str, str] = dict(view.given)
    sort, page = given.get("sort", ""), given.get("page", "")
    return JobsAsked(
        status=view.status,
        where=given.get("where", ""),
        project=given.get("project", ""),
        tag=given.get("tag", ""),
        sort=sort if sort.lstrip("-") in SORTS else NEWEST,
        group=given["group"] if given.get("group") in GROUPS else "",
        columns=tuple(name for name in given.get("columns", "").split(",") if name.isalpha()),
        before=view.before,
        page=int(page) if page.isdecimal() and len(page) < 4 else 0,
        is_hanging=given.get("status") == HANGING,
    )


def readable(asked: JobsAsked, quiet: Collection[str]) -> tuple[Wanted, str]:
    """Return which jobs are asked for, and why a filter was left out, or ""."""
    try:
        return asked.wanted(quiet), ""
    except Problem as problem:
        return Wanted(asked.status, project=asked.project, tag=asked.tag), f"Not filtered: {problem.detail}"
