"""Keeps the workers of services: as many jobs as a service wants machines to be warm, no two on one.

Looks at what there is and decides what is missing or too much. A worker that
ended by itself is replaced after a while that grows; an older version's go
when the current one has a worker that is ready.
"""

import math
from collections.abc import Iterator

from msgspec import Struct

from hq.core.bookkeeping import Bookkeeping
from hq.core.calls import Calls
from hq.core.decide.ids import Ids
from hq.core.decide.services import build_worker
from hq.core.sightings import Sighting
from hq.core.state import Job, Service
from schemas.events import AnyEvent, JobCancelled, JobSubmitted
from schemas.states import JobStatus

_LOOK_SECONDS = 0.25
#: A worker that waits for a machine which is away for longer goes to another.
_AWAY_SECONDS = 15.0
_LONGEST_PAUSE_SECONDS = 600.0


class _Trouble(Struct):
    """Workers of one version that ended by themselves, one after another."""

    version: int
    count: int = 0
    until: float = 0.0
    why: str = ""


class Workers:
    """The workers of all services."""

    def __init__(self, books: Bookkeeping, calls: Calls) -> None:
        self._books, self._state, self._calls = books, books.state, calls
        self._look_at = -math.inf
        #: Workers that were there at the last look, with their service and version.
        self._known: dict[str, tuple[str, int]] = {}
        self._trouble: dict[str, _Trouble] = {}
        #: Since when a worker waits for its machine.
        self._waits: dict[str, float] = {}

    def look_again(self) -> None:
        """Look at the next occasion: a service was changed."""
        self._look_at = -math.inf

    def decide(self, ids: Ids, now: float) -> Iterator[AnyEvent]:
        """Yield what puts the workers right. Record each before the next is asked for."""
        if now < self._look_at or not self._state.services:
            return
        self._look_at = now + _LOOK_SECONDS
        self._note_ended(now)
        for service in list(self._state.services.values()):
            yield from self._decide_service(service, ids, now)
        self._known = {
            job_id: (name, serves.version)
            for name, jobs in self._books.serving.items()
            for job_id in jobs
            if (serves := self._state.jobs[job_id].spec.serves) is not None
        }

    def why(self, name: str) -> str:
        """Return why the last worker of a service ended, while there is no better one; "" for no trouble."""
        trouble = self._trouble.get(name)
        service = self._state.services.get(name)
        same = trouble is not None and service is not None and trouble.version == service.version
        return trouble.why if trouble is not None and same and trouble.count else ""

    def _decide_service(self, service: Service, ids: Ids, now: float) -> Iterator[AnyEvent]:
        jobs = [self._state.jobs[job] for job in sorted(self._books.serving.get(service.name, ()))]
        current = [job for job in jobs if service.is_running and _version(job) == service.version]
        ready = {key[0] for _, key, _ in self._calls.ready_workers(service.name)}
        is_up = any(job.id in ready for job in current)
        if is_up:
            self._trouble.pop(service.name, None)
        for job in jobs:
            if job not in current and (is_up or not service.is_running):
                why = "another version is ready" if service.is_running else "the service was stopped"
                yield JobCancelled(job.id, "hq", why)
        if not service.is_running:
            return
        for job in [job for job in current if self._is_stranded(job, service, current, now)]:
            yield JobCancelled(job.id, "hq", f"{job.spec.needs.agent} is away, another machine is not")
            current.remove(job)
        for job in current[service.spec.min_warm :]:
            yield JobCancelled(job.id, "hq", "more workers than the service wants")
        trouble = self._trouble.get(service.name)
        if trouble is not None and trouble.version == service.version and now < trouble.until:
            return
        taken = {job.spec.needs.agent for job in current}
        for _ in range(service.spec.min_warm - len(current)):
            machine = self._choose(service, taken, now)
            if machine is None:
                return
            taken.add(machine.name)
            by = service.find(service.version)
            spec = build_worker(service, machine.name)
            yield JobSubmitted(ids.make("j"), spec, by.by if by is not None else "hq")

    def _choose(self, service: Service, taken: set[str | None], now: float) -> Sighting | None:
        """Return the machine for one more worker: the least loaded that takes work and has none."""
        spec = service.spec.job
        fitting = [
            sighting
            for sighting in self._books.sightings.values()
            if sighting.name not in taken
            and sighting.accepting
            and sighting.is_fresh(now)
            and now >= sighting.conflict_until
            and not sighting.why_not(spec)
        ]
        return min(
            fitting,
            key=lambda one: (one.load() / max(1, one.slots), one.cool_until > now, one.name),
            default=None,
        )

    def _is_stranded(self, job: Job, service: Service, current: list[Job], now: float) -> bool:
        """Tell whether a worker waits for a machine that is away while another could have it."""
        sighting = self._books.sightings.get(job.spec.needs.agent or "")
        is_there = sighting is not None and sighting.is_fresh(now) and sighting.accepting
        if job.status is not JobStatus.QUEUED or is_there:
            self._waits.pop(job.id, None)
            return False
        since = self._waits.setdefault(job.id, now)
        taken = {one.spec.needs.agent for one in current}
        if now - since < _AWAY_SECONDS or self._choose(service, taken, now) is None:
            return False
        del self._waits[job.id]
        return True

    def _note_ended(self, now: float) -> None:
        for job, (name, version) in self._known.items():
            done = self._state.finished.get(job)
            if job in self._state.jobs or done is None or done.status is JobStatus.CANCELLED:
                continue
            trouble = self._trouble.get(name)
            if trouble is None or trouble.version != version:
                trouble = self._trouble[name] = _Trouble(version)
            trouble.count += 1
            trouble.until = now + min(_LONGEST_PAUSE_SECONDS, 2.0 ** (trouble.count - 1))
            trouble.why = f"worker {job} ended ({done.status}): `idlehands job {job}` says why"


def _version(job: Job) -> int:
    return job.spec.serves.version if job.spec.serves is not None else 0
