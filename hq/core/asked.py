"""Until when a loop of its own may say nothing of a trial that it asked for. Volatile, on HQ's clock.

Every start of HQ gives all of them their time anew, as it does with leases.
"""

import heapq

from hq.core.leases import AttemptKey
from hq.core.state import Job
from schemas.asking import TELL_SECONDS
from schemas.states import AttemptState, JobStatus


class Asked:
    """The trials that somebody asked for and has not told of."""

    def __init__(self) -> None:
        #: How long each may be silent, and when that is over.
        self._seconds: dict[AttemptKey, float] = {}
        self._ends: dict[AttemptKey, float] = {}
        #: (a time not later than the true end, key): corrected when popped.
        self._heap: list[tuple[float, AttemptKey]] = []

    def note(self, job: Job, now: float) -> None:
        """Bring the table in step with a job: who has asked for it counts from now."""
        for attempt in job.attempts:
            key = (job.id, attempt.token)
            if attempt.state is not AttemptState.LIVE or job.status is not JobStatus.RUNNING:
                self._ends.pop(key, None)
                self._seconds.pop(key, None)
            elif key not in self._ends:
                self._seconds[key] = job.spec.limits.wall_seconds or TELL_SECONDS
                self._ends[key] = now + self._seconds[key]
                heapq.heappush(self._heap, (self._ends[key], key))

    def renew(self, key: AttemptKey, now: float) -> None:
        """Count from now again: something was heard of it."""
        if key in self._ends:
            self._ends[key] = now + self._seconds[key]

    def ended(self, now: float) -> list[AttemptKey]:
        """Return the trials whose time is up. They stay until they are noted as something else."""
        over: list[AttemptKey] = []
        while self._heap and self._heap[0][0] < now:
            _, key = heapq.heappop(self._heap)
            end = self._ends.get(key)
            if end is None:
                continue
            if end < now:
                over.append(key)
            heapq.heappush(self._heap, (max(end, now), key))
        return over

    def next_end(self) -> float | None:
        """Return a time before which none is up."""
        return self._heap[0][0] if self._heap else None
