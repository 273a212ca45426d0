"""Tells at once when jobs begin and end, however many are waited for: one subscription for all of them.

What the bus lost is read from REST: after a reconnection, when it was quiet
for some seconds, and at times when it is not.
"""

import contextlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import msgspec

from bus.port import Connected, Inbound
from bus.topics import JOB_EVENT, JOB_LOG
from idlehands.client.errors import ClientError, RequestRefused
from idlehands.client.watchable import Watchable
from schemas.events import (
    AttemptFailed,
    AttemptInterrupted,
    AttemptLost,
    AttemptReturned,
    JobCancelled,
    JobClaimed,
    JobDied,
    JobFailed,
    JobSucceeded,
)
from schemas.facts import AttemptResult
from schemas.messages import JobLog, JobNotice
from schemas.states import JobStatus

_QUIET_SECONDS = 5.0
_LONG_SECONDS = 30.0
#: Of jobs that nobody waits for yet: their submission is being answered.
_EARLY_AT_MOST = 2000
_PAGE = 500

Ending = JobSucceeded | JobFailed | JobCancelled | JobDied
#: An attempt is over, and the job waits for another.
Requeued = AttemptReturned | AttemptInterrupted | AttemptLost | AttemptFailed
Told = Ending | JobClaimed | Requeued
_FINAL: tuple[type, ...] = Ending.__args__
_TOLD: tuple[type, ...] = Told.__args__
_NAMES = frozenset(kind.__name__ for kind in _TOLD)

#: Called on the thread of `Endings` with what happened to a job; must be quick.
Listener = Callable[[str, Told], None]
#: Called likewise with lines that a job printed: stream and lines.
LineListener = Callable[[str, str, tuple[str, ...]], None]


class Endings:
    """Who waits for which job. Start it once; every method from any thread."""

    def __init__(self, client: Watchable, on_lines: LineListener | None = None) -> None:
        """Subscribe; also to what jobs print, if somebody wants it.

        Raises:
            HqUnreachable: If HQ does not answer.
        """
        self._client, self._on_lines = client, on_lines
        self._lock = threading.Lock()
        self._listeners: dict[str, Listener] = {}
        self._early: OrderedDict[str, list[Told]] = OrderedDict()
        self._early_lines: OrderedDict[str, list[tuple[str, tuple[str, ...]]]] = OrderedDict()
        self._is_closed = False
        topics = [(JOB_EVENT, dict[str, str]())]
        if on_lines is not None:
            topics.append((JOB_LOG, {}))
        self._feed = client.watch(*topics)
        # Its answer proves that the subscriptions before it are in place.
        self._after = str(client.ping())
        self._heard_at = self._looked_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="endings", daemon=True)
        self._thread.start()

    def listen(self, job: str, listener: Listener) -> None:
        """Let `listener` know when the job begins and when it ends; what has happened already, at once."""
        with self._lock:
            self._listeners[job] = listener
            early = self._early.pop(job, [])
            lines = self._early_lines.pop(job, [])
        for stream, text in lines:
            if self._on_lines is not None:
                self._on_lines(job, stream, text)
        for event in early:
            self._tell(job, event)

    def forget(self, job: str) -> None:
        """Tell nobody any more of this job. Safe to repeat."""
        with self._lock:
            self._listeners.pop(job, None)

    def close(self) -> None:
        """Unsubscribe. Safe to repeat."""
        if not self._is_closed:
            self._is_closed = True
            self._feed.__exit__(None)

    def _run(self) -> None:
        while not self._is_closed:
            what = self._feed.get(1.0)
            now = time.monotonic()
            if isinstance(what, Inbound):
                self._heard_at = now
                self._take(what)
            if isinstance(what, Connected) or self._should_look(now):
                self._looked_at = now
                # The next time may have more luck.
                with contextlib.suppress(ClientError):
                    self._look()

    def _should_look(self, now: float) -> bool:
        if not self._listeners:
            return False
        since = now - self._looked_at
        return since > _LONG_SECONDS or (since > _QUIET_SECONDS and now - self._heard_at > _QUIET_SECONDS)

    def _take(self, what: Inbound) -> None:
        job, data = what.names["job"], what.data
        if isinstance(data, JobNotice) and isinstance(data.event, _TOLD):
            self._tell(job, data.event)
        elif isinstance(data, JobLog) and self._on_lines is not None:
            with self._lock:
                is_known = job in self._listeners
                if not is_known:
                    self._early_lines.setdefault(job, []).append((data.log.stream, data.log.lines))
                    if len(self._early_lines) > _EARLY_AT_MOST:
                        self._early_lines.popitem(last=False)
            if is_known:
                self._on_lines(job, data.log.stream, data.log.lines)

    def _tell(self, job: str, event: Any) -> None:
        with self._lock:
            listener = self._listeners.get(job)
            if listener is None:
                self._early.setdefault(job, []).append(event)
                if len(self._early) > _EARLY_AT_MOST:
                    self._early.popitem(last=False)
                return
            if isinstance(event, _FINAL):
                del self._listeners[job]
        listener(job, event)

    def _look(self) -> None:
        """Read what happened since it was read last, which may be known already."""
        try:
            while not self._is_closed:
                page = self._client.rest.get("/events", after=self._after, limit=_PAGE)
                for row in page["events"]:
                    event = row["event"]
                    if event["type"] in _NAMES and event["job"] in self._listeners:
                        self._tell(event["job"], msgspec.convert(event, Told, strict=False))
                if page["next"] in (None, self._after):
                    return
                self._after = page["next"]
        except RequestRefused as refused:
            if refused.code != "compacted":
                raise
            self._after = str(self._client.ping())
            self._look_at_each()

    def _look_at_each(self) -> None:
        """Look at every job that is waited for: the log of what happened to it is gone."""
        for job in list(self._listeners):
            self.look_at(job)

    def look_at(self, job: str) -> None:
        """Tell whoever listens how a job ended, if it has: one that ended before anybody listened.

        Raises:
            RequestRefused: If there is no such job.
            HqUnreachable: If REST does not answer.
        """
        found = self._client.job(job)
        status = JobStatus(found["status"])
        if not status.is_final:
            return
        rows = [row for row in found.get("results", ()) if row.get("verdict") == "accepted"]
        result = msgspec.convert(rows[-1]["result"], AttemptResult, strict=False) if rows else None
        why = str(found.get("why") or "")
        match status:
            case JobStatus.SUCCEEDED if result is not None:
                self._tell(job, JobSucceeded(job, result.token, result))
            case JobStatus.FAILED:
                self._tell(job, JobFailed(job, why, result.token if result else None, result))
            case JobStatus.CANCELLED:
                self._tell(job, JobCancelled(job, "?", why))
            case _:
                self._tell(job, JobDied(job, why))
