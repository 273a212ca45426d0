"""Known bugs, planted one at a time: each must make the simulation fail.

A suite that kills no mutants proves nothing. `plant(name)` patches the
production classes of this process; `./run simulate --mutants` runs them all
in processes of their own and prints how many seeds found each.
"""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from agents.core import taking as taking_module
from agents.core.effects import Send, Start, Unspool
from agents.core.outbox import Outbox
from agents.core.running import Running
from agents.core.standing import StandingClaims
from agents.core.taking import Taking
from bus import topics
from hq.core import authority, contact, evolve_job, leases, recording, telling
from hq.core.authority import Authority
from hq.core.bookkeeping import Bookkeeping
from hq.core.decide import attempts, submissions
from hq.core.dependents import Dependents
from hq.core.leases import Leases
from hq.core.outputs import Answer, Publish
from hq.core.scheduler import Scheduler
from hq.core.standing import Standing
from hq.core.state import State
from schemas.events import JobClaimed
from schemas.messages import Grant
from schemas.specs import JobSpec, ScriptRef
from tests.simulation import agent_node, hq_node
from tests.simulation.network import Clock

MUTANTS: dict[str, Callable[[], None]] = {}


def mutant(plant: Callable[[], None]) -> Callable[[], None]:
    MUTANTS[plant.__name__] = plant
    return plant


def plant(name: str) -> None:
    """Put one bug into the production code of this process."""
    MUTANTS[name]()


@mutant
def no_idempotency_key() -> None:
    State.remember_answer = lambda self, answer: None  # type: ignore[method-assign]


@mutant
def offers_burn_starts() -> None:
    inner = evolve_job._evolve_live

    def burn(job: Any, event: Any, moment: Any) -> Any:
        changed = inner(job, event, moment)
        return replace(changed, starts=job.starts + 1) if type(event).__name__ == "JobClaimed" else changed

    evolve_job._evolve_live = burn  # type: ignore[assignment]


@mutant
def no_lease_recovery_at_start() -> None:
    inner = Bookkeeping.__init__

    def forget(self: Any, state: Any, now: float, wall: float, ahead_seconds: float) -> None:
        inner(self, state, now, wall, ahead_seconds)
        self.leases = Leases(now)

    Bookkeeping.__init__ = forget  # type: ignore[method-assign]


@mutant
def token_not_unique() -> None:
    def next_token(self: Any, job: str) -> int:
        self._counters[job] = self._counters.get(job, 0) + 1
        return 2**20 + int(self._counters[job])

    inner = contact.decide_claim

    def decide(state: Any, agent: str, boot: int, claim: Any, offer: Any) -> Any:
        # Nor does anybody compare tokens: they are thought to be new.
        job = state.jobs.get(claim.job)
        if job is not None and job.status == "queued" and offer == (agent, claim.token):
            return JobClaimed(claim.job, claim.token, agent, boot, claim.nonce)
        return inner(state, agent, boot, claim, offer)

    Scheduler._next_token = next_token  # type: ignore[method-assign]
    contact.decide_claim = decide  # type: ignore[attr-defined]


def _publish_early(early: Callable[[Any], bool]) -> None:
    inner = Authority._keep

    def keep(self: Any, batch: Any, made: Any) -> None:
        self._outputs.extend(o for o in made.outputs if early(o))
        made.outputs = [o for o in made.outputs if not early(o)]
        inner(self, batch, made)

    Authority._keep = keep  # type: ignore[method-assign]


@mutant
def result_ack_before_commit() -> None:
    _publish_early(lambda o: isinstance(o, Publish) and o.topic is topics.ACK and bool(o.data.results))


@mutant
def grant_before_commit() -> None:
    _publish_early(lambda o: isinstance(o, Publish) and o.topic is topics.GRANT)


@mutant
def submit_ack_before_commit() -> None:
    _publish_early(lambda o: isinstance(o, Answer))


@mutant
def no_fence() -> None:
    hq_node.HqNode.fences = False


@mutant
def two_hqs_without_epoch() -> None:
    hq_node.HqNode.steps_down = False


@mutant
def spool_dropped_when_sent() -> None:
    inner = Outbox.tick

    def tick(self: Any, now: float) -> None:
        emit = self._emit

        def and_drop(effect: Any) -> None:
            emit(effect)
            if isinstance(effect, Send):
                for result in effect.data.results:
                    emit(Unspool(result.job, result.token))

        self._emit = and_drop
        try:
            inner(self, now)
        finally:
            self._emit = emit

    Outbox.tick = tick  # type: ignore[method-assign]


@mutant
def start_on_offer() -> None:
    inner = Taking.claim

    def claim(self: Any, offers: Any, now: float) -> None:
        for offer in offers:
            key = (offer.job, offer.token)
            if key not in self._attempts and not self.why_not():
                spec = JobSpec(ScriptRef("0" * 64, "script.py"), name="job-0")
                grant = Grant(*key, "", self._boot, "0" * 32, 30.0, spec)
                self._emit(Start(grant))
        inner(self, offers, now)

    Taking.claim = claim  # type: ignore[method-assign]


@mutant
def wall_clock_leases() -> None:
    hq_node.Clock = _WallClock  # type: ignore[misc,attr-defined]


class _WallClock(Clock):
    def monotonic(self) -> float:
        return self.wall()


@mutant
def lease_of_hq_shorter_than_the_agents() -> None:
    leases.LEASE_SECONDS = 12.0
    leases.GUARD_SECONDS = 0.0


@mutant
def no_self_kill() -> None:
    Running.end_leases = lambda self, now: None  # type: ignore[method-assign]


@mutant
def clock_stops_in_suspend() -> None:
    agent_node.Clock = _StoppingClock  # type: ignore[misc,attr-defined]


