"""The jobs that wait, grouped so that choosing one costs O(kinds of needs).

Order of choice: effective priority (priority, aged), then the party with the
fewest running jobs (fair share between submitters and sweeps), then order of
submission. A job that must wait first sits in `delayed`.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Iterator

from hq.core.state import Job
from schemas.specs import Needs

#: Waiting this long raises the effective priority by one, so that nothing starves.
AGEING_SECONDS = 300.0

#: Entries of jobs that are gone stay in a heap until they are this many more than those that wait.
_SLACK = 32

Party = str


def party_of(job: Job) -> Party:
    """Return who shares the house fairly with whom: a sweep, or else a submitter."""
    return job.spec.sweep or job.submitter


class JobQueue:
    """Queued jobs by needs, priority and party. Times are on HQ's monotonic clock."""

    def __init__(self) -> None:
        #: needs -> (priority, party) -> heap of (order, job id)
        self._lanes: dict[Needs, dict[tuple[int, Party], list[tuple[int, str]]]] = {}
        #: job id -> (needs, lane, when it became ready); absent = not queued (heaps clean up lazily)
        self._queued: dict[str, tuple[Needs, tuple[int, Party], float]] = {}
        #: How many wait in each lane.
        self._sizes: Counter[tuple[Needs, tuple[int, Party]]] = Counter()
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
        lane = (job.spec.priority, party_of(job))
        heap = self._lanes.setdefault(job.spec.needs, {}).setdefault(lane, [])
        heapq.heappush(heap, (job.order, job.id))
        self._queued[job.id] = (job.spec.needs, lane, now)
        self._sizes[job.spec.needs, lane] += 1
        self._tidy(job.spec.needs, lane)

    def remove(self, job: str) -> None:
        """Take a job out, wherever it waits. Safe to repeat."""
        self._delayed_jobs.pop(job, None)
        entry = self._queued.pop(job, None)
        if entry is not None:
            needs, lane, _ = entry
            self._sizes[needs, lane] -= 1
            if not self._sizes[needs, lane]:
                # Also when no machine fits, so that nobody ever looks into it.
                self._drop(needs, lane)

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

    def kinds(self) -> Iterator[Needs]:
        """Yield the kinds of needs that somebody waits with."""
        yield from self._lanes

    def choose(
        self,
        fits: Callable[[Needs], bool],
        running: Callable[[Party], int],
        now: float,
    ) -> str | None:
        """Return the id of the job that should go next to a machine, or None. Does not remove it.

        Args:
            fits: Whether that machine satisfies the needs.
            running: How many jobs of a party run or are on offer.
        """
        best: tuple[float, int, int] | None = None
        chosen: str | None = None
        for needs in list(self._lanes):
            if not fits(needs):
                continue
            lanes = self._lanes[needs]
            for lane in list(lanes):
                order, job_id = self._head(needs, lane)
                waited = now - self._queued[job_id][2]
                rank = (-(lane[0] + int(waited / AGEING_SECONDS)), running(lane[1]), order)
                if best is None or rank < best:
                    best, chosen = rank, job_id
        return chosen

    def _head(self, needs: Needs, lane: tuple[int, Party]) -> tuple[int, str]:
        heap = self._lanes[needs][lane]
        while not self._waits(heap[0][1], needs, lane):
            heapq.heappop(heap)
        return heap[0]

    def _waits(self, job: str, needs: Needs, lane: tuple[int, Party]) -> bool:
        entry = self._queued.get(job)
        return entry is not None and entry[1] == lane and entry[0] == needs

    def _drop(self, needs: Needs, lane: tuple[int, Party]) -> None:
        del self._sizes[needs, lane]
        del self._lanes[needs][lane]
        if not self._lanes[needs]:
            del self._lanes[needs]

    def _tidy(self, needs: Needs, lane: tuple[int, Party]) -> None:
        heap = self._lanes[needs][lane]
        if len(heap) > 2 * self._sizes[needs, lane] + _SLACK:
            # A job that was queued anew may be in it twice.
            heap[:] = {entry for entry in heap if self._waits(entry[1], needs, lane)}
            heapq.heapify(heap)

    def _tidy_delayed(self) -> None:
        if len(self._delayed) > 2 * len(self._delayed_jobs) + _SLACK:
            latest = {job: stamp for job, (_, stamp) in self._delayed_jobs.items()}
            self._delayed = [entry for entry in self._delayed if latest.get(entry[1]) == entry[2]]
            heapq.heapify(self._delayed)
