"""The agent without I/O: offers, grants, leases, heartbeats, results.

    hear(message, now)      offers, grants, answers, HQ's state
    run_ended(...), ...     what the runner reports
    tick(now)               leases first, then what is due
    take_effects()          what to do now, in order

Times are on the agent's suspend-aware clock: a lease goes on in sleep.
"""

from collections import Counter
from collections.abc import Callable

from msgspec.structs import replace

from agents.core.attempts import Attempts, Held
from agents.core.claiming import Claiming
from agents.core.doubt import Doubt
from agents.core.effects import Behave, Cool, Effect, Send, Start, Stop, WindDown
from agents.core.handing_back import HandingBack
from agents.core.heartbeats import Heartbeats
from agents.core.outbox import Outbox
from agents.core.owner import describe, let_follow, why_not
from agents.core.timing import (
    CHANGE_SECONDS,
    HELD_SECONDS,
    LEASE_SECONDS,
    PREFETCH_LIMIT,
    SPREAD_AGENTS,
    SPREAD_SECONDS,
)
from agents.guest.decision import Decision
from bus import topics
from bus.port import Inbound, Refusal
from bus.signing import UNKNOWN_SIGNER, UNSIGNED
from schemas.facts import AttemptResult, Checkpoint, GuestState, MachineFacts
from schemas.messages import (
    Ack,
    AttemptReport,
    Claim,
    Claims,
    Grant,
    Grants,
    Heartbeat,
    HqState,
    Offers,
    Order,
    ServiceCalls,
)
from schemas.states import Command, Outcome, Phase


