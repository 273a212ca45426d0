"""The agent without I/O: offers, grants, leases, heartbeats, results.

    hear(message, now)      offers, grants, answers, HQ's state
    run_ended(...), ...     what the runner reports
    tick(now)               leases first, then what is due
    take_effects()          what to do now, in order

Times are on the agent's suspend-aware clock: a lease goes on in sleep.
"""

from collections import Counter
from collections.abc import Callable

from agents.core.attempts import Attempts, Held
from agents.core.effects import Effect, Send
from agents.core.handing_back import HandingBack
from agents.core.heartbeats import Heartbeats
from agents.core.outbox import Outbox
from agents.core.owner import Owner
from agents.core.running import Running
from agents.core.taking import Taking
from agents.core.timing import CHANGE_SECONDS, HELD_SECONDS, SPREAD_AGENTS, SPREAD_SECONDS
from agents.guest.decision import Decision
from bus import topics
from bus.port import Inbound, Refusal
from bus.signing import UNKNOWN_SIGNER, UNSIGNED
from schemas.facts import AttemptResult, Checkpoint, GuestState, MachineFacts
from schemas.messages import (
    Ack,
    AttemptReport,
    Grant,
    Grants,
    Heartbeat,
    HqState,
    Offers,
    ServiceCalls,
)
from schemas.states import Phase


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
        self._instance = instance
        self._facts = facts
        self._draw = draw
        self._effects: list[Effect] = []
        self._outbox = Outbox(boot, self.attempts, now, self._emit)
        self._heartbeats = Heartbeats(now, draw)
        self._returns = HandingBack(boot, self.attempts, self._heartbeats)
        self._owner = Owner(self.attempts, self._heartbeats, self._returns, self._emit)
        self._running = Running(
            slots,
            facts.cores,
            attempts=self.attempts,
            heartbeats=self._heartbeats,
            returns=self._returns,
            outbox=self._outbox,
            owner=self._owner,
            emit=self._emit,
            tell=self._send_heartbeat,
        )
        self._taking = Taking(
            name,
            boot,
            judge=judge,
            make_nonce=make_nonce,
            rejected=self.rejected,
            attempts=self.attempts,
            heartbeats=self._heartbeats,
            returns=self._returns,
            outbox=self._outbox,
            owner=self._owner,
            running=self._running,
            emit=self._emit,
        )
        for result in spooled:
            key = (result.job, result.token)
            self.attempts[key] = Held(key, Phase.SPOOLED, now, now)
            self._outbox.take_back(result, now + CHANGE_SECONDS)

    # --- messages ----------------------------------------------------------------

    def hear(self, message: Inbound, now: float) -> None:
        """Take in a message from HQ. One of an older epoch is ignored: that HQ was replaced."""
        self._running.end_leases(now)
        data = message.data
        match data:
            case HqState():
                self._on_hq_state(data, now)
            case Offers() if data.epoch >= self.epoch:
                self._follow(data.epoch)
                self._taking.claim(data.offers, now)
                self._send_declines()
            case Grants() if data.epoch >= self.epoch:
                self._on_grants(data, now)
            case Grants():
                self.rejected["old_epoch"] += 1
            case Ack() if data.epoch >= self.epoch and data.boot == self.boot:
                self._on_ack(data, now)

    def refuse(self, refusal: Refusal, now: float) -> None:
        """Count a message that came in HQ's name and is not HQ's, or not for us to read."""
        self.rejected[refusal.reason] += 1
        # A broken signature is somebody's forgery: HQ's own grant may be on its way.
        if refusal.topic is topics.GRANT and refusal.reason in (UNSIGNED, UNKNOWN_SIGNER):
            self._taking.doubt(refusal.detail, now)
            self._send_declines()

    def trust_changed(self, now: float) -> None:
        """Take in that the owner's rules changed: HQ is to offer again what was not run before."""
        self._taking.trust()
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
            self._taking.drop_ahead()  # they were for the HQ before
            if not self._heartbeats.carry_facts:
                # The HQ before may have died with the facts, or this one began from an older backup.
                self._heartbeats.tell_facts_again()

    def _on_grants(self, grants: Grants, now: float) -> None:
        self._follow(grants.epoch)
        self._taking.trust()
        for denial in grants.denials:
            self._taking.denied(denial)
        for grant in grants.grants:
            self._taking.take(grant, now)
        self._running.fill(now)
        self._send_declines()

    def _on_ack(self, ack: Ack, now: float) -> None:
        self._follow(ack.epoch)
        if ack.seq is not None:
            self.refused = ack.refused
            if not ack.refused:
                self._heartbeats.answered(ack.seq)
        for order in ack.orders:
            self._running.obey(order, ack.seq, now)
            self._send_declines()
        for answer in ack.results:
            if self._outbox.settle((answer.job, answer.token)):
                self._heartbeats.changed(now)
        self._running.fill(now)

    # --- the runner's and the spool's reports ----------------------------------------

    def run_ended(self, result: AttemptResult, now: float) -> None:
        """Take in how an attempt ended: it goes to the spool before HQ hears of it."""
        self._running.ended(result, now)

    def run_stopped(self, job: str, token: int, now: float, why: str = "") -> None:
        """Take in that an attempt was stopped, or could not begin for `why`, and left no result."""
        self._running.stopped(job, token, now, why)
        self._send_declines()

    def checkpoint_stored(self, job: str, checkpoint: Checkpoint, now: float) -> None:
        """Take in that a running attempt stored a checkpoint: heartbeats tell HQ while it runs."""
        self._running.checkpoint_stored(job, checkpoint, now)

    def worker_ready(self, job: str, token: int, now: float) -> None:
        """Take in that a service's worker takes calls."""
        self._running.worker_ready(job, token, now)

    def spooled(self, results: list[AttemptResult], now: float, trouble: str = "") -> None:
        """Take in that results are on disk, or why not: then they are kept in memory and tried again."""
        self._outbox.written(results, now, trouble)
        self._heartbeats.changed(now)
        self._running.fill(now)

    def may_call(self, calls: ServiceCalls) -> bool:
        """Tell whether calls are for this boot, and of no HQ that was replaced."""
        return calls.boot == self.boot and calls.epoch >= self.epoch

    def set_guest(self, guest: GuestState, now: float) -> None:
        """Take in what the owner's policy says now."""
        if not self._running.is_ending:
            self._owner.set_guest(guest, now)

    def follow(self, decision: Decision, preset: str, now: float, house_wish: str = "") -> None:
        """Do what the owner's policy decided: take nothing, let jobs stand still, go on or leave.

        A decision that differs from the last one in words only is told with the next heartbeat.
        """
        if self._running.is_ending:
            return
        self._owner.follow(decision, preset, now, house_wish)
        self._running.fill(now)
        self._send_declines()

    def shut_down(self, now: float) -> None:
        """Take nothing new, stop what runs and hand everything back: the agent ends."""
        self.set_guest(GuestState(False, "the agent is stopping"), now)
        self._taking.drop()
        self._returns.hand_back_waiting("the agent is stopping", now)
        self._running.stop_all()
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
        self._running.end_leases(now)
        self._taking.tick(now)
        self._returns.hand_back_late(now)
        self._running.fill(now)
        self._outbox.tick(now)
        self._send_declines()
        if now >= self._heartbeats.due_at:
            self._send_heartbeat(now)

    def next_wake(self, now: float) -> float:
        """Return for how many seconds nothing is due."""
        times = [self._heartbeats.due_at, self._outbox.next_due]
        times += [*self._taking.due_at(), *self._running.lease_ends()]
        # Of attempts that wait, the first is the oldest.
        if waiting := self.attempts.first(Phase.HELD):
            times.append(waiting.granted_at + HELD_SECONDS)
        return max(0.0, min(times) - now)

    def take_effects(self) -> list[Effect]:
        """Return what is to be done now, in order, and forget it."""
        effects, self._effects = self._effects, []
        return effects

    def _emit(self, effect: Effect) -> None:
        self._effects.append(effect)

    def _send_declines(self) -> None:
        self._effects += self._returns.take_effects()

    def _send_heartbeat(self, now: float) -> None:
        reports = tuple(_report(attempt) for attempt in self.attempts.values())
        facts = self._facts if self._heartbeats.carry_facts else None
        heartbeat = Heartbeat(
            boot=self.boot,
            instance=self._instance,
            seq=self._heartbeats.send(frozenset(self.attempts), now),
            slots=self._running.open_slots,
            free=max(0, self._running.open_slots - self._running.busy_slots),
            attempts=reports,
            guest=self._owner.guest,
            facts=facts,
            degraded=self._taking.trouble,
            refused=dict(self.rejected),
            standing=self._taking.claim_ahead(self.epoch, now),
        )
        self._effects.append(Send(topics.HEARTBEAT, heartbeat))


def _report(attempt: Held) -> AttemptReport:
    # The result of one that is over carries its checkpoint.
    checkpoint = attempt.checkpoint if attempt.phase is Phase.RUNNING else None
    return AttemptReport(*attempt.key, attempt.phase, checkpoint, attempt.ready)
