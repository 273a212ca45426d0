"""The list of jobs, live: rows that changed, their groups, and how many jobs stand where."""

import time
from typing import Any

from pymongo.errors import ExecutionTimeout

from dash_app import component_ids
from dash_app.addresses import View
from dash_app.jobs_asked import JobsAsked, jobs_asked, readable
from dash_app.live.hearing import Changes, Hearing
from dash_app.live.push import Props, Push, Sent
from dash_app.presenters import counts, job_list, jobs
from hq.rest import board, job_table, queries
from hq.rest.database import QUERY_MS, SCAN_MS, Document
from hq.rest.house import House
from hq.rest.job_table import NEWEST

#: Counting is this many times shorter than the pause before it is counted anew.
_REST = 10


async def read_shown(
    house: House, asked: JobsAsked, quiet: dict[str, float], within_ms: int = QUERY_MS
) -> list[Document]:
    """Return the jobs of a page of the list.

    Raises:
        ExecutionTimeout: If the database took longer than `within_ms`, and gave it up.
    """
    wanted, _ = readable(asked, quiet)
    match = job_table.match_of(wanted)
    if asked.before is not None and asked.sort == NEWEST:
        match = {"$and": [match, {"order": {"$lt": asked.before}}]}
    skip = 0 if asked.sort == NEWEST else asked.page * board.MOST_ROWS
    return await job_table.read_page(
        house.database, match, sort=asked.sort, skip=skip, limit=board.MOST_ROWS, within_ms=within_ms
    )


class JobRowsFeed:
    """Rows in place. A job that no longer belongs to the list leaves it."""

    pause = 0.05
    unfinished = False

    def __init__(self, house: House, hearing: Hearing, asked: JobsAsked) -> None:
        self._house, self._hearing, self._asked = house, hearing, asked
        self._jobs: set[str] = set()
        self._percents: dict[str, float] = {}
        self._position = 0

    def touch(self, changes: Changes) -> bool:
        self._jobs |= changes.jobs | changes.quiet
        self._percents |= changes.percents
        self._position = max(self._position, changes.position)
        return bool(self._jobs or changes.percents)

    async def whole(self) -> Push:
        percents, quiet = self._hearing.percents(), self._hearing.quiet()
        wanted, _ = readable(self._asked, quiet)
        scans = job_table.scans(wanted, self._asked.sort)
        try:
            found = await read_shown(self._house, self._asked, quiet, SCAN_MS if scans else QUERY_MS)
        except ExecutionTimeout:
            if not scans:
                raise
            # Asked again it would take as long: the page says so, and that is the end of it.
            return Push(props=_said(job_list.given_up_words(SCAN_MS)))
        there = [job for job in found if not self._hearing.is_deleted(job["id"])]
        rows = [jobs.row(job, percents.get(job["id"]), quiet.get(job["id"])) for job in there]
        said = _said(job_list.scan_words(self._asked.sort)) if scans else {}
        return Push(props=said, rows={component_ids.JOBS_GRID: {"all": rows}})

    async def push(self) -> Push:
        # Taken before anything is waited for: what is touched meanwhile is for the next push.
        wanted, self._jobs = self._jobs, set()
        percents, self._percents = self._percents, {}
        try:
            changed = await self._read(wanted) if wanted else {}
        except BaseException:
            self._jobs |= wanted
            raise
        patch = [jobs.progress_row(job, percent) for job, percent in percents.items() if job not in wanted]
        if patch:
            changed["patch"] = patch
        return Push(rows={component_ids.JOBS_GRID: changed} if changed else {})

    async def _read(self, wanted: set[str]) -> dict[str, list[Any]]:
        await queries.catch_up(self._house.database, self._position)
        percents, quiet = self._hearing.percents(), self._hearing.quiet()
        # What was deleted need not be read: its document is gone, or goes in a moment.
        drop: list[Any] = [job for job in wanted if self._hearing.is_deleted(job)]
        asked_for = wanted.difference(drop)
        of_list, _ = readable(self._asked, quiet)
        found = await board.read_jobs_by_id(
            self._house.database, asked_for, job_table.match_of(of_list) if of_list.is_filtered else None
        )
        put: list[Any] = []
        for job in found:
            if self._belongs(job, of_list.jobs):
                put.append(jobs.row(job, percents.get(job["id"]), quiet.get(job["id"])))
        shown = {row["id"] for row in put}
        drop += [job for job in asked_for if job not in shown]
        return {name: some for name, some in (("put", put), ("drop", drop)) if some}

    def _belongs(self, job: dict[str, object], among: tuple[str, ...] | None) -> bool:
        before = self._asked.before
        in_time = before is None or int(str(job["order"])) < before
        return (
            in_time and self._asked.status in (None, job["status"]) and (among is None or job["id"] in among)
        )


def _said(words: str) -> Props:
    return {component_ids.JOBS_SAID: {"children": words}}


class GroupsFeed:
    """Groups of the jobs that are looked at, counted anew as jobs change."""

    pause = 2.0
    unfinished = False

    def __init__(self, house: House, hearing: Hearing, asked: JobsAsked) -> None:
        self._house, self._hearing, self._asked = house, hearing, asked
        self._position = 0
        self._sent = Sent()

    def touch(self, changes: Changes) -> bool:
        self._position = max(self._position, changes.position)
        return bool(changes.jobs)

    async def whole(self) -> Push:
        self._sent.forget()
        return await self.push()

    async def push(self) -> Push:
        await queries.catch_up(self._house.database, self._position)
        wanted, _ = readable(self._asked, self._hearing.quiet())
        began = time.monotonic()
        groups = await job_table.read_groups(
            self._house.database, job_table.match_of(wanted), self._asked.group
        )
        self.pause = max(2.0, _REST * (time.monotonic() - began))
        shown = job_list.groups(groups, self._asked)
        return Push(props=self._sent.only_new({component_ids.JOBS_GROUPS: {"children": shown}}))


class CountsFeed:
    """How many jobs stand where: tiles on the House, filters on the list.

    The database counts a million jobs in half a second: it is given ten times as long to rest.
    """

    pause = 0.5

    def __init__(self, house: House, view: View, hearing: Hearing) -> None:
        self._house, self._view, self._hearing = house, view, hearing
        self._position = 0
        self._sent = Sent()
        # The documents of what was deleted go a moment later: then it is counted once more.
        self._recount = False
        self.unfinished = False

    def touch(self, changes: Changes) -> bool:
        self._position = max(self._position, changes.position)
        self._recount |= bool(changes.deleted)
        return bool(changes.jobs or changes.quiet)

    async def whole(self) -> Push:
        self._sent.forget()
        return Push(props=await self._read())

    async def push(self) -> Push:
        self.unfinished, self._recount = self._recount, False
        await queries.catch_up(self._house.database, self._position)
        return Push(props=self._sent.only_new(await self._read()))

    async def _read(self) -> dict[str, dict[str, object]]:
        began = time.monotonic()
        found = await board.count_jobs(self._house.database)
        self.pause = max(0.5, _REST * (time.monotonic() - began))
        if self._view.kind == "house":
            return {component_ids.HOUSE_COUNTS: {"children": counts.tiles(found)}}
        asked = jobs_asked(self._view)
        shown = counts.filters(found, asked, len(self._hearing.quiet()))
        return {component_ids.JOBS_COUNTS: {"children": shown}}
