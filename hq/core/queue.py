"""The jobs that wait, grouped so that choosing one costs O(kinds of needs).

Order of choice: effective priority (priority, aged), then the party with the
fewest running jobs (fair share between submitters and sweeps), then order of
submission. A job that must wait first sits in `delayed`. Jobs of a script that
some machine runs for nobody are a kind of their own, so that others of the
same needs need not wait behind them.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from msgspec import Struct

from hq.core.state import Job
from schemas.specs import Needs, ScriptRef

#: Waiting this long raises the effective priority by one, so that nothing starves.
AGEING_SECONDS = 300.0

#: Entries of jobs that are gone stay in a heap until they are this many more than those that wait.
_SLACK = 32

#: So many scripts are apart from others at once; a machine that is offered another declines it again.
_APART_AT_MOST = 500

Party = str
#: What a job counts against while it runs, by the keys of `State.limits`.
Held = tuple[str, ...]
#: Priority, party, and what limits count: whoever is first of each stands for election.
Lane = tuple[int, Party, Held]


class Apart(Struct, frozen=True):
    """The needs of jobs whose script some machine refuses to run."""

    needs: Needs
    script: str


#: What a machine must satisfy.
Kind = Needs | Apart


def script_of(script: ScriptRef) -> str:
    """Return what tells apart scripts that machines may refuse: the author's signature, or else the file."""
    return script.signature.signature if script.signature else f"{script.bundle}/{script.entry}"


def party_of(job: Job) -> Party:
    """Return who shares the house fairly with whom: a sweep, or else a submitter."""
    return job.spec.sweep or job.submitter


def held_of(job: Job) -> Held:
    """Return which limits a job counts against: its submitter's, and those that it names."""
    if job.spec.serves is not None:
        return ()  # a worker waits for calls: nobody should have to wait for its end
    return (user_limit(job.submitter), *(named_limit(name) for name in sorted(set(job.spec.within))))


def user_limit(name: str) -> str:
    """Return the key of a limit of a user's jobs."""
    return f"user {name}"


def named_limit(name: str) -> str:
    """Return the key of a limit that jobs name."""
    return f"named {name}"


