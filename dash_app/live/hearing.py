"""What was heard on the bus since it was last asked, in a form that repeats do not make longer.

Fed by the bus's thread, emptied by the server's. Keeps nothing but what is in no
database: how far each running job is, which may hang, and what was deleted just now, whose documents go a
moment later.
"""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bus.port import Bus, BusInput, Connected, Inbound
from bus.topics import (
    HEARTBEAT,
    JOB_DELETED,
    JOB_EVENT,
    JOB_LOG,
    JOB_PROGRESS,
    PRESENCE,
    SWEEP_DELETED,
    SWEEP_EVENT,
)
from schemas.events import TrialProposed
from schemas.messages import DeletionNotice, JobLog, JobNotice, JobProgress, LogLines, Progress, SweepNotice
from schemas.resources import CPU, QUIET
from schemas.states import JobStatus

_PERCENTS_KEPT = 20_000
_DELETED_KEPT = 50_000
#: Beyond this a page is told to read anew instead.
_WAITING_MOST = 5_000


@dataclass
class Changes:
    """What changed. `position` is up to where the read models must be to show it."""

    position: int = 0
    jobs: set[str] = field(default_factory=set)
    sweeps: set[str] = field(default_factory=set)
    #: Jobs that became trials, with their sweep.
    trials: dict[str, str] = field(default_factory=dict)
    #: Jobs and sweeps that are gone; they are among `jobs` and `sweeps` as well.
    deleted: set[str] = field(default_factory=set)
    agents: set[str] = field(default_factory=set)
    percents: dict[str, float] = field(default_factory=dict)
    #: Jobs that may hang since now, or do so no more.
    quiet: set[str] = field(default_factory=set)
    progress: list[Progress] = field(default_factory=list)
    logs: list[LogLines] = field(default_factory=list)
    #: Something may have been missed: everything is to be read again.
    everything: bool = False


class Hearing:
    """Listens for all pages at once.

    Attributes:
        position: The latest log position that was heard of.
    """

    def __init__(self) -> None:
        self.position = 0
        self._lock = threading.Lock()
        self._changes = Changes()
        self._percents: OrderedDict[str, float] = OrderedDict()
        self._quiet: OrderedDict[str, float] = OrderedDict()
        self._deleted: OrderedDict[str, None] = OrderedDict()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake: asyncio.Event | None = None
        self._awake = False

    def subscribe(self, bus: Bus) -> None:
        """Ask the bus for what `handle` takes. Heartbeats and presence are asked for elsewhere."""
        for topic in (JOB_EVENT, JOB_PROGRESS, JOB_LOG, JOB_DELETED, SWEEP_EVENT, SWEEP_DELETED):
            bus.subscribe(topic)

    def attach(self, loop: asyncio.AbstractEventLoop, wake: asyncio.Event) -> None:
        """Name whom to wake when something changed."""
        with self._lock:
            self._loop, self._wake = loop, wake

    def handle(self, what: BusInput) -> None:
        """Take what arrives on the bus; called on the bus's thread."""
        with self._lock:
            if not self._note(what) or self._awake or self._loop is None or self._wake is None:
                return
            self._awake = True
        self._loop.call_soon_threadsafe(self._wake.set)

    def take(self) -> Changes:
        """Return what changed since the last call."""
        with self._lock:
            taken, self._changes = self._changes, Changes()
            self._awake = False
        return taken

    def percents(self) -> dict[str, float]:
        """Return how far running jobs are, where that is known."""
        with self._lock:
            return dict(self._percents)

    def quiet(self) -> dict[str, float]:
        """Return the running jobs that may hang, and for how many seconds each has been quiet."""
        with self._lock:
            return dict(self._quiet)

    def is_deleted(self, identity: str) -> bool:
        """Tell whether a job or sweep was deleted, though a document of it may still be there."""
        with self._lock:
            return identity in self._deleted

    def _note(self, what: BusInput) -> bool:
        changes = self._changes
        match what:
            case Connected():
                changes.everything = True
            case Inbound(data=JobNotice() as notice):
                job = what.names["job"]
                changes.jobs.add(job)
                self._note_position(notice.position)
                if notice.status is not JobStatus.RUNNING:
                    self._note_quiet(job, None)
                if notice.status.is_final:
                    self._percents.pop(job, None)
            case Inbound(data=SweepNotice() as notice):
                sweep = what.names["sweep"]
                changes.sweeps.add(sweep)
                self._note_position(notice.position)
                if isinstance(notice.event, TrialProposed):
                    changes.trials[notice.event.job] = sweep
            case Inbound(data=DeletionNotice() as notice):
                self._note_deletion(what.names)
                self._note_position(notice.position)
            case Inbound(data=JobProgress() as message):
                self._note_progress(message.progress)
            case Inbound(data=JobLog() as message):
                self._bounded(changes.logs, message.log)
            case Inbound() if what.topic is HEARTBEAT or what.topic is PRESENCE:
                changes.agents.add(what.names["agent"])
            case _:
                return False
        return True

    def _note_position(self, position: int) -> None:
        self._changes.position = max(self._changes.position, position)
        self.position = max(self.position, position)

    def _note_deletion(self, names: Mapping[str, str]) -> None:
        changes = self._changes
        for kind, told in (("job", changes.jobs), ("sweep", changes.sweeps)):
            if kind in names:
                told.add(names[kind])
                changes.deleted.add(names[kind])
                self._deleted[names[kind]] = None
                self._percents.pop(names[kind], None)
        while len(self._deleted) > _DELETED_KEPT:
            self._deleted.popitem(last=False)

    def _note_progress(self, progress: Progress) -> None:
        changes = self._changes
        if progress.percent is not None:
            changes.percents[progress.job] = self._percents[progress.job] = progress.percent
            self._percents.move_to_end(progress.job)
            while len(self._percents) > _PERCENTS_KEPT:
                self._percents.popitem(last=False)
        for point in progress.points:
            # What the agent measures comes with the seconds of quiet, once they are many.
            if CPU in point.metrics:
                self._note_quiet(progress.job, point.metrics.get(QUIET))
        if progress.points:
            self._bounded(changes.progress, progress)

    def _note_quiet(self, job: str, seconds: float | None) -> None:
        before = self._quiet.pop(job, None)
        if seconds:
            self._quiet[job] = seconds
            while len(self._quiet) > _PERCENTS_KEPT:
                self._quiet.popitem(last=False)
        # In minutes: more often nobody needs to be told.
        if (before or 0) // 60 != (seconds or 0) // 60:
            self._changes.quiet.add(job)

    def _bounded(self, waiting: list[Any], one: Any) -> None:
        if len(waiting) < _WAITING_MOST:
            waiting.append(one)
        else:
            self._changes.everything = True
