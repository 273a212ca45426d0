"""One job, live: how it stands, and what it was, in place."""

import time
from typing import Any

from dash_app import component_ids as ids
from dash_app.live.hearing import Changes, Hearing
from dash_app.live.push import Props, Push, Sent
from dash_app.presenters import job as words
from dash_app.presenters import pieces
from dash_app.presenters.artifacts import artifacts
from hq.rest import queries
from hq.rest.asking import NoAnswer
from hq.rest.house import House
from hq.rest.problems import Problem
from schemas.requests import Explain

Document = dict[str, Any]
#: Why a job waits changes with the machines; HQ is asked again so often.
_WHY_SECONDS = 3.0
_WHY_DEADLINE_SECONDS = 1.0


async def read_why(house: House, job: Document) -> str:
    """Return why a job waits, as HQ says it; empty when it does not wait or HQ does not answer."""
    if job["status"] not in ("queued", "held"):
        return ""
    try:
        reply = await house.asking.ask(Explain(job=job["id"]), _WHY_DEADLINE_SECONDS)
    except NoAnswer:
        return "HQ does not answer right now; the job is safe and waits."
    return str(reply.result.get("why", "")) if reply.ok else ""


class JobFeed:
    """Everything of a job but its curves and its log."""

    pause = 0.05
    unfinished = False

    def __init__(self, house: House, hearing: Hearing, job: str) -> None:
        self._house, self._hearing, self._job = house, hearing, job
        self._position = 0
        self._waits = False
        self._asked = 0.0
        self._changed = False
        self._bars: dict[str, float] = {}
        self._sent = Sent()

    def touch(self, changes: Changes) -> bool:
        self._position = max(self._position, changes.position)
        ask_again = self._waits and bool(changes.agents) and time.monotonic() - self._asked > _WHY_SECONDS
        touched = self._job in changes.jobs or ask_again
        self._changed |= touched
        if self._job in changes.percents:
            self._bars[self._job] = changes.percents[self._job]
        return touched or bool(self._bars)

    async def whole(self) -> Push:
        self._sent.forget()
        return Push(props=await self._read())

    async def push(self) -> Push:
        # Taken before anything is waited for: what is touched meanwhile is for the next push.
        changed, self._changed = self._changed, False
        bars, self._bars = self._bars, {}
        if not changed:
            return Push(bars=bars)
        try:
            await queries.catch_up(self._house.database, self._position)
            return Push(props=self._sent.only_new(await self._read()), bars=bars)
        except BaseException:
            self._changed = True
            raise

    async def _read(self) -> Props:
        if self._hearing.is_deleted(self._job):
            self._waits = False
            return {ids.JOB_STATUS: {"children": pieces.deleted("job"), "data-status": "deleted"}}
        job = await queries.read_job(self._house.database, self._job)
        if job is None:
            raise Problem(404, "not_found", f"there is no job {self._job}")
        self._asked = time.monotonic()
        self._waits = job["status"] in ("queued", "held")
        why = await read_why(self._house, job)
        return props_of(job, why, self._hearing.percents().get(self._job))


def props_of(job: Document, why: str, percent: float | None) -> Props:
    """Return what the page shows of a job. Actions are left to the page: they depend on who looks."""
    return {
        ids.JOB_STATUS: {"children": words.status(job, why, percent), "data-status": str(job["status"])},
        ids.JOB_FACTS: {"children": words.facts(job)},
        ids.JOB_RESULT: {"children": words.result(job)},
        ids.JOB_CHARTS: {"children": words.charts(job)},
        ids.JOB_ARTIFACTS: {"children": artifacts(job, words.last_result(job))},
        ids.JOB_ATTEMPTS: {"children": words.attempts(job)},
    }
