"""The judge: watches true time, the log and the ledger, and checks the invariants.

Knows nothing of how HQ and agents work: it reads the log's documents, what
scripts really did, what was spooled, and what clients were told.
"""

from collections import defaultdict
from itertools import pairwise
from typing import Any

from hq.core.authority import Authority
from hq.core.evolve import apply
from hq.core.state import State
from hq.core.timing import GUARD_SECONDS, LEASE_SECONDS
from schemas import events as ev
from schemas.facts import AttemptResult
from schemas.messages import Grant, Reply
from schemas.specs import JobSpec
from tests.simulation.agent_node import Execution, Plan
from tests.simulation.dependencies import find_violations, why_not_filled
from tests.simulation.store import Store


class Violation(AssertionError):
    """An invariant that did not hold."""


TERMINAL = (ev.JobSucceeded, ev.JobFailed, ev.JobCancelled, ev.JobDied, ev.JobPruned)


class Oracle:
    def __init__(self, store: Store) -> None:
        self.store = store
        self.plans: dict[str, Plan] = {}
        self.ledger: list[Execution] = []
        self.specs: dict[str, JobSpec] = {}
        self.spooled: set[tuple[str, int]] = set()
        self.accepted: dict[str, str] = {}
        self.answers: dict[tuple[str, str], Any] = {}
        self.cancelled: set[str] = set()
        #: Trials whose pruning was answered.
        self.pruned: set[str] = set()
        self._begun: set[tuple[str, int]] = set()
        self._read = 0
        self._claims: dict[tuple[str, int], ev.JobClaimed] = {}
        self._results: set[tuple[str, int]] = set()
        #: As they were submitted, and the token of what each job brought.
        self._submitted: dict[str, JobSpec] = {}
        self._brought: dict[str, int] = {}
        #: (agent, nonce) of every grant in the log.
        self._nonces: set[tuple[str, str]] = set()
        #: What agents claimed, by nonce or, ahead, by its first part; and when they sent it, in true time.
        self._claimed: dict[str, float] = {}

    def plan_of(self, spec: JobSpec) -> Plan:
        return self.plans[spec.name]

    # --- as it happens -----------------------------------------------------------

    def _catch_up(self) -> None:
        """Read what is committed since the last look."""
        for decision in self.store.decisions[self._read :]:
            for event in decision.events:
                if isinstance(event, ev.JobClaimed):
                    self._claims[event.job, event.token] = event
                    if (event.agent, event.nonce) in self._nonces:
                        raise Violation(f"I5: one claim of {event.agent} was granted twice: {event}")
                    self._nonces.add((event.agent, event.nonce))
                if isinstance(event, ev.JobSubmitted):
                    self._submitted[event.job] = event.spec
                if isinstance(event, ev.JobSucceeded):
                    self._brought[event.job] = event.token
                result = getattr(event, "result", None)
                if result is not None:
                    self._results.add((result.job, result.token))
        self._read = len(self.store.decisions)

    def on_begin(self, execution: Execution, grant: Grant) -> None:
        key = (execution.job, execution.token)
        self._catch_up()
        claim = self._claims.get(key)
        if claim is None:
            raise Violation(f"I5: {key} began without a committed grant")
        if claim.agent != execution.agent:
            raise Violation(f"I5: {key} was granted to {claim.agent} and began on {execution.agent}")
        if key in self._begun:
            raise Violation(f"I5: {key} began twice")
        sent = self._claimed[grant.nonce[:24] if claim.standing else grant.nonce]
        if execution.began - sent > LEASE_SECONDS * 1.01:
            raise Violation(f"I2: {key} began {execution.began - sent:.1f} s after it was claimed")
        self._begun.add(key)
        self.specs[execution.job] = grant.spec
        if wrong := why_not_filled(self._submitted[execution.job], grant.spec, self._brought):
            raise Violation(f"{wrong}, as {execution.job} began")
        self.ledger.append(execution)

    def on_claimed(self, nonces: list[str], now: float) -> None:
        self._claimed.update(dict.fromkeys(nonces, now))

    def on_decided(self, authority: Authority, batch: tuple[ev.Decision, ...]) -> None:
        """I17: nothing that was claimed ahead goes before what waits. All jobs here fit all machines.

        Of one submitter: between those that share the house the turns go round.
        """
        ahead = [e.job for d in batch for e in d.events if isinstance(e, ev.JobClaimed) and e.standing]
        jobs, queue = authority.state.jobs, authority.books.scheduler.queue
        last: dict[str, int] = {}
        for job in (jobs[name] for name in ahead if name in jobs):
            last[job.submitter] = max(job.order, last.get(job.submitter, 0))
        for job in jobs.values() if last else ():
            if job.order < last.get(job.submitter, 0) and job.id in queue and not queue.is_delayed(job.id):
                raise Violation(f"I17: {job.id} waits, and one that was submitted later was granted")

    def on_spooled(self, results: list[AttemptResult]) -> None:
        self.spooled.update((r.job, r.token) for r in results)

    def on_unspool(self, job: str, token: int, *, in_memory: bool) -> None:
        self._catch_up()
        if (job, token) not in self._results:
            raise Violation(f"I4: the spool let go of {(job, token)}, which is not in the log")

    def on_reply(self, client: str, reply: Reply) -> None:
        if not reply.ok:
            return
        self.check_answer(client, reply)
        for job in reply.result.get("jobs", ()):
            if reply.request.startswith("submit"):
                self.accepted[job] = client
            else:
                self.cancelled.add(job)

    def check_answer(self, client: str, reply: Reply) -> None:
        """Check that a request is answered once, and after its commit."""
        known = self.answers.setdefault((client, reply.request), reply.result)
        if known != reply.result:
            raise Violation(f"I7: {reply.request} was answered {known} and then {reply.result}")
        if reply.position > self.store.tail:
            raise Violation(f"I1: {reply.request} was answered before its commit")

    def check_leases(self, hqs: list[Any], quiet_since: float, now: float) -> None:
        """I10: with HQ and database up, nothing is running without a live lease for long."""
        for hq in hqs:
            if hq.authority is None or hq.paused or hq.authority.appending:
                continue
            if now - max(hq.led_since, quiet_since) < LEASE_SECONDS + GUARD_SECONDS + 2:
                continue
            clock = hq.clock.monotonic()
            for job in hq.authority.state.jobs.values():
                if job.status != "running":
                    continue
                deadline = hq.authority.books.leases.deadline((job.id, job.token))
                if deadline is None or (deadline < clock - 2 and not job.spec.exclusive):
                    raise Violation(f"I10: {job.id} is running without a live lease")

    # --- at the end ----------------------------------------------------------------

    def check_all(self) -> None:
        self._catch_up()
        state = State()
        by_job: dict[str, list[Any]] = defaultdict(list)
        keys: set[tuple[str, str]] = set()
        last_epoch = 0
        for expected, decision in enumerate(self.store.decisions, start=1):
            if decision.position != expected:
                raise Violation(f"I6: position {decision.position} where {expected} should stand")
            if decision.epoch < last_epoch:
                raise Violation(f"I15: epoch {decision.epoch} after {last_epoch}")
            last_epoch = decision.epoch
            apply(state, decision)
            for event in decision.events:
                if isinstance(event, ev.JobEvent):
                    by_job[event.job].append(event)
                if isinstance(event, ev.RequestAnswered):
                    if (event.submitter, event.key) in keys:
                        raise Violation(f"I7: {event.key} was carried out twice")
                    keys.add((event.submitter, event.key))
        for job, events in by_job.items():
            self._check_job(job, events)
        for violation in find_violations(self.store.decisions):
            raise Violation(violation)
        for job in self.accepted:
            if job not in by_job:
                raise Violation(f"I1: {job} was accepted and is not in the log")
        for job in self.cancelled:
            if not any(isinstance(e, ev.JobCancelled) for e in by_job[job]):
                raise Violation(f"I12: the cancel of {job} was answered and is not in the log")
        for job in self.pruned:
            if not any(isinstance(e, ev.PruneDecided) for e in by_job[job]):
                raise Violation(f"I23: the pruning of {job} was answered and is not in the log")
        for name, sweep in state.sweeps.items():
            raise Violation(f"I23: sweep {name} has not ended: {sweep.status}, {sweep.live} live")
        missing = self.spooled - self._results
        if missing:
            raise Violation(f"I4: spooled results never reached the log: {sorted(missing)}")
        self._check_exclusive()

    def _check_job(self, job: str, events: list[Any]) -> None:
        ends = [e for e in events if isinstance(e, TERMINAL)]
        if len(ends) != 1:
            raise Violation(
                f"I1: {job} has {len(ends)} terminal events: {[type(e).__name__ for e in events]}"
            )
        tokens = [e.token for e in events if isinstance(e, ev.JobClaimed)]
        if tokens != sorted(set(tokens)):
            raise Violation(f"I6: tokens of {job} do not increase: {tokens}")
        end = ends[0]
        self._check_pruning(job, events, end)
        if isinstance(end, ev.JobSucceeded):
            done = any(x.job == job and x.token == end.token and x.finished for x in self.ledger)
            if not done:
                raise Violation(f"I3: {job} succeeded by attempt {end.token}, which never ran to its end")
        spec = next(e.spec for e in events if isinstance(e, ev.JobSubmitted))
        self._check_starts(job, spec, events, end)

    def _check_pruning(self, job: str, events: list[Any], end: Any) -> None:
        """I23: whose pruning was decided ends pruned, by whatever its attempt brings, and runs no more."""
        decided = next((n for n, e in enumerate(events) if isinstance(e, ev.PruneDecided)), None)
        if isinstance(end, ev.JobPruned) != (decided is not None):
            raise Violation(f"I23: {job} ended with {type(end).__name__}, its pruning was decided: {decided}")
        if decided is not None and any(isinstance(e, ev.JobClaimed) for e in events[decided:]):
            raise Violation(f"I23: {job} was granted again after its pruning was decided")

    def _check_starts(self, job: str, spec: JobSpec, events: list[Any], end: Any) -> None:
        starts = 0
        agents: set[str] = set()
        token = 0
        for event in events:
            if isinstance(event, ev.JobClaimed):
                token = event.token
                if starts >= spec.starts_allowed:
                    raise Violation(f"I8: {job} was granted again after {starts} starts")
            elif isinstance(event, ev.AttemptLost):
                agents.add(event.agent)
                starts += event.token == token
            elif isinstance(event, ev.AttemptFailed | ev.JobSucceeded | ev.JobFailed | ev.JobPruned):
                starts += event.token is not None
        if starts > spec.starts_allowed:
            raise Violation(f"I8: {job} used up {starts} of {spec.starts_allowed} starts")
        if isinstance(end, ev.JobDied) and starts < spec.starts_allowed and len(agents) < 2:
            raise Violation(f"I8: {job} is dead after {starts} starts on {agents}")
        lost = sum(isinstance(e, ev.AttemptLost) for e in events)
        killed = sum(x.job == job and not x.finished for x in self.ledger)
        # What was granted on a claim sent ahead and never reported is no loss: it may never have arrived.
        asked = [e.token for e in events if isinstance(e, ev.JobClaimed) and not e.standing]
        unbegun = len(asked) - sum(x.job == job and x.token in asked for x in self.ledger)
        # Ended with a full spool, and the machine went down before HQ had the result.
        kept = self.spooled | self._results
        forgotten = sum(x.job == job and x.finished and (job, x.token) not in kept for x in self.ledger)
        if lost > killed + unbegun + forgotten:
            raise Violation(f"I8: {job} counts {lost} losses, but only {killed} attempts were cut short")

    def _check_exclusive(self) -> None:
        spans: dict[str, list[tuple[float, float, int]]] = defaultdict(list)
        for execution in self.ledger:
            if execution.span_began is not None:
                raise Violation(f"I12: {execution.job} still runs at the end")
            if self.specs[execution.job].exclusive:
                for begin, end in execution.spans:
                    if begin < end:  # killed at the moment it woke: it did nothing
                        spans[execution.job].append((begin, end, execution.token))
        for job, found in spans.items():
            found.sort()
            for (_, end, one), (begin, _, other) in pairwise(found):
                if begin < end and one != other:
                    raise Violation(f"I2: exclusive {job} ran twice at {begin:.2f}: {one} and {other}")
