"""HQ's lease table, keyed by (job, token): volatile, on HQ's suspend-aware clock.

A lease is renewed when HQ *handled* a message that lists its attempt. It is
never read from the database: every start renews all in full.
"""

import heapq

from hq.core.timing import GUARD_SECONDS, LEADERSHIP_SECONDS, LEASE_SECONDS

AttemptKey = tuple[str, int]


class Leases:
    """Deadlines of the attempts that hold their job.

    Args:
        now: When this HQ took over.
    """

    def __init__(self, now: float) -> None:
        self._ends: dict[AttemptKey, float] = {}
        self._exclusive: set[AttemptKey] = set()
        #: (a time not later than the true deadline, key): corrected when popped.
        self._heap: list[tuple[float, AttemptKey]] = []
        # The leader before may have renewed exclusive leases until its proof
        # of leadership ran out, and their agents count from there.
        self._exclusive_not_before = now + LEADERSHIP_SECONDS + LEASE_SECONDS + GUARD_SECONDS

    def __len__(self) -> int:
        return len(self._ends)

    def __contains__(self, key: AttemptKey) -> bool:
        return key in self._ends

    def deadline(self, key: AttemptKey) -> float | None:
        """Return when the lease ends, or None if there is none."""
        return self._ends.get(key)

    def begin(self, key: AttemptKey, now: float, *, exclusive: bool) -> None:
        """Start or renew a lease in full, whatever HQ's standing: used at claims and at start."""
        if exclusive:
            self._exclusive.add(key)
        self._set(key, now + LEASE_SECONDS + GUARD_SECONDS)

    def renew(self, key: AttemptKey, now: float, *, leader_until: float) -> bool:
        """Renew the lease and return True, or return False when there is none.

        An exclusive lease is not renewed after `leader_until`: another HQ may
        have taken over, and will give the job to another machine in time.
        """
        if key not in self._ends:
            return False
        if key in self._exclusive and now > leader_until:
            return False
        self._set(key, now + LEASE_SECONDS + GUARD_SECONDS)
        return True

    def renew_all(self, now: float) -> None:
        """Renew every lease in full: HQ itself was away, so silence proves nothing."""
        for key in self._ends:
            self._set(key, now + LEASE_SECONDS + GUARD_SECONDS)

    def end(self, key: AttemptKey) -> None:
        """Forget the lease. Safe to repeat."""
        self._ends.pop(key, None)
        self._exclusive.discard(key)

    def ended(self, now: float) -> list[AttemptKey]:
        """Return the leases whose time is up. They stay until `end` is called."""
        over: dict[AttemptKey, None] = {}
        while self._heap and self._heap[0][0] < now:
            _, key = heapq.heappop(self._heap)
            deadline = self._ends.get(key)
            if deadline is None:
                continue
            if key in self._exclusive:
                deadline = max(deadline, self._exclusive_not_before)
            if deadline < now:
                over[key] = None
            # Put it back in either case: one that is up stays up until it is ended.
            heapq.heappush(self._heap, (max(deadline, now), key))
        return list(over)

    def next_end(self) -> float | None:
        """Return a time before which no lease ends."""
        return self._heap[0][0] if self._heap else None

    def _set(self, key: AttemptKey, deadline: float) -> None:
        if key not in self._ends:
            heapq.heappush(self._heap, (deadline, key))
        self._ends[key] = deadline