class _StoppingClock(Clock):
    def __init__(self, world: Any) -> None:
        super().__init__(world, stops_in_suspend=True)


@mutant
def table_keyed_by_job() -> None:
    """Results are remembered by job instead of (job, token): the next attempt's counts as a repeat."""
    inner = contact.decide_result

    def decide(state: Any, agent: str, result: Any) -> Any:
        known = [verdict for (job, _), verdict in state.reported.items() if job == result.job]
        return (None, known[0]) if known else inner(state, agent, result)

    contact.decide_result = decide  # type: ignore[attr-defined]


@mutant
def exclusive_renewed_without_leadership() -> None:
    Bookkeeping.leader_until = property(lambda self: float("inf"))  # type: ignore[assignment,method-assign]
    leases.LEADERSHIP_SECONDS = 0.0


@mutant
def spool_not_listed_at_boot() -> None:
    """A new boot settles spooled attempts as lost, and their results are refused."""
    inner = contact.decide_result

    def decide(state: Any, agent: str, result: Any) -> Any:
        event, verdict = inner(state, agent, result)
        job = state.jobs.get(result.job)
        attempt = job.attempt(result.token) if job else None
        record = state.agents.get(agent)
        if attempt and record and attempt.boot != record.boot:
            return None, "superseded"
        return event, verdict

    contact.decide_result = decide  # type: ignore[attr-defined]


@mutant
def any_attempt_frees_the_job() -> None:
    """The end of an old attempt takes the job from the machine that holds it now."""
    evolve_job._queue_again = lambda job, token, why, delay: replace(  # type: ignore[assignment]
        job, status=evolve_job.JobStatus.QUEUED, agent=None, why=why, delay_seconds=delay
    )


@mutant
def grants_again_without_asking() -> None:
    """An agent begins whatever grant arrives, also one that it has had before."""

    def take(self: Any, grant: Grant, now: float) -> None:
        key = (grant.job, grant.token)
        if key not in self._attempts:
            self._claims.answered(grant, now)
            held = taking_module.Held(key, taking_module.Phase.HELD, now, now + 30.0, grant)
            self._attempts[key] = held

    Taking.take = take  # type: ignore[method-assign]


@mutant
def losses_are_never_counted() -> None:
    """A poison job takes machine after machine down, for ever."""
    recording.decide_death = lambda job: None  # type: ignore[attr-defined]


@mutant
def silence_of_hq_counts_against_agents() -> None:
    """After a long pause HQ ends leases instead of renewing them."""
    authority.LOOP_GAP_SECONDS = float("inf")


@mutant
def claims_ahead_never_expire() -> None:
    """An agent takes a grant however late, and counts its lease from then."""

    def take(self: Any, nonce: str, now: float) -> float | None:
        sent = self._sent.get(nonce[:24])
        if sent is None or nonce in sent.used:
            return None
        sent.used.add(nonce)
        return now

    StandingClaims.take = take  # type: ignore[method-assign]


@mutant
def a_claim_ahead_is_granted_twice() -> None:
    Standing.use = lambda self: self.claim.nonce_of(0)  # type: ignore[method-assign]


@mutant
def claims_ahead_jump_the_queue() -> None:
    """What was submitted just now is granted at once, whatever waits."""

    def claim_ahead(self: Any, state: Any, sightings: Any, now: float) -> Any:
        for sighting in sightings.values():
            free = self._may_have_more(sighting, now) and sighting.load() < sighting.slots
            waiting = [state.jobs[name] for name in self.queue._queued]
            waiting = [job for job in waiting if free and self._standing_for(sighting, job, now)]
            if waiting:
                job = max(waiting, key=lambda one: one.order).id
                nonce = sighting.standing.use()
                yield JobClaimed(job, self._next_token(job), sighting.name, sighting.boot, nonce, True)

    Scheduler.claim_ahead = claim_ahead  # type: ignore[method-assign]


@mutant
def what_was_claimed_ahead_counts_as_begun() -> None:
    """A machine was off already when HQ granted it a job, and that costs the job a start."""
    inner = evolve_job._evolve_live

    def forget(job: Any, event: Any, moment: Any) -> Any:
        return inner(job, replace(event, standing=False) if isinstance(event, JobClaimed) else event, moment)

    evolve_job._evolve_live = forget  # type: ignore[assignment]


@mutant
def dependents_begin_at_once() -> None:
    submissions.parents_of = lambda spec: ()  # type: ignore[attr-defined]


@mutant
def dependents_begin_with_the_first_parent() -> None:
    evolve_job.without_parent = lambda job, event: ((), {**job.received, **event.values})  # type: ignore[attr-defined]


@mutant
def failed_parents_let_dependents_begin() -> None:
    inner = telling.decide_parent
    telling.decide_parent = lambda waiting, ended: inner(  # type: ignore[attr-defined]
        waiting, replace(ended, is_good=True, content={"token": 1})
    )


@mutant
def dependents_are_forgotten_at_a_start() -> None:
    """Who waited for whom before is not known to the next HQ."""
    inner = Dependents.__init__

    def forget(self: Any, state: Any) -> None:
        inner(self, State())
        self._state = state

    Dependents.__init__ = forget  # type: ignore[method-assign]


@mutant
def what_has_ended_in_memory_counts_as_gone() -> None:
    """A look-up that does not wait for the read models tells of a parent that there is none."""
    hq_node.HqNode._look_up = lambda self, asked, position, life: (  # type: ignore[method-assign,assignment]
        self.authority.found_parents(asked, {}) if self.authority is not None else None
    )


@mutant
def pruned_trials_may_succeed() -> None:
    attempts.decide_pruned = lambda job, result: None


@mutant
def pruned_trials_run_again() -> None:
    recording.decide_pruned = lambda job: None
