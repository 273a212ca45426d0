"""HQ's volatile tables, kept in step with the state: leases, queue, offers, sightings.

Nothing here is stored: a start builds it anew, with every lease in full.
"""

import heapq
from collections import Counter

from msgspec import Struct

from hq.core.asked import Asked
from hq.core.dependents import Dependents
from hq.core.leases import AttemptKey, Leases
from hq.core.scheduler import AHEAD_SECONDS, Scheduler
from hq.core.sightings import Sighting
from hq.core.state import Attempt, Job, State
from hq.core.timing import LEADERSHIP_SECONDS, OFFER_SECONDS
from schemas.events import JobEvent, JobSucceeded
from schemas.states import AttemptState, JobStatus, Phase

#: The loop wakes this often even when nothing is due.
LONGEST_SLEEP = 1.0
#: Progress and log messages of one job that are forwarded and stored each second.
FORWARDED_PER_SECOND = 50


class Woken(Struct, frozen=True):
    """How often a machine was asked to wake since it was last heard from, and when."""

    times: int
    at: float


class Bookkeeping:
    """The volatile tables. All times are on HQ's monotonic clock, `wall` is Unix seconds."""

    def __init__(self, state: State, now: float, wall: float, ahead_seconds: float = AHEAD_SECONDS) -> None:
        self.state = state
        self.wall = wall
        self.leases = Leases(now)
        #: Trials that loops of their own run.
        self.asked = Asked()
        self.scheduler = Scheduler(state.epoch, ahead_seconds)
        self.scheduler.limits = state.limits
        self.sightings: dict[str, Sighting] = {}
        #: Attempts of each agent that are live or unheard.
        self.open: dict[str, set[AttemptKey]] = {}
        #: How many live jobs there are of each status: nobody should have to walk over all.
        self.counts: Counter[JobStatus] = Counter()
        #: When this HQ handled the claim of a live attempt.
        self.claimed_at: dict[AttemptKey, float] = {}
        #: Up to here everything is in the log.
        self.committed = state.position
        #: The workers of each service that have not ended.
        self.serving: dict[str, set[str]] = {}
        #: Jobs that decisions not yet committed touch.
        self.in_flight: set[str] = set()
        #: Agents whose boot is not committed.
        self.booting: set[str] = set()
        self.refused: Counter[str] = Counter()
        #: Machines that were asked to wake and not heard from since.
        self.woken: dict[str, Woken] = {}
        self.dependents = Dependents(state)
        self._led_at = now
        self._second = 0
        self._forwarded: Counter[str] = Counter()
        self._expiries: list[tuple[float, str]] = []
        for job in sorted(state.jobs.values(), key=lambda j: j.order):
            self._take_up(job, now)

    def _take_up(self, job: Job, now: float) -> None:
        self._note_serving(job)
        self._note_expiry(job)
        self.counts[job.status] += 1
        if job.spec.asked:
            self.asked.note(job, now)
            return
        if job.is_ready:
            self.scheduler.note_queued(job, now, self._ready_at(job, now))
        elif job.status is JobStatus.RUNNING:
            self.scheduler.note_running(job)
        self._note_attempts(job, now)

    def _note_serving(self, job: Job) -> None:
        if job.spec.serves is None:
            return
        workers = self.serving.setdefault(job.spec.serves.service, set())
        (workers.discard if job.status.is_final else workers.add)(job.id)

    # --- commits, leadership and refusals ------------------------------------------

    def note_committed(self) -> None:
        """Note that all decisions so far are in the log."""
        self.committed = self.state.position
        self.in_flight.clear()
        self.booting.clear()

    def note_leadership(self, at: float) -> None:
        """Note that this HQ was the leader at `at`."""
        self._led_at = max(self._led_at, at)

    @property
    def leader_until(self) -> float:
        """Until when exclusive leases may be renewed on the last proof of leadership."""
        return self._led_at + LEADERSHIP_SECONDS

    def count_refused(self, reason: str) -> None:
        """Count a refused message by its reason."""
        if reason in self.refused or len(self.refused) < 1000:
            self.refused[reason] += 1

    def is_over_rate(self, job: str, now: float) -> bool:
        """Count one forwarded message of a job, and tell whether it is one too many this second."""
        if int(now) != self._second:
            self._second = int(now)
            self._forwarded.clear()
        self._forwarded[job] += 1
        return self._forwarded[job] > FORWARDED_PER_SECOND

    # --- following events ----------------------------------------------------------

    def note_job(self, event: JobEvent, before: Job | None, after: Job, now: float) -> None:
        """Bring the tables in step with one event of a job."""
        self.in_flight.add(after.id)
        self._note_serving(after)
        self.dependents.note(before.waits_for if before else (), after)
        if before is not None:
            self.counts[before.status] -= 1
        if not after.status.is_final:
            self.counts[after.status] += 1
        if after.spec.asked:
            # No machine has to do with it: no queue, no offers, no lease.
            self.asked.note(after, now)
            if after.status.is_final:
                self.scheduler.forget_tokens(after.id)
            return
        was_running = before is not None and before.status is JobStatus.RUNNING
        is_running = after.status is JobStatus.RUNNING
        if after.status is not JobStatus.QUEUED:
            self.scheduler.withdraw(after.id, self.sightings)
            self.scheduler.queue.remove(after.id)
        if is_running and not was_running:
            self.scheduler.note_running(after)
        if was_running and not is_running:
            self.scheduler.note_stopped(after)
        if after.is_ready and (before is None or not before.is_ready):
            self.scheduler.note_queued(after, now, self._ready_at(after, now))
        queued = after.status is JobStatus.QUEUED and (before is None or before.status is not after.status)
        if queued and (before is None or after.spec.expires <= self.wall):
            # The second time for a job whose time came while it ran: it was passed over then.
            self._note_expiry(after)
        if isinstance(event, JobSucceeded):
            self.scheduler.note_duration(after.spec.script.bundle, event.result.duration_seconds)
            self._forgive(after.attempt(event.token))
        if before is not None:
            kept = {attempt.token for attempt in after.attempts}
            for attempt in before.attempts:
                if attempt.token not in kept:
                    self._forget_attempt((after.id, attempt.token), attempt.agent)
        self._note_attempts(after, now)
        self.scheduler.look_again()
        if after.status.is_final:
            self.scheduler.note_ended(after)

    def _forgive(self, attempt: Attempt | None) -> None:
        # A machine that gets something done does not go down again and again.
        if attempt is not None and attempt.agent in self.sightings:
            self.sightings[attempt.agent].losses = 0

    def _forget_attempt(self, key: AttemptKey, agent: str) -> None:
        self.leases.end(key)
        self.claimed_at.pop(key, None)
        self.open.get(agent, set()).discard(key)
        if agent in self.sightings:
            self.sightings[agent].occupied.discard(key)

    def _note_attempts(self, job: Job, now: float) -> None:
        for attempt in job.attempts:
            key = (job.id, attempt.token)
            live = attempt.state is AttemptState.LIVE and job.status is JobStatus.RUNNING
            if live and key not in self.leases:
                self.leases.begin(key, now, exclusive=job.spec.exclusive)
                self.claimed_at[key] = now
            elif not live:
                self.leases.end(key)
                self.claimed_at.pop(key, None)
            sighting = self.sightings.get(attempt.agent)
            if sighting is not None and job.spec.serves is None:
                (sighting.occupied.add if live else sighting.occupied.discard)(key)
            is_open = attempt.state is not AttemptState.CLOSED and not job.status.is_final
            if is_open:
                self.open.setdefault(attempt.agent, set()).add(key)
            elif attempt.agent in self.open:
                self.open[attempt.agent].discard(key)

    def note_heard(self, sighting: Sighting) -> None:
        """Count what the agent says it holds, also what HQ has given up: it takes slots there."""
        listed = {key for key, phase in sighting.phases.items() if phase is not Phase.SPOOLED}
        live = {key for key in self.open.get(sighting.name, ()) if key in self.leases}
        # A worker of a service holds no slot: it does nothing between calls.
        workers = {job for jobs in self.serving.values() for job in jobs}
        sighting.occupied = {key for key in listed | live if key[0] not in workers}
        self.scheduler.look_again()

    def _ready_at(self, job: Job, now: float) -> float:
        """Return when a queued job may be offered: after its back-off and its `not_before`."""
        # A person's wish about wall time, turned into a wait once: a clock that
        # jumps later changes nothing.
        return now + max(job.delay_seconds, job.spec.not_before - self.wall, 0.0)

    # --- time ------------------------------------------------------------------------

    def _note_expiry(self, job: Job) -> None:
        if job.spec.expires:
            heapq.heappush(self._expiries, (job.spec.expires, job.id))

    def expired(self, limit: int) -> list[Job]:
        """Return at most `limit` jobs that waited beyond their `expires`, once each."""
        over: list[Job] = []
        while self._expiries and self._expiries[0][0] <= self.wall and len(over) < limit:
            job = self.state.jobs.get(heapq.heappop(self._expiries)[1])
            if job is not None and job.status in (JobStatus.QUEUED, JobStatus.HELD):
                over.append(job)
        return over

    def next_wake(self, now: float) -> float:
        """Return for how many seconds nothing happens by itself, at most one."""
        if self.dependents.untold:
            return 0.0
        times = (self.leases.next_end(), self.asked.next_end(), self.scheduler.next_wake())
        soonest = min((t for t in times if t is not None), default=now + LONGEST_SLEEP)
        return min(LONGEST_SLEEP, max(0.0, soonest - now), OFFER_SECONDS)
