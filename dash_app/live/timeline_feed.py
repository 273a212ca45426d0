"""What happened to one job, as the event log says it, live."""

from dash_app import component_ids as ids
from dash_app.live.hearing import Changes
from dash_app.live.push import Push, Sent
from dash_app.presenters.happenings import timeline, types_of
from hq.rest import queries
from hq.rest.house import House
from hq.rest.looking_back import read_back

_SHOWN = 40


class TimelineFeed:
    """The newest events of a job, from its latest backwards."""

    pause = 1.0
    unfinished = False

    def __init__(self, house: House, job: str) -> None:
        self._house, self._job = house, job
        self._position = 0
        self._sent = Sent()

    def touch(self, changes: Changes) -> bool:
        self._position = max(self._position, changes.position)
        return self._job in changes.jobs

    async def whole(self) -> Push:
        self._sent.forget()
        return await self.push()

    async def push(self) -> Push:
        database = self._house.database
        await queries.catch_up(database, self._position)
        job = await queries.read_job(database, self._job)
        if job is None:
            return Push()
        # The log has no index by job: from the last thing that happened to it, so far back as a page looks.
        found = await read_back(
            database, before=int(job["position"]) + 1, limit=_SHOWN, types=types_of(""), about=self._job
        )
        shown = timeline(found["events"][::-1], self._job)
        return Push(props=self._sent.only_new({ids.JOB_TIMELINE: {"children": shown}}))
