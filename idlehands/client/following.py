"""One job as it happens: its state, its progress and its log, without gaps where that can be had.

First subscribe, then read the present state by REST, then stream, dropping
what was seen: so nothing falls between. Notices carry the job's revision and
log lines their number, so a gap is noticed, and REST fills it.
"""

import time
from collections.abc import Iterator
from typing import Any

import msgspec

from bus.port import Inbound
from bus.topics import JOB_EVENT, JOB_LOG, JOB_PROGRESS
from idlehands.client.errors import HqUnreachable
from idlehands.client.feed import Feed
from idlehands.client.watchable import Watchable
from schemas.events import JobClaimed, JobFailed
from schemas.facts import MetricPoint
from schemas.messages import JobLog, JobNotice, JobProgress
from schemas.states import JobStatus

#: Without news for so long, REST is asked: the last notice may have been lost.
QUIET_SECONDS = 5.0
#: So long a follower tries to find the house again, this often.
LOST_SECONDS = 120.0
LOST_RETRY_SECONDS = 1.0


class StatusUpdate(msgspec.Struct, frozen=True):
    """The job's state is now this. The last update of a job has a final status."""

    status: JobStatus
    agent: str | None = None
    why: str = ""
    #: The log position that it is known from.
    position: int = 0


class ProgressUpdate(msgspec.Struct, frozen=True):
    """How far it is, in percent where known, and metrics that were not seen before."""

    percent: float | None = None
    points: tuple[MetricPoint, ...] = ()
    note: str = ""


class LogUpdate(msgspec.Struct, frozen=True):
    """Lines of output. `missed` lines before them were dropped on the way."""

    lines: tuple[str, ...]
    stream: str = "stdout"
    missed: int = 0


Update = StatusUpdate | ProgressUpdate | LogUpdate


def follow_job(client: Watchable, job: str) -> Iterator[Update]:
    """Yield updates of a job until its status is final.

    Raises:
        RequestRefused: If there is no such job.
        HqUnreachable: If HQ or web do not answer at the start, or for `LOST_SECONDS` later on.
    """
    wanted = tuple((topic, {"job": job}) for topic in (JOB_EVENT, JOB_PROGRESS, JOB_LOG))
    with client.watch(*wanted) as feed:
        # Its answer proves that the subscriptions before it are in place.
        position = client.ping()
        yield from _Follower(client, job, feed).run(position)


class _Follower:
    def __init__(self, client: Watchable, job: str, feed: Feed) -> None:
        self._client = client
        self._job = job
        self._feed = feed
        self._revision = -1
        self._token = 0
        self._next_line = 0
        self._next_point = 0
        self._log_cursor: str | None = None
        self._final = False

    def run(self, position: int) -> Iterator[Update]:
        yield from self._catch_up(position)
        lost_since: float | None = None
        while not self._final:
            try:
                yield from self._step(QUIET_SECONDS if lost_since is None else LOST_RETRY_SECONDS)
                lost_since = None
            except HqUnreachable as error:
                # A restart of web or HQ is no reason to leave: the job goes on, and so do we.
                now = time.monotonic()
                lost_since = lost_since or now
                if now - lost_since > LOST_SECONDS:
                    raise HqUnreachable(
                        f"Contact was lost for {LOST_SECONDS:.0f} s while {self._job} went on. {error} "
                        f"`idlehands logs {self._job} -f` follows it again."
                    ) from None

    def _step(self, timeout_seconds: float) -> Iterator[Update]:
        what = self._feed.get(timeout_seconds)
        match what:
            case Inbound(data=JobNotice() as notice):
                yield from self._on_notice(notice)
            case Inbound(data=JobProgress() as progress):
                yield from self._on_progress(progress)
            case Inbound(data=JobLog() as log):
                yield from self._on_log(log)
            case _:
                yield from self._catch_up(None)

    def _on_notice(self, notice: JobNotice) -> Iterator[Update]:
        if notice.revision <= self._revision:
            return
        if notice.revision > self._revision + 1 or notice.status.is_final:
            # At the end too: the last lines may be stored though their messages were lost.
            yield from self._catch_up(notice.position)
            return
        self._revision = notice.revision
        event = notice.event
        agent = event.agent if isinstance(event, JobClaimed) else None
        why = getattr(event, "why", "")
        if isinstance(event, JobFailed) and event.result and event.result.failure:
            why = event.result.failure.message
        yield StatusUpdate(notice.status, agent, why, notice.position)

    def _on_progress(self, message: JobProgress) -> Iterator[Update]:
        progress = message.progress
        if not self._is_current(progress.token):
            return
        points = tuple(point for point in progress.points if point.seq >= self._next_point)
        if points:
            self._next_point = points[-1].seq + 1
        if points or progress.percent is not None or progress.note:
            yield ProgressUpdate(progress.percent, points, progress.note)

    def _on_log(self, message: JobLog) -> Iterator[Update]:
        log = message.log
        if not self._is_current(log.token):
            return
        if log.seq > self._next_line:
            yield from self._read_logs()
        yield from self._take_lines(log.seq, log.lines, log.stream)

    def _is_current(self, token: int) -> bool:
        """Tell whether something belongs to the newest attempt; a newer one starts counting anew."""
        if token > self._token:
            self._token = token
            self._next_line = self._next_point = 0
        return token == self._token

    def _take_lines(self, seq: int, lines: tuple[str, ...], stream: str) -> Iterator[Update]:
        fresh = lines[max(self._next_line - seq, 0) :]
        if not fresh:
            return
        missed = max(seq - self._next_line, 0)
        self._next_line = seq + len(lines)
        yield LogUpdate(fresh, stream, missed)

    def _catch_up(self, position: int | None) -> Iterator[Update]:
        """Read all by REST and yield what is new."""
        job = self._client.job(self._job, at_least=position)
        yield from self._read_logs()
        yield from self._read_progress()
        if job["revision"] > self._revision:
            self._revision = job["revision"]
            status = JobStatus(job["status"])
            self._final = status.is_final
            yield StatusUpdate(status, job.get("agent"), job.get("why", ""), job.get("position", 0))

    def _read_logs(self) -> Iterator[Update]:
        while True:
            page = self._client.log_page(self._job, after=self._log_cursor)
            self._log_cursor = page["next"] or self._log_cursor
            for row in page["logs"]:
                if self._is_current(row["token"]):
                    yield from self._take_lines(row["seq"], lines_of(row), row.get("stream", "stdout"))
            if not page["logs"]:
                return

    def _read_progress(self) -> Iterator[Update]:
        found = self._client.progress(self._job, after=self._next_point - 1 if self._next_point else None)
        if found["token"] is None or not self._is_current(found["token"]):
            return
        points = tuple(_point(row) for row in found["points"] if row["seq"] >= self._next_point)
        if points:
            self._next_point = points[-1].seq + 1
            yield ProgressUpdate(None, points)


def lines_of(row: dict[str, Any]) -> tuple[str, ...]:
    """Return the lines of one stored piece of a log."""
    return tuple(row["lines"])


def _point(row: dict[str, Any]) -> MetricPoint:
    return msgspec.convert(row, MetricPoint, strict=False)
