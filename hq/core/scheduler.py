"""Which job goes to which machine: by an offer, or at once where the machine has claimed ahead.

Changes nothing durable: what is claimed becomes so when its event is recorded.
"""

import heapq
import math
from collections import Counter, deque
from collections.abc import Iterator, Mapping

from hq.core.queue import Held, JobQueue, Kind, Party, held_of, party_of, script_of
from hq.core.sightings import Sighting
from hq.core.standing import Standing
from hq.core.state import Job, State
from hq.core.timing import OFFER_SECONDS
from schemas.events import JobClaimed
from schemas.messages import Offer
from schemas.names import TOKEN_BITS

#: Claims beyond the slots are for jobs that are over sooner than a round trip matters.
PREFETCH_LIMIT = 64
PREFETCH_WINDOW_SECONDS = 0.25
#: With jobs waiting, all machines are looked at this often even when nothing was noted.
SETTLED_SECONDS = 1.0
#: Jobs that are over sooner by experience are granted to machines that claimed ahead. Others are offered:
#: some milliseconds are nothing to them, and an offer that nobody answers costs 5 s instead of a lease.
AHEAD_SECONDS = 0.05
_COUNTER_LIMIT = (1 << TOKEN_BITS) - 1


class Scheduler:
    """The queue, the offers that are out, and how long scripts took so far.

    Args:
        epoch: Of this HQ; the upper part of every token it gives out.
        ahead_seconds: How short a job must be by experience to be granted without an offer.
    """

    def __init__(self, epoch: int, ahead_seconds: float = AHEAD_SECONDS) -> None:
        self._epoch = epoch
        self._ahead_seconds = ahead_seconds
        self.queue = JobQueue()
        #: job -> (agent, token, party, held) of the offer that is out.
        self.offered: dict[str, tuple[str, int, Party, Held]] = {}
        #: By key, how many may run at once. The same as `State.limits`.
        self.limits: Mapping[str, int] = {}
        #: By key, how many run or are on offer.
        self._taken: Counter[str] = Counter()
        self._counters: dict[str, int] = {}
        #: Jobs of each party that run or are on offer.
        self._busy: Counter[Party] = Counter()
        self._seconds: dict[str, float] = {}
        #: Of any script so far: how much room for short jobs there can be at all.
        self._shortest = math.inf
        #: When the offers that are out end, in that order; those that were answered are passed over.
        self._ends: deque[tuple[float, str, int]] = deque()
        #: Until then there is nothing to offer to anybody, unless `look_again` is called.
        self._settled_until = 0.0

    def note_queued(self, job: Job, now: float, ready_at: float = 0.0) -> None:
        """Let a queued job wait for a machine, from `ready_at` on."""
        self.queue.add(job, now, ready_at)
        self.look_again()

    def look_again(self) -> None:
        """Note that a machine may have room that had none: it was heard from, or something ended there."""
        self._settled_until = 0.0

    def note_running(self, job: Job) -> None:
        """Count a job that was granted."""
        self._busy[party_of(job)] += 1
        self._taken.update(held_of(job))

    def note_stopped(self, job: Job) -> None:
        """Count a job that runs no more."""
        self._leave(party_of(job), held_of(job))

    def note_unwilling(self, job: Job, why: str, sighting: Sighting, jobs: dict[str, Job]) -> None:
        """Offer a job's script to that machine no more, until its rules change or it starts again."""
        script = script_of(job.spec.script)
        sighting.note_unwilling(script, why)
        self.queue.set_apart(script, jobs)

    def note_ended(self, job: Job) -> None:
        """Forget a job that reached a terminal state."""
        self.queue.remove(job.id)
        self._counters.pop(job.id, None)

    def note_duration(self, bundle: str, seconds: float) -> None:
        """Learn how long a script takes (exponential average, the newest counts a fifth)."""
        known = self._seconds.get(bundle)
        average = seconds if known is None else 0.8 * known + 0.2 * seconds
        self._seconds[bundle] = average
        self._shortest = min(self._shortest, average)

    def expected_seconds(self, bundle: str) -> float | None:
        """Return how long the script is expected to take, or None before its first result."""
        return self._seconds.get(bundle)

    def withdraw(self, job: str, sightings: dict[str, Sighting]) -> None:
        """Take back the offer of a job, if one is out."""
        offer = self.offered.pop(job, None)
        if offer is None:
            return
        agent, token, party, held = offer
        self._leave(party, held)
        if agent in sightings:
            sightings[agent].offers.pop((job, token), None)
        self.look_again()

    def expire(self, sightings: dict[str, Sighting], jobs: dict[str, Job], now: float) -> None:
        """Queue the jobs again whose offers nobody answered in time."""
        while self._ends and (self._ends[0][0] < now or not self._is_out(*self._ends[0])):
            end, job_id, token = self._ends.popleft()
            if not self._is_out(end, job_id, token):
                continue
            sighting = sightings.get(self.offered[job_id][0])
            self.withdraw(job_id, sightings)
            if job_id in jobs:
                self.queue.add(jobs[job_id], now)
            if sighting is not None:
                # Silence: somebody else may be quicker than a second offer to the same machine.
                sighting.cool_until = max(sighting.cool_until, now + OFFER_SECONDS)

    def next_wake(self) -> float | None:
        """Return when something may be due by itself, or None."""
        times = [self.queue.next_wake(), self._ends[0][0] if self._ends else None]
        if len(self.queue) and self._settled_until:
            times.append(self._settled_until)
        return min((time for time in times if time is not None), default=None)

    def schedule(self, state: State, sightings: dict[str, Sighting], now: float) -> dict[str, list[Offer]]:
        """Return new offers by agent, from committed state. The least loaded machine first.

        Ends where a job is next that is granted without: see `claim_ahead`.
        """
        offers: dict[str, list[Offer]] = {}
        for sighting, job in self._turns(state, sightings, now):
            if self._standing_for(sighting, job, now):
                break
            offers.setdefault(sighting.name, []).append(self._offer(job, sighting, now))
        return offers

    def claim_ahead(self, state: State, sightings: dict[str, Sighting], now: float) -> Iterator[JobClaimed]:
        """Yield the claims of machines that claimed ahead, in the same order as `schedule` offers.

        Record each before the next is asked for. Ends where a job is next that must be
        offered: it is when what is decided is committed.
        """
        for sighting, job in self._turns(state, sightings, now):
            standing = self._standing_for(sighting, job, now)
            if standing is None:
                return
            token = self._next_token(job.id)
            yield JobClaimed(job.id, token, sighting.name, sighting.boot, standing.use(), standing=True)

    def _turns(
        self, state: State, sightings: dict[str, Sighting], now: float
    ) -> Iterator[tuple[Sighting, Job]]:
        """Yield machines with the job that each should have next, the least loaded first.

        Whoever asks for the next has given that job to that machine.
        """
        if self.queue.wake(now):
            self.look_again()
        if not len(self.queue) or now < self._settled_until:
            return
        ready = [(*_relative_load(s), s) for s in sightings.values() if self._may_have_more(s, now)]
        heapq.heapify(ready)
        #: What each sort of machine would get next; valid until something is taken.
        next_for: dict[tuple[Kind, ...], str | None] = {}
        while ready and len(self.queue):
            sighting = ready[0][2]
            job = self._choose_for(sighting, state, now, next_for)
            if job is None:
                heapq.heappop(ready)
                continue
            yield sighting, job
            next_for.clear()
            heapq.heapreplace(ready, (*_relative_load(sighting), sighting))
        # Looked at again when a machine's rest is over, and at the latest soon: ageing changes the order.
        rests = (max(s.cool_until, s.conflict_until) for s in sightings.values())
        self._settled_until = min((end for end in rests if end > now), default=math.inf)
        self._settled_until = min(self._settled_until, now + SETTLED_SECONDS)

    def _standing_for(self, sighting: Sighting, job: Job, now: float) -> Standing | None:
        """Return what the machine claimed ahead, if that is good for this job."""
        standing = sighting.standing
        if standing is None or job.spec.exclusive or not standing.is_good(self._epoch, now):
            return None
        seconds = self._seconds.get(job.spec.script.bundle, math.inf)
        return standing if seconds <= self._ahead_seconds else None

    def give_token(self, job: Job) -> int:
        """Return the token of a grant that needs neither offer nor claim: of a trial that is asked for.

        Raises:
            ValueError: If its tokens are used up until HQ starts again.
        """
        if self._counters.get(job.id, 0) >= _COUNTER_LIMIT:
            raise ValueError(f"all tokens of {job.id} are used up")
        return self._next_token(job.id)

    def forget_tokens(self, job: str) -> None:
        """Forget a trial that was asked for and has ended."""
        self._counters.pop(job, None)

    def _offer(self, job: Job, sighting: Sighting, now: float) -> Offer:
        token = self._next_token(job.id)
        self.queue.remove(job.id)
        party = party_of(job)
        held = held_of(job)
        self.offered[job.id] = (sighting.name, token, party, held)
        self._busy[party] += 1
        self._taken.update(held)
        sighting.offers[job.id, token] = now + OFFER_SECONDS
        self._ends.append((now + OFFER_SECONDS, job.id, token))
        return Offer(job.id, token)

    def _is_out(self, _end: float, job: str, token: int) -> bool:
        offer = self.offered.get(job)
        return offer is not None and offer[1] == token

    def why_full(self, job: Job) -> str:
        """Return which limit keeps a job from being offered, "" when none does."""
        for key in held_of(job):
            if self._is_full((key,)):
                kind, _, name = key.partition(" ")
                whose = f"{name} may run" if kind == "user" else f"the limit {name!r} is"
                return f"{whose} {self.limits[key]} at once, and {self._taken[key]} run or are on offer"
        return ""

    def _is_full(self, held: Held) -> bool:
        limits = self.limits
        return bool(limits) and any(key in limits and self._taken[key] >= limits[key] for key in held)

    def _leave(self, party: Party, held: Held) -> None:
        for key in held:
            self._taken[key] -= 1
            if self._taken[key] <= 0:
                del self._taken[key]
        self._busy[party] -= 1
        if self._busy[party] <= 0:
            del self._busy[party]

    def _may_have_more(self, sighting: Sighting, now: float) -> bool:
        return (
            sighting.accepting
            and sighting.load() < sighting.slots * (1 + _places(self._shortest))
            and now >= sighting.cool_until
            and now >= sighting.conflict_until
            and sighting.is_fresh(now)
        )

    def _choose_for(
        self, sighting: Sighting, state: State, now: float, next_for: dict[tuple[Kind, ...], str | None]
    ) -> Job | None:
        load = sighting.load()
        if load >= sighting.slots + PREFETCH_LIMIT:
            return None
        kinds = tuple(kind for kind in self.queue.kinds() if not sighting.misfit(kind))
        if kinds not in next_for:
            next_for[kinds] = self.queue.choose(
                kinds.__contains__, self._busy.__getitem__, now, self._is_full
            )
        chosen = next_for[kinds]
        if chosen is None:
            return None
        if self._counters.get(chosen, 0) >= _COUNTER_LIMIT:
            self.queue.remove(chosen)  # its tokens are used up until HQ starts again
            return None
        job = state.jobs[chosen]
        return job if load < sighting.slots * (1 + self._prefetch(job)) else None

    def _prefetch(self, job: Job) -> int:
        """Return how many such jobs per slot may wait on a machine, 0 unless they are short."""
        if job.spec.exclusive:
            return 0
        return _places(self._seconds.get(job.spec.script.bundle, math.inf))

    def _next_token(self, job: str) -> int:
        counter = self._counters.get(job, 0) + 1
        self._counters[job] = counter
        return (self._epoch << TOKEN_BITS) + counter


def _places(seconds: float) -> int:
    """Return how many jobs of that length may wait per slot."""
    return int(min(PREFETCH_LIMIT, PREFETCH_WINDOW_SECONDS / max(seconds, 0.001)))


def _relative_load(sighting: Sighting) -> tuple[float, str]:
    return sighting.load() / sighting.slots, sighting.name