class JobQueue:
    """Queued jobs by needs, priority and party. Times are on HQ's monotonic clock."""

    def __init__(self) -> None:
        #: kind -> (priority, party, held) -> heap of (order, job id)
        self._lanes: dict[Kind, dict[Lane, list[tuple[int, str]]]] = {}
        #: job id -> (kind, lane, when it became ready); absent = not queued (heaps clean up lazily)
        self._queued: dict[str, tuple[Kind, Lane, float]] = {}
        #: How many wait in each lane.
        self._sizes: Counter[tuple[Kind, Lane]] = Counter()
        #: Scripts that make a kind, the oldest first.
        self._apart: dict[str, None] = {}
        self._delayed: list[tuple[float, str, int]] = []
        self._delayed_jobs: dict[str, tuple[Job, int]] = {}
        self._stamp = 0

    def __len__(self) -> int:
        return len(self._queued)

    def __contains__(self, job: str) -> bool:
        return job in self._queued or job in self._delayed_jobs

    def add(self, job: Job, now: float, ready_at: float = 0.0) -> None:
        """Queue a job, from `ready_at` on. A job that is queued already is queued anew."""
        self.remove(job.id)
        if ready_at > now:
            self._stamp += 1
            self._delayed_jobs[job.id] = (job, self._stamp)
            heapq.heappush(self._delayed, (ready_at, job.id, self._stamp))
            self._tidy_delayed()
            return
        lane = (job.spec.priority, party_of(job), held_of(job))
        kind = self.kind_of(job)
        heap = self._lanes.setdefault(kind, {}).setdefault(lane, [])
        heapq.heappush(heap, (job.order, job.id))
        self._queued[job.id] = (kind, lane, now)
        self._sizes[kind, lane] += 1
        self._tidy(kind, lane)

    def kind_of(self, job: Job) -> Kind:
        """Return what a machine must satisfy to be offered the job."""
        if self._apart and (script := script_of(job.spec.script)) in self._apart:
            return Apart(job.spec.needs, script)
        return job.spec.needs

    def set_apart(self, script: str, jobs: Mapping[str, Job]) -> None:
        """Make the jobs of a script a kind of their own. Safe to repeat.

        Args:
            script: As `script_of` tells it.
            jobs: All live jobs by id.
        """
        if script in self._apart:
            return
        self._apart[script] = None
        if len(self._apart) > _APART_AT_MOST:
            del self._apart[next(iter(self._apart))]
        for job_id, (_, _, since) in list(self._queued.items()):
            job = jobs.get(job_id)
            if job is not None and script_of(job.spec.script) == script:
                self.add(job, since)

    def remove(self, job: str) -> None:
        """Take a job out, wherever it waits. Safe to repeat."""
        self._delayed_jobs.pop(job, None)
        entry = self._queued.pop(job, None)
        if entry is not None:
            kind, lane, _ = entry
            self._sizes[kind, lane] -= 1
            if not self._sizes[kind, lane]:
                # Also when no machine fits, so that nobody ever looks into it.
                self._drop(kind, lane)

    def wake(self, now: float) -> bool:
        """Queue the jobs whose wait is over; tell whether there were any."""
        before = len(self._queued)
        while self._delayed and self._delayed[0][0] <= now:
            _, job_id, stamp = heapq.heappop(self._delayed)
            entry = self._delayed_jobs.get(job_id)
            if entry is not None and entry[1] == stamp:
                del self._delayed_jobs[job_id]
                self.add(entry[0], now)
        return len(self._queued) > before

    def next_wake(self) -> float | None:
        """Return when the next wait is over, or None."""
        return self._delayed[0][0] if self._delayed else None

    def is_delayed(self, job: str) -> bool:
        """Tell whether the job waits for a time and not for a machine."""
        return job in self._delayed_jobs

    def kinds(self) -> Iterator[Kind]:
        """Yield the kinds of needs that somebody waits with."""
        yield from self._lanes

    def choose(
        self,
        fits: Callable[[Kind], bool],
        running: Callable[[Party], int],
        now: float,
        is_full: Callable[[Held], bool] = lambda held: False,
    ) -> str | None:
        """Return the id of the job that should go next to a machine, or None. Does not remove it.

        Args:
            fits: Whether that machine satisfies a kind of needs.
            running: How many jobs of a party run or are on offer.
            now: On HQ's monotonic clock.
            is_full: Whether a limit says that no more of these may run.
        """
        best: tuple[float, int, int] | None = None
        chosen: str | None = None
        for kind in list(self._lanes):
            if not fits(kind):
                continue
            lanes = self._lanes[kind]
            for lane in list(lanes):
                if is_full(lane[2]):
                    continue
                order, job_id = self._head(kind, lane)
                waited = now - self._queued[job_id][2]
                rank = (-(lane[0] + int(waited / AGEING_SECONDS)), running(lane[1]), order)
                if best is None or rank < best:
                    best, chosen = rank, job_id
        return chosen

    def _head(self, kind: Kind, lane: Lane) -> tuple[int, str]:
        heap = self._lanes[kind][lane]
        while not self._waits(heap[0][1], kind, lane):
            heapq.heappop(heap)
        return heap[0]

    def _waits(self, job: str, kind: Kind, lane: Lane) -> bool:
        entry = self._queued.get(job)
        return entry is not None and entry[1] == lane and entry[0] == kind

    def _drop(self, kind: Kind, lane: Lane) -> None:
        del self._sizes[kind, lane]
        del self._lanes[kind][lane]
        if not self._lanes[kind]:
            del self._lanes[kind]

    def _tidy(self, kind: Kind, lane: Lane) -> None:
        heap = self._lanes[kind][lane]
        if len(heap) > 2 * self._sizes[kind, lane] + _SLACK:
            # A job that was queued anew may be in it twice.
            heap[:] = {entry for entry in heap if self._waits(entry[1], kind, lane)}
            heapq.heapify(heap)

    def _tidy_delayed(self) -> None:
        if len(self._delayed) > 2 * len(self._delayed_jobs) + _SLACK:
            latest = {job: stamp for job, (_, stamp) in self._delayed_jobs.items()}
            self._delayed = [entry for entry in self._delayed if latest.get(entry[1]) == entry[2]]
            heapq.heapify(self._delayed)
