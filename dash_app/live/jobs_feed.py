"""The list of jobs, live: rows that changed, and how many jobs stand where."""

from typing import Any

from dash_app import component_ids
from dash_app.addresses import View
from dash_app.live.hearing import Changes, Hearing
from dash_app.live.push import Push, Sent
from dash_app.presenters import counts, jobs
from hq.rest import board, queries
from hq.rest.house import House


class JobRowsFeed:
    """Rows in place. A job that no longer belongs to the list leaves it."""

    pause = 0.05
    unfinished = False

    def __init__(self, house: House, hearing: Hearing, view: View) -> None:
        self._house, self._hearing, self._view = house, hearing, view
        self._jobs: set[str] = set()
        self._percents: dict[str, float] = {}
        self._position = 0

    def touch(self, changes: Changes) -> bool:
        self._jobs |= changes.jobs
        self._percents |= changes.percents
        self._position = max(self._position, changes.position)
        return bool(changes.jobs or changes.percents)

    async def whole(self) -> Push:
        found = await board.read_newest(
            self._house.database, status=self._view.status, before=self._view.before
        )
        percents = self._hearing.percents()
        there = [job for job in found if not self._hearing.is_deleted(job["id"])]
        rows = [jobs.row(job, percents.get(job["id"])) for job in there]
        return Push(rows={component_ids.JOBS_GRID: {"all": rows}})

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
        known = self._hearing.percents()
        put: list[Any] = []
        # What was deleted need not be read: its document is gone, or goes in a moment.
        drop: list[Any] = [job for job in wanted if self._hearing.is_deleted(job)]
        for job in await board.read_jobs_by_id(self._house.database, wanted.difference(drop)):
            if self._belongs(job):
                put.append(jobs.row(job, known.get(job["id"])))
            else:
                drop.append(job["id"])
        return {name: found for name, found in (("put", put), ("drop", drop)) if found}

    def _belongs(self, job: dict[str, object]) -> bool:
        before = self._view.before
        in_time = before is None or int(str(job["order"])) < before
        return in_time and self._view.status in (None, job["status"])


class CountsFeed:
    """How many jobs stand where: tiles on the House, filters on the list."""

    pause = 0.5

    def __init__(self, house: House, view: View) -> None:
        self._house, self._view = house, view
        self._position = 0
        self._sent = Sent()
        # The documents of what was deleted go a moment later: then it is counted once more.
        self._recount = False
        self.unfinished = False

    def touch(self, changes: Changes) -> bool:
        self._position = max(self._position, changes.position)
        self._recount |= bool(changes.deleted)
        return bool(changes.jobs)

    async def whole(self) -> Push:
        self._sent.forget()
        return Push(props=await self._read())

    async def push(self) -> Push:
        self.unfinished, self._recount = self._recount, False
        await queries.catch_up(self._house.database, self._position)
        return Push(props=self._sent.only_new(await self._read()))

    async def _read(self) -> dict[str, dict[str, object]]:
        found = await board.count_jobs(self._house.database)
        if self._view.kind == "house":
            return {component_ids.HOUSE_COUNTS: {"children": counts.tiles(found)}}
        return {component_ids.JOBS_COUNTS: {"children": counts.filters(found, self._view.status)}}