class AgentCore:
    """What one boot of an agent knows.

    Args:
        name: As in its certificate: grants for others are refused.
        instance: 128 random bits, new at every process start.
        spooled: Results of earlier boots that HQ has not acknowledged.
        draw: Returns a random number from 0 up to 1, for jitter.
        make_nonce: Returns 128 random bits as hex, for claims.
        judge: Returns why the owner's rules do not let a granted script run, "" when they do.
    """

    def __init__(
        self,
        *,
        name: str,
        boot: int,
        instance: str,
        slots: int,
        facts: MachineFacts,
        spooled: list[AttemptResult],
        now: float,
        draw: Callable[[], float],
        make_nonce: Callable[[], str],
        judge: Callable[[Grant], str],
    ) -> None:
        self.name = name
        self.boot = boot
        self.slots = slots
        self.epoch = 0
        self.rest = ""
        #: Why HQ gives this machine no work, in HQ's words.
        self.refused = ""
        self.attempts = Attempts()
        #: What came in HQ's name and was refused, by reason.
        self.rejected: Counter[str] = Counter()
        self._judge = judge
        self._doubt = Doubt()
        self._instance = instance
        self._facts = facts
        self._guest = GuestState()
        self._policy = Decision()
        self._ending = False
        self._claims = Claiming(make_nonce)
        self._effects: list[Effect] = []
        self._outbox = Outbox(boot, self.attempts, now, lambda effect: self._effects.append(effect))
        self._heartbeats = Heartbeats(now, draw)
        self._returns = HandingBack(boot, self.attempts, self._heartbeats)
        self._draw = draw
        for result in spooled:
            key = (result.job, result.token)
            self.attempts[key] = Held(key, Phase.SPOOLED, now, now)
            self._outbox.take_back(result, now + CHANGE_SECONDS)

    # --- messages ----------------------------------------------------------------

    def hear(self, message: Inbound, now: float) -> None:
        """Take in a message from HQ. One of an older epoch is ignored: that HQ was replaced."""
        self._check_leases(now)
        data = message.data
        match data:
            case HqState():
                self._on_hq_state(data, now)
            case Offers() if data.epoch >= self.epoch:
                self._on_offers(data, now)
            case Grants() if data.epoch >= self.epoch:
                self._on_grants(data, now)
            case Grants():
                self.rejected["old_epoch"] += 1
            case Ack() if data.epoch >= self.epoch and data.boot == self.boot:
                self._on_ack(data, now)

    def refuse(self, refusal: Refusal, now: float) -> None:
        """Count a message that came in HQ's name and is not HQ's, or not for us to read.

        Grants that nobody we trust has signed mean that HQ is another one than we
        know, or that somebody plays HQ: what we claimed is handed back, and for a
        while nothing is claimed.
        """
        self.rejected[refusal.reason] += 1
        # A broken signature is somebody's forgery: HQ's own grant may be on its way.
        if refusal.topic is not topics.GRANT or refusal.reason not in (UNSIGNED, UNKNOWN_SIGNER):
            return
        self._doubt.begin(f"HQ's grants are not trusted here: {refusal.detail}"[:2000], now)
        for key in self._claims.drop():
            self._returns.decline(key, self._doubt.why)
        self._heartbeats.changed(now)
        self._send_declines()

    def trust_changed(self, now: float) -> None:
        """Take in that the owner's rules changed: HQ is to offer again what was not run before."""
        self._doubt.end()
        self._heartbeats.tell_facts_again()
        self._heartbeats.changed(now)

    def connected(self, now: float) -> None:
        """Say hello again: HQ may have missed anything meanwhile."""
        self._heartbeats.hurry(now)
        self._outbox.hurry(now)

    def _on_hq_state(self, state: HqState, now: float) -> None:
        if state.online:
            self.rest = state.rest or self.rest
        if not state.online or state.epoch <= self.epoch:
            return
        self._follow(state.epoch)
        spread = self._draw() * SPREAD_SECONDS * min(1.0, state.agents / SPREAD_AGENTS)
        self._heartbeats.hurry(now + spread)
        self._outbox.hurry(now + spread)

    def _follow(self, epoch: int) -> None:
        if epoch > self.epoch:
            self.epoch = epoch
            self._claims.drop_ahead()  # they were for the HQ before
            if not self._heartbeats.carry_facts:
                # The HQ before may have died with the facts, or this one began from an older backup.
                self._heartbeats.tell_facts_again()

    def _on_offers(self, offers: Offers, now: float) -> None:
        self._follow(offers.epoch)
        claims: list[Claim] = []
        for offer in offers.offers:
            key = (offer.job, offer.token)
            if key in self.attempts or key in self._claims:
                continue
            why = self._why_not_claim()
            if why:
                self._returns.decline(key, why)
                continue
            claims.append(self._claims.claim(offer, now))
        if claims:
            self._effects.append(Send(topics.CLAIM, Claims(self.boot, tuple(claims))))
        self._send_declines()

    def _why_not_claim(self) -> str:
        if self.degraded or self._doubt.why:
            return self.degraded or self._doubt.why
        if why := why_not(self._guest, needs_gpu=False):
            return why
        waiting = len(self.attempts) - self.attempts.count(Phase.SPOOLED) + len(self._claims)
        waiting -= sum(attempt.serves for attempt in self.attempts.of(Phase.RUNNING))
        return "all slots are busy" if waiting >= self._open_slots * (1 + PREFETCH_LIMIT) else ""

    @property
    def _open_slots(self) -> int:
        """Return how many of the slots may be used now: somebody may want half of the cores."""
        return min(self.slots, max(1, self._facts.cores // 2)) if self._policy.half_cores else self.slots

    def _claims_ahead(self) -> bool:
        return self.epoch > 0 and not self._why_not_claim()

    def _on_grants(self, grants: Grants, now: float) -> None:
        self._follow(grants.epoch)
        self._doubt.end()
        for denial in grants.denials:
            self._claims.denied(denial)
        for grant in grants.grants:
            self._on_grant(grant, now)
        self._fill_slots(now)
        self._send_declines()

    def _on_grant(self, grant: Grant, now: float) -> None:
        key = (grant.job, grant.token)
        if grant.agent != self.name or grant.boot != self.boot:
            self.rejected["another_agent" if grant.agent != self.name else "another_boot"] += 1
            return
        if key in self.attempts:
            return
        sent_at, is_ahead = self._claims.answered(grant, now)
        if sent_at is None:
            self.rejected["no_such_claim"] += 1
            self._returns.decline(key, "the claim was dropped, its answer came too late")
            return
        if is_ahead and (why := self._why_not_claim()):
            self._returns.decline(key, why)  # things have changed since
            return
        lease_until = sent_at + LEASE_SECONDS
        if now >= lease_until:
            self._returns.decline(key, "the grant came after its lease had ended")
            return
        if why := self._judge(grant):
            self.rejected["not_allowed"] += 1
            self._returns.decline(key, why, unwilling=True)
            return
        if why := why_not(self._guest, needs_gpu=grant.spec.needs.gpus > 0):
            # Somebody came between the claim and its answer.
            self._returns.decline(key, why)
            return
        self.attempts[key] = Held(key, Phase.HELD, now, lease_until, grant)
        self._heartbeats.changed(now)

    def _on_ack(self, ack: Ack, now: float) -> None:
        self._follow(ack.epoch)
        if ack.seq is not None:
            self.refused = ack.refused
            if not ack.refused:
                self._heartbeats.answered(ack.seq)
        for order in ack.orders:
            self._on_order(order, ack.seq, now)
        for answer in ack.results:
            if self._outbox.settle((answer.job, answer.token)):
                self._heartbeats.changed(now)
        self._fill_slots(now)

    def _on_order(self, order: Order, seq: int | None, now: float) -> None:
        key = (order.job, order.token)
        attempt = self.attempts.get(key)
        if attempt is None:
            return
        if order.command is Command.STOP:
            if attempt.phase is Phase.HELD:
                self.attempts.discard(key)
                self._heartbeats.changed(now)
            elif attempt.phase is Phase.RUNNING and (attempt.leaving or not attempt.stopping):
                # One that leaves for the owner takes its time: too long for somebody who cancelled it.
                attempt.stopping, attempt.leaving, attempt.stopping_why = True, False, ""
                self._effects.append(Stop(*key, unwanted=True))
            return
        until = self._heartbeats.lease_until(seq, key)
        if until is not None:
            attempt.lease_until = max(attempt.lease_until, until)
        if order.command is Command.WIND_DOWN:
            self._wind_down(attempt, now)

    def _wind_down(self, attempt: Held, now: float) -> None:
        """Let an attempt end early: one that has not begun never does."""
        if attempt.phase is Phase.HELD:
            self._returns.hand_back(attempt, "it was to end before it began", now)
            self._send_declines()
        elif attempt.phase is Phase.RUNNING and not attempt.winding_down:
            attempt.winding_down = True
            self._effects.append(WindDown(*attempt.key))

    # --- the runner's and the spool's reports ----------------------------------------

    def run_ended(self, result: AttemptResult, now: float) -> None:
        """Take in how an attempt ended: it goes to the spool before HQ hears of it."""
        attempt = self.attempts.get((result.job, result.token))
        if attempt is not None:
            attempt.ended = True
            # One that ended early with a result has more to go on from than that.
            is_whole = result.outcome is Outcome.SUCCEEDED and not attempt.winding_down
            if attempt.checkpoint is not None and (attempt.has_heirs or not is_whole):
                result = replace(result, checkpoint=attempt.checkpoint)
            self._fill_slots(now)
            # Nobody waits for one result of many, as long as there is enough to do here. What is `exclusive`
            # may not be repeated if this machine goes down.
            has_more = self.attempts.count(Phase.HELD) >= self._open_slots
            self._outbox.add(result, now, soon=has_more and not attempt.is_exclusive and not self._ending)
            self._leave_no_warmth()

    def _leave_no_warmth(self) -> None:
        if not self._policy.accepting:
            self._effects.append(Cool())

    def checkpoint_stored(self, job: str, checkpoint: Checkpoint, now: float) -> None:
        """Take in that a running attempt stored a checkpoint: heartbeats tell HQ while it runs."""
        attempt = self.attempts.get((job, checkpoint.token))
        if attempt is not None:
            attempt.checkpoint = checkpoint
            self._heartbeats.changed(now)

    def run_stopped(self, job: str, token: int, now: float, why: str = "") -> None:
        """Take in that an attempt was stopped, or could not begin for `why`, and left no result."""
        attempt = self.attempts.discard((job, token))
        self._leave_no_warmth()
        if attempt is not None and (attempt.stopping_why or why):
            why = attempt.stopping_why or why
            self._returns.interrupted(attempt.key, why, attempt.checkpoint)
        self._heartbeats.changed(now)
        self._fill_slots(now)
        self._send_declines()

    def spooled(self, results: list[AttemptResult], now: float, trouble: str = "") -> None:
        """Take in that results are on disk, or why not: then they are kept in memory and tried again."""
        self._outbox.written(results, now, trouble)
        self._heartbeats.changed(now)
        self._fill_slots(now)

    def worker_ready(self, job: str, token: int, now: float) -> None:
        """Take in that a service's worker takes calls."""
        attempt = self.attempts.get((job, token))
        if attempt is not None and attempt.phase is Phase.RUNNING and not attempt.ready:
            attempt.ready = True
            self._heartbeats.changed(now)

    def may_call(self, calls: ServiceCalls) -> bool:
        """Tell whether calls are for this boot, and of no HQ that was replaced."""
        return calls.boot == self.boot and calls.epoch >= self.epoch

    def set_guest(self, guest: GuestState, now: float) -> None:
        """Take in what the owner's policy says now."""
        if guest != self._guest and not self._ending:
            self._guest = guest
            self._heartbeats.changed(now)

    def follow(self, decision: Decision, preset: str, now: float, house_wish: str = "") -> None:
        """Do what the owner's policy decided: take nothing, let jobs stand still, go on or leave.

        A decision that differs from the last one in words only is told with the next heartbeat.
        """
        if self._ending:
            return
        before, self._policy = self._policy, decision
        if (before.half_cores, before.lowest_priority) != (decision.half_cores, decision.lowest_priority):
            self._effects.append(Behave(decision.half_cores, decision.lowest_priority))
        if not decision.accepting:
            self._returns.hand_back_waiting(decision.reason, now)
        if before.accepting and not decision.accepting:
            self._effects.append(Cool())
        for attempt in self.attempts.of(Phase.RUNNING):
            if (order := let_follow(attempt, decision)) is not None:
                self._effects.append(order)
        frozen = sum(attempt.frozen for attempt in self.attempts.of(Phase.RUNNING))
        guest = describe(decision, frozen=frozen, preset=preset, house_wish=house_wish)
        known, self._guest = self._guest, guest
        if before.essence != decision.essence or (
            (frozen, preset, house_wish) != (known.frozen, known.preset, known.house_wish)
        ):
            self._heartbeats.changed(now)
        self._fill_slots(now)
        self._send_declines()

    def shut_down(self, now: float) -> None:
        """Take nothing new, stop what runs and hand everything back: the agent ends."""
        self.set_guest(GuestState(False, "the agent is stopping"), now)
        self._ending = True
        self._claims.drop()  # grants that are on their way are handed back
        self._returns.hand_back_waiting("the agent is stopping", now)
        for attempt in self.attempts.of(Phase.RUNNING):
            if not attempt.stopping:
                attempt.stopping = True
                attempt.stopping_why = "the agent was stopped"
                self._effects.append(Stop(*attempt.key))
        self._send_declines()

    @property
    def degraded(self) -> str:
        """Return why results cannot be written on this machine, "" when they can."""
        return self._outbox.trouble

    @property
    def runs_scripts(self) -> bool:
        """Tell whether a script runs, or stands still."""
        return self.attempts.count(Phase.RUNNING) > 0

    @property
    def is_busy(self) -> bool:
        """Tell whether a script runs, or a result is in memory only and would go with this process."""
        return self.attempts.count(Phase.RUNNING) > 0 or self._outbox.is_volatile

    # --- time --------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Do what is due. Leases come first: the machine may have slept."""
        self._check_leases(now)
        if self._doubt.ends_now(now):
            self._heartbeats.changed(now)
        self._claims.drop_old(now)
        self._returns.hand_back_late(now)
        self._fill_slots(now)
        self._outbox.tick(now)
        self._send_declines()
        if now >= self._heartbeats.due_at:
            self._send_heartbeat(now)

    def next_wake(self, now: float) -> float:
        """Return for how many seconds nothing is due."""
        times = [self._heartbeats.due_at, self._outbox.next_due]
        times += [*self._claims.times_out_at(), *self._doubt.ends_at()]
        # Of attempts that wait, the first is the oldest.
        if waiting := self.attempts.first(Phase.HELD):
            times.append(waiting.granted_at + HELD_SECONDS)
        for attempt in self.attempts.of(Phase.RUNNING):
            if attempt.is_exclusive and not attempt.killed:
                times.append(attempt.lease_until)
        return max(0.0, min(times) - now)

    def take_effects(self) -> list[Effect]:
        """Return what is to be done now, in order, and forget it."""
        effects, self._effects = self._effects, []
        return effects

    def _check_leases(self, now: float) -> None:
        for attempt in self.attempts.of(Phase.RUNNING):
            if attempt.is_exclusive and now >= attempt.lease_until and not attempt.killed:
                # HQ may give the job to another machine from now + guard on, and
                # one that was only asked to stop may take longer than that.
                attempt.killed = True
                if not attempt.stopping:
                    attempt.stopping = True
                    attempt.stopping_why = "the lease ended without contact to HQ"
                self._effects.append(Stop(*attempt.key, at_once=True))

    def _fill_slots(self, now: float) -> None:
        free = self._open_slots - sum(
            not (attempt.ended or attempt.serves) for attempt in self.attempts.of(Phase.RUNNING)
        )
        starts: list[Effect] = []
        while free > 0:
            attempt = self.attempts.first(Phase.HELD)
            if attempt is None or attempt.grant is None or now >= attempt.lease_until:
                break
            self.attempts.move(attempt, Phase.RUNNING)
            starts.append(Start(attempt.grant))
            self._heartbeats.changed(now)
            free -= 1
        if starts and now >= self._heartbeats.due_at:
            # Said before it is done: a machine that goes down under a job is known to have begun it.
            self._send_heartbeat(now)
        self._effects.extend(starts)

    def _send_declines(self) -> None:
        self._effects += self._returns.take_effects()

    def _send_heartbeat(self, now: float) -> None:
        reports = tuple(_report(attempt) for attempt in self.attempts.values())
        busy = sum(not attempt.serves for attempt in self.attempts.of(Phase.RUNNING))
        facts = self._facts if self._heartbeats.carry_facts else None
        heartbeat = Heartbeat(
            boot=self.boot,
            instance=self._instance,
            seq=self._heartbeats.send(frozenset(self.attempts), now),
            slots=self._open_slots,
            free=max(0, self._open_slots - busy),
            attempts=reports,
            guest=self._guest,
            facts=facts,
            degraded=self.degraded or self._doubt.why,
            refused=dict(self.rejected),
            standing=self._claims.claim_ahead(self.epoch, now) if self._claims_ahead() else None,
        )
        self._effects.append(Send(topics.HEARTBEAT, heartbeat))


def _report(attempt: Held) -> AttemptReport:
    # The result of one that is over carries its checkpoint.
    checkpoint = attempt.checkpoint if attempt.phase is Phase.RUNNING else None
    return AttemptReport(*attempt.key, attempt.phase, checkpoint, attempt.ready)
