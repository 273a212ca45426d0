"""Waiting until a job has ended: heard on the bus, and looked up where a notice was missed.

    expect -> submit -> wait(job) -> Ending

Notices are lost now and then (QoS 0), so the read models are asked every few
seconds as well. Fed by the bus's thread; waited for on the server's loop.
"""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct
from pymongo.errors import PyMongoError

from bus.port import BusInput, Inbound
from hq.rest.database import Database, find, find_by_id
from schemas.events import JobCancelled, JobDied, JobFailed, JobSucceeded
from schemas.facts import AttemptResult
from schemas.messages import JobNotice
from schemas.states import FINAL_STATUSES, JobStatus

#: A missed notice costs so long at most, while HQ and its database are there.
LOOK_SECONDS = 2.0
#: Sooner at first: a repeated request may be about a job that ended long ago.
_FIRST_LOOK_SECONDS = 0.25
_RECENT_KEPT = 200


class Ending(Struct, frozen=True):
    """How a job ended. `result` is the accepted one, if there is one."""

    job: str
    status: JobStatus
    why: str = ""
    result: AttemptResult | None = None


class StillRunning(Exception):
    """The deadline passed first. The job goes on."""


class Endings:
    """Who waits for which job."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._expecting = 0
        #: Ends that were heard while somebody did not know yet which job is theirs.
        self._recent: dict[str, Ending | None] = {}
        self._waiting: dict[str, list[tuple[asyncio.AbstractEventLoop, asyncio.Future[Ending | None]]]] = {}

    def handle(self, what: BusInput) -> None:
        """Take what arrives on the bus; called on the bus's thread. Costs nothing while nobody waits."""
        if not self._expecting or not isinstance(what, Inbound) or not isinstance(what.data, JobNotice):
            return
        notice: JobNotice = what.data
        if notice.status not in FINAL_STATUSES:
            return
        job, ending = what.names["job"], read_notice(what.names["job"], notice)
        with self._lock:
            waiting = self._waiting.get(job, ())
            if not waiting:
                self._recent[job] = ending
                if len(self._recent) > _RECENT_KEPT:
                    del self._recent[next(iter(self._recent))]
            for loop, future in waiting:
                loop.call_soon_threadsafe(_settle, future, ending)

    @contextlib.contextmanager
    def expect(self) -> Iterator["Endings"]:
        """Listen from before the submit on: a job may end before its id is known."""
        with self._lock:
            self._expecting += 1
        try:
            yield self
        finally:
            with self._lock:
                self._expecting -= 1
                if not self._expecting:
                    self._recent.clear()

    async def wait(self, job: str, seconds: float, database: Database) -> Ending:
        """Return how the job ended; to be called while `expect` holds.

        Raises:
            StillRunning: If it has not within `seconds`.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        future: asyncio.Future[Ending | None] = loop.create_future()
        entry = (loop, future)
        with self._lock:
            if job in self._recent:
                future.set_result(self._recent.pop(job))
            self._waiting.setdefault(job, []).append(entry)
        try:
            pause = _FIRST_LOOK_SECONDS
            while True:
                left = end - loop.time()
                done, _ = await asyncio.wait({future}, timeout=max(0.0, min(left, pause)))
                pause = min(2 * pause, LOOK_SECONDS)
                if done and (heard := future.result()) is not None:
                    return heard
                with contextlib.suppress(PyMongoError):
                    stored = await read_ending(database, job)
                    if stored is not None:
                        return stored
                if left <= 0:
                    raise StillRunning(job)
                if done:
                    # Heard of, but cut short: it is about to be in the read models.
                    await asyncio.sleep(0.02)
        finally:
            with self._lock:
                self._waiting[job].remove(entry)
                if not self._waiting[job]:
                    del self._waiting[job]


def _settle(future: "asyncio.Future[Ending | None]", ending: Ending | None) -> None:
    if not future.done():
        future.set_result(ending)


def read_notice(job: str, notice: JobNotice) -> Ending | None:
    """Return the end of a job as a notice says it; None where that was cut short to fit a message."""
    match notice.event:
        case JobSucceeded(result=result) if any(
            note.startswith("left out of this notice") for note in result.notes
        ):
            return None
        case JobSucceeded(result=result):
            return Ending(job, notice.status, "", result)
        case JobFailed(why=why, result=failed):
            return Ending(job, notice.status, why, failed)
        case JobCancelled(by=by, why=why):
            return Ending(job, notice.status, why or f"{by} cancelled it")
        case JobDied(why=why):
            return Ending(job, notice.status, why)
    return None


async def read_ending(database: Database, job: str) -> Ending | None:
    """Return how a job ended, from the read models; None while it has not, or is not in them yet."""
    found = await find_by_id(database, "jobs", job)
    if found is None or JobStatus(found["status"]) not in FINAL_STATUSES:
        return None
    rows: list[dict[str, Any]] = await find(
        database, "results", {"job": job, "verdict": "accepted"}, sort=[("position", -1)], limit=1
    )
    result = msgspec.convert(rows[0]["result"], AttemptResult) if rows else None
    return Ending(job, JobStatus(found["status"]), str(found.get("why", "")), result)
