"""How the house stands, in a few figures: what waits, when that will be done, what today has cost.

Follows what HQ decides. When the queue will be empty is a guess: by how many jobs ended lately, or where
these were few, by how long they took. It knows no job that has yet to be submitted.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime

from hq.core.bookkeeping import Bookkeeping
from hq.core.state import Change, Job, StoredResult, Sweep
from hq.home_assistant import MachineState
from hq.house_device import Best, HouseState
from schemas.states import JobStatus, SweepStatus

#: So many ends, in so short a time, tell how fast it goes on.
_MANY_ENDS, _LATELY_SECONDS = 20, 120.0
_KEPT = 100
#: A guess that is further away says nothing.
_FURTHEST_SECONDS = 365 * 86_400.0


class HouseFigures:
    """Used on the loop's thread only.

    Args:
        books: HQ's tables.
        wall: Returns Unix seconds.
        energy_today_kwh: What results of today say already, by machine.
        energy_is_known: False where that could not be read: then nothing is said until tomorrow.
    """

    def __init__(
        self,
        books: Bookkeeping,
        wall: Callable[[], float],
        *,
        energy_today_kwh: Mapping[str, float] | None = None,
        energy_is_known: bool = True,
    ) -> None:
        self._books, self._wall = books, wall
        self._day = day_of(wall())
        #: By machine, of those that have told of any.
        self._kwh, self._kwh_is_known = dict(energy_today_kwh or {}), energy_is_known
        self._seconds: deque[float] = deque(maxlen=_KEPT)
        self._ends: deque[float] = deque(maxlen=_KEPT)
        self._latest: Sweep | None = None
        self.note(books.state.sweeps.values())

    def note(self, changes: Iterable[Change]) -> None:
        """Note what was decided."""
        for change in changes:
            if isinstance(change, StoredResult):
                self._note_result(change)
            elif isinstance(change, Job):
                if change.status.is_final:
                    self._ends.append(self._wall())
            elif (
                isinstance(change, Sweep)
                and change.best is not None
                and (self._latest is None or change.submitted_at >= self._latest.submitted_at)
            ):
                self._latest = change

    def _note_result(self, stored: StoredResult) -> None:
        if stored.verdict == "accepted":
            self._seconds.append(stored.result.duration_seconds)
        energy = stored.result.energy
        if energy is not None:
            self._begin_day()
            self._kwh[stored.agent] = self._kwh.get(stored.agent, 0.0) + energy.kwh

    def _begin_day(self) -> None:
        today = day_of(self._wall())
        if today != self._day:
            # A machine that has told once what it used used nothing yet today.
            self._kwh = dict.fromkeys(self._kwh, 0.0) if self._kwh_is_known else {}
            self._day, self._kwh_is_known = today, True

    def read(self, now: float) -> HouseState:
        """Return how it stands at `now` on HQ's monotonic clock."""
        self._begin_day()
        books = self._books
        # Workers of services wait for calls: nobody waits for their end.
        serving = [
            books.state.jobs[job].status
            for workers in books.serving.values()
            for job in workers
            if job in books.state.jobs
        ]
        waiting = books.counts[JobStatus.QUEUED] - serving.count(JobStatus.QUEUED)
        running = books.counts[JobStatus.RUNNING] - serving.count(JobStatus.RUNNING)
        return HouseState(
            waiting=waiting,
            running=running,
            machines=sum(sighting.is_fresh(now) for sighting in books.sightings.values()),
            empty_at=self._empty_at(waiting + self._to_come(), running),
            best=None if self._latest is None else _best_of(self._latest),
            energy_today_kwh=round(sum(self._kwh.values()), 6) if self._kwh and self._kwh_is_known else None,
        )

    def read_machine(self, name: str) -> MachineState:
        """Return what a machine runs, by its jobs' names, and what its jobs used today."""
        self._begin_day()
        jobs = self._books.state.jobs
        running = {job for job, _ in self._books.open.get(name, ()) if job in jobs}
        specs = [jobs[job].spec for job in running]
        names = sorted(spec.name or spec.script.name or spec.script.entry for spec in specs)
        kwh = self._kwh.get(name) if self._kwh_is_known else None
        return MachineState(", ".join(names), None if kwh is None else round(kwh, 6))

    def _to_come(self) -> int:
        """Return how many trials running sweeps have still to propose, at most."""
        return sum(
            max(0, sweep.spec.trials + sweep.added - sweep.proposed)
            for sweep in self._books.state.sweeps.values()
            if sweep.status is SweepStatus.RUNNING and not sweep.exhausted
        )

    def _empty_at(self, waiting: int, running: int) -> str | None:
        if waiting + running == 0:
            return None
        wall = self._wall()
        lately = [end for end in self._ends if 0 <= wall - end < _LATELY_SECONDS]
        if len(lately) >= _MANY_ENDS:
            seconds = (waiting + running) * max(wall - lately[0], 0.001) / len(lately)
        elif running and self._seconds:
            # What runs is half done, by and large.
            each = sum(self._seconds) / len(self._seconds)
            seconds = each * (waiting / running + 0.5)
        else:
            return None
        if not seconds < _FURTHEST_SECONDS:
            return None
        # To the minute, and the next one: what is told changes with each.
        return datetime.fromtimestamp(math.ceil((wall + seconds) / 60) * 60, UTC).isoformat()


def _best_of(sweep: Sweep) -> Best | None:
    if sweep.best is None:
        return None
    return Best(sweep.id, sweep.spec.name, sweep.spec.metric, sweep.best, sweep.best_trial)


def day_of(wall: float) -> date:
    """Return the day that it is on this machine's calendar."""
    return datetime.fromtimestamp(wall).astimezone().date()


def midnight_before(wall: float) -> float:
    """Return when that day began, in Unix seconds."""
    begun = datetime.combine(day_of(wall), datetime.min.time())
    return begun.astimezone().timestamp()
