"""Offers: which job goes to which machine. Changes nothing durable."""

from collections import Counter
from collections.abc import Iterable

from hq.core.leases import AttemptKey
from hq.core.queue import JobQueue, Party, party_of
from hq.core.sightings import Sighting, misfit
from hq.core.state import Job, State
from hq.core.timing import OFFER_SECONDS
from schemas.messages import Offer
from schemas.names import TOKEN_BITS
from schemas.specs import Needs

#: Claims beyond the slots are for jobs that are over sooner than a round trip matters.
PREFETCH_LIMIT = 64
PREFETCH_WINDOW_SECONDS = 0.25
_COUNTER_LIMIT = (1 << TOKEN_BITS) - 1


class Scheduler:
    """The queue, the offers that are out, and how long scripts took so far.

    Args:
        epoch: Of this HQ; the upper part of every token it gives out.
    """

    def __init__(self, epoch: int) -> None:
        self._epoch = epoch
        self.queue = JobQueue()
        #: job -> (agent, token, party) of the offer that is out.
        self.offered: dict[str, tuple[str, int, Party]] = {}
        self._counters: dict[str, int] = {}
        #: Jobs of each party that run or are on offer.
        self._busy: Counter[Party] = Counter()
        self._seconds: dict[str, float] = {}

    def note_queued(self, job: Job, now: float, ready_at: float = 0.0) -> None:
        """Let a queued job wait for a machine, from `ready_at` on."""
        self.queue.add(job, now, ready_at)

    def note_running(self, job: Job) -> None:
        """Count a job that was granted."""
        self._busy[party_of(job)] += 1

    def note_stopped(self, job: Job) -> None:
        """Count a job that runs no more."""
        self._leave(party_of(job))

    def note_ended(self, job: Job) -> None:
        """Forget a job that reached a terminal state."""
        self.queue.remove(job.id)
        self._counters.pop(job.id, None)

    def note_duration(self, bundle: str, seconds: float) -> None:
        """Learn how long a script takes (exponential average, the newest counts a fifth)."""
        known = self._seconds.get(bundle)
        self._seconds[bundle] = seconds if known is None else 0.8 * known + 0.2 * seconds

    def expected_seconds(self, bundle: str) -> float | None:
        """Return how long the script is expected to take, or None before its first result."""
        return self._seconds.get(bundle)

    def withdraw(self, job: str, sightings: dict[str, Sighting]) -> None:
        """Take back the offer of a job, if one is out."""
        offer = self.offered.pop(job, None)
        if offer is None:
            return
        agent, token, party = offer
        self._leave(party)
        if agent in sightings:
            sightings[agent].offers.pop((job, token), None)

    def expire(self, sightings: Iterable[Sighting], jobs: dict[str, Job], now: float) -> None:
        """Queue the jobs again whose offers nobody answered in time."""
        for sighting in sightings:
            over: list[AttemptKey] = [key for key, end in sighting.offers.items() if end < now]
            for key in over:
                self.withdraw(key[0], {sighting.name: sighting})
                sighting.offers.pop(key, None)
                job = jobs.get(key[0])
                if job is not None:
                    self.queue.add(job, now)
            if over:
                # Silence: somebody else may be quicker than a second offer to the same machine.
                sighting.cool_until = max(sighting.cool_until, now + OFFER_SECONDS)

    def schedule(self, state: State, sightings: dict[str, Sighting], now: float) -> dict[str, list[Offer]]:
        """Return new offers by agent, from committed state. The least loaded machine first."""
        self.queue.wake(now)
        offers: dict[str, list[Offer]] = {}
        if not len(self.queue):
            return offers
        ready = [s for s in sightings.values() if self._may_have_more(s, now)]
        while ready:
            ready.sort(key=_relative_load)
            sighting = ready[0]
            job = self._choose_for(sighting, state, now)
            if job is None:
                ready.pop(0)
                continue
            token = self._next_token(job.id)
            self.queue.remove(job.id)
            party = party_of(job)
            self.offered[job.id] = (sighting.name, token, party)
            self._busy[party] += 1
            sighting.offers[job.id, token] = now + OFFER_SECONDS
            offers.setdefault(sighting.name, []).append(Offer(job.id, token))
        return offers

    def _leave(self, party: Party) -> None:
        self._busy[party] -= 1
        if self._busy[party] <= 0:
            del self._busy[party]

    def _may_have_more(self, sighting: Sighting, now: float) -> bool:
        return (
            sighting.accepting
            and sighting.slots > 0
            and now >= sighting.cool_until
            and now >= sighting.conflict_until
            and sighting.is_fresh(now)
        )

    def _choose_for(self, sighting: Sighting, state: State, now: float) -> Job | None:
        load = sighting.load()
        if load >= sighting.slots + PREFETCH_LIMIT:
            return None

        def fits(needs: Needs) -> bool:
            return not misfit(needs, sighting.name, sighting.facts)

        chosen = self.queue.choose(fits, self._busy.__getitem__, now)
        if chosen is None:
            return None
        job = state.jobs[chosen]
        return job if load < sighting.slots + self._prefetch(job) * sighting.slots else None

    def _prefetch(self, job: Job) -> int:
        """Return how many such jobs per slot may wait on a machine, 0 unless they are short."""
        seconds = self._seconds.get(job.spec.script.bundle)
        if seconds is None or job.spec.exclusive:
            return 0
        return int(min(PREFETCH_LIMIT, PREFETCH_WINDOW_SECONDS / max(seconds, 0.001)))

    def _next_token(self, job: str) -> int:
        counter = min(self._counters.get(job, 0) + 1, _COUNTER_LIMIT)
        self._counters[job] = counter
        return (self._epoch << TOKEN_BITS) + counter


def _relative_load(sighting: Sighting) -> tuple[float, str]:
    return sighting.load() / sighting.slots, sighting.name
