"""What time alone brings: leases that ended, waits that were too long, rules of sweeps, schedules."""

from hq.core.bookkeeping import Bookkeeping
from hq.core.decide.asking import decide_silence
from hq.core.decide.attempts import decide_interruption
from hq.core.decide.schedules import decide_due
from hq.core.decide.stopping import TimedRules, decide_stop
from hq.core.dues import Dues
from hq.core.forgeries import Forgeries
from hq.core.recording import Recording
from hq.core.timing import CLAIM_SECONDS
from schemas.events import AnyEvent, Audited, JobCancelled

#: Of one kind at once: what is left comes next.
MAX_TIMED = 500


class PassingTime:
    """Looks at what is due."""

    def __init__(self, books: Bookkeeping, dues: Dues, forgeries: Forgeries) -> None:
        self._books, self._state = books, books.state
        self._dues, self._forgeries = dues, forgeries
        self._rules = TimedRules()

    def decide(self, recording: Recording, now: float, wall: float) -> None:
        """Record what is due."""
        books, state = self._books, self._state
        for key in books.leases.ended(now)[:MAX_TIMED]:
            recording.record(self._end_lease(key))
        for key in books.asked.ended(now)[:MAX_TIMED]:
            recording.record(decide_silence(state, key))
        for job in books.expired(MAX_TIMED):
            recording.record(JobCancelled(job.id, "hq", "it waited beyond its `expires`"))
        for sweep, (rule, why) in self._rules.find(state, now, wall):
            for event in decide_stop(state, sweep, rule, why, sweep.spec.stop.live, "hq"):
                recording.record(event)
        for schedule in self._dues.find(wall):
            for event in decide_due(state, schedule, recording.ids, wall):
                recording.record(event)
        for note in self._forgeries.take_notes(now, recording.position):
            recording.record(Audited(note, "hq"))

    def _end_lease(self, key: tuple[str, int]) -> AnyEvent:
        books = self._books
        job = self._state.jobs[key[0]]
        attempt = job.attempt(key[1])
        agent = attempt.agent if attempt else ""
        # Heard from, long after the claim, but not of this attempt: it dropped the grant.
        sighting = books.sightings.get(agent)
        knows = sighting is not None and sighting.listed_at > books.claimed_at[key] + CLAIM_SECONDS
        dropped = knows and sighting is not None and key not in sighting.phases
        why = f"{agent} knows nothing of it" if dropped else f"{agent} was not heard from"
        return decide_interruption(job, key[1], why, unheard=not dropped)
