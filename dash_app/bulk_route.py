"""POST /bulk/jobs: cancel or retry many jobs at once, those that were ticked or all that meet a filter.

    {"verb": "cancel", "jobs": ["j...", ...]}
    {"verb": "retry", "query": "status=failed&where=...", "count_only": true}

The gate lets operators here only, from the page itself only. What became impossible in between, such
as to cancel a job that has ended, is left out and counted.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from fastapi import FastAPI
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from dash_app.addresses import parse
from dash_app.jobs_asked import jobs_asked
from dash_app.live.hearing import Hearing
from hq.rest import job_table, queries
from hq.rest.house import House, answer, principal_of, read_body
from hq.rest.job_table import Wanted
from hq.rest.policy import BULK
from hq.rest.problems import Problem
from schemas.names import JobId
from schemas.requests import Cancel, Retry

#: More are done by asking again.
MOST = 20_000
_AT_ONCE = {"cancel": 500, "retry": 100}
#: HQ does all of a request or nothing: then it is asked in halves.
_DIVIDED = {"already_final", "unknown_job", "too_big", "not_final"}


class Bulk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body. With `query`, what the address of the list of jobs says."""

    verb: Literal["cancel", "retry"]
    jobs: Annotated[tuple[JobId, ...], Meta(max_length=5000)] = ()
    query: Annotated[str, Meta(max_length=4000)] | None = None
    count_only: bool = False


class Many:
    """Does something with many jobs on behalf of somebody."""

    def __init__(self, house: House, by: str, verb: Literal["cancel", "retry"]) -> None:
        self._house, self._by, self._verb = house, by, verb
        self.done = 0
        self.left_out = 0
        self.position = 0

    async def do(self, jobs: Sequence[str]) -> None:
        """Ask HQ for all of these, in requests of a size that it takes.

        Raises:
            Problem: If HQ refuses for another reason than that it is too late for some.
        """
        step = _AT_ONCE[self._verb]
        for at in range(0, len(jobs), step):
            await self._some(jobs[at : at + step])

    async def _some(self, jobs: Sequence[str]) -> None:
        kind = Cancel if self._verb == "cancel" else Retry
        try:
            made = await self._house.asking.change(kind(jobs=tuple(jobs), on_behalf_of=self._by))
        except Problem as problem:
            if problem.code not in _DIVIDED:
                raise
            if len(jobs) == 1:
                self.left_out += 1
                return
            middle = len(jobs) // 2
            await self._some(jobs[:middle])
            await self._some(jobs[middle:])
            return
        self.done += len(jobs)
        self.position = max(self.position, int(made.get("position") or 0))


def add_routes(app: FastAPI, house: House, hearing: Hearing) -> None:
    """Add the route."""

    @app.post(BULK, include_in_schema=False)
    async def bulk(request: Request) -> Response:
        body: Bulk = await read_body(request, Bulk)
        match = job_table.that_end(job_table.match_of(_wanted(body, hearing)), body.verb)
        await queries.catch_up(house.database, hearing.position)
        if body.count_only:
            return answer({"count": await job_table.count(house.database, match), "most": MOST})
        jobs = [job async for job in job_table.each_id(house.database, match, MOST)]
        many = Many(house, principal_of(request).name, body.verb)
        await many.do(jobs)
        said: dict[str, Any] = {"done": many.done, "left_out": many.left_out, "position": many.position}
        return answer(said)


def _wanted(body: Bulk, hearing: Hearing) -> Wanted:
    """Return which jobs are meant.

    Raises:
        Problem: 422 when a filter cannot be understood: then nothing is done, rather than with all jobs.
    """
    if body.query is None:
        return Wanted(jobs=body.jobs)
    return jobs_asked(parse("/jobs", body.query)).wanted(hearing.quiet())
