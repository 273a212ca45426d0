"""The attempts that run: begun as slots become free, ended by themselves, at HQ's order or with their lease.

Times are on the agent's suspend-aware clock.
"""

from collections.abc import Callable

from msgspec.structs import replace

from agents.core.attempts import Attempts, Held
from agents.core.effects import Effect, Start, Stop, WindDown
from agents.core.handing_back import HandingBack
from agents.core.heartbeats import Heartbeats
from agents.core.outbox import Outbox
from agents.core.owner import Owner
from schemas.facts import AttemptResult, Checkpoint
from schemas.messages import Order
from schemas.states import Command, Outcome, Phase


class Running:
    """The slots of one boot and what runs in them.

    Args:
        slots: How many attempts may run at once.
        cores: Of this machine.
        emit: Takes what is to be done.
        tell: Sends a heartbeat now.
    """

    def __init__(
        self,
        slots: int,
        cores: int,
        *,
        attempts: Attempts,
        heartbeats: Heartbeats,
        returns: HandingBack,
        outbox: Outbox,
        owner: Owner,
        emit: Callable[[Effect], None],
        tell: Callable[[float], None],
    ) -> None:
        #: The agent ends: everything is being stopped.
        self.is_ending = False
        self._slots, self._cores = slots, cores
        self._attempts, self._heartbeats, self._returns = attempts, heartbeats, returns
        self._outbox, self._owner = outbox, owner
        self._emit, self._tell = emit, tell

    # --- slots and leases ---------------------------------------------------------

    @property
    def open_slots(self) -> int:
        """Return how many of the slots may be used now: somebody may want half of the cores."""
        return min(self._slots, max(1, self._cores // 2)) if self._owner.wants_half_cores else self._slots

    @property
    def busy_slots(self) -> int:
        """Return how many slots attempts are in."""
        return sum(not attempt.serves for attempt in self._attempts.of(Phase.RUNNING))

    def fill(self, now: float) -> None:
        """Begin what waits, as far as slots are free."""
        free = self.open_slots - sum(
            not (attempt.ended or attempt.serves) for attempt in self._attempts.of(Phase.RUNNING)
        )
        starts: list[Effect] = []
        while free > 0:
            attempt = self._attempts.first(Phase.HELD)
            if attempt is None or attempt.grant is None or now >= attempt.lease_until:
                break
            self._attempts.move(attempt, Phase.RUNNING)
            starts.append(Start(attempt.grant))
            self._heartbeats.changed(now)
            free -= 1
        if starts and now >= self._heartbeats.due_at:
            # Said before it is done: a machine that goes down under a job is known to have begun it.
            self._tell(now)
        for start in starts:
            self._emit(start)

    def end_leases(self, now: float) -> None:
        """Kill what is `exclusive` and whose lease is over."""
        for attempt in self._attempts.of(Phase.RUNNING):
            if attempt.is_exclusive and now >= attempt.lease_until and not attempt.killed:
                # HQ may give the job to another machine from now + guard on, and
                # one that was only asked to stop may take longer than that.
                attempt.killed = True
                if not attempt.stopping:
                    attempt.stopping = True
                    attempt.stopping_why = "the lease ended without contact to HQ"
                self._emit(Stop(*attempt.key, at_once=True))

    def lease_ends(self) -> list[float]:
        """Return when attempts are to be killed that nothing renews until then."""
        running = self._attempts.of(Phase.RUNNING)
        return [attempt.lease_until for attempt in running if attempt.is_exclusive and not attempt.killed]

    # --- HQ's orders and the agent's ----------------------------------------------

    def obey(self, order: Order, seq: int | None, now: float) -> None:
        """Do what HQ orders in its answer to heartbeat `seq`."""
        key = (order.job, order.token)
        attempt = self._attempts.get(key)
        if attempt is None:
            return
        if order.command is Command.STOP:
            if attempt.phase is Phase.HELD:
                self._attempts.discard(key)
                self._heartbeats.changed(now)
            elif attempt.phase is Phase.RUNNING and (attempt.leaving or not attempt.stopping):
                # One that leaves for the owner takes its time: too long for somebody who cancelled it.
                attempt.stopping, attempt.leaving, attempt.stopping_why = True, False, ""
                self._emit(Stop(*key, unwanted=True))
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
        elif attempt.phase is Phase.RUNNING and not attempt.winding_down:
            attempt.winding_down = True
            self._emit(WindDown(*attempt.key))

    def stop_all(self) -> None:
        """Stop what runs, for good: the agent ends."""
        self.is_ending = True
        for attempt in self._attempts.of(Phase.RUNNING):
            if not attempt.stopping:
                attempt.stopping = True
                attempt.stopping_why = "the agent was stopped"
                self._emit(Stop(*attempt.key))

    # --- the runner's reports -----------------------------------------------------

    def ended(self, result: AttemptResult, now: float) -> None:
        """Take in how an attempt ended: it goes to the spool before HQ hears of it."""
        attempt = self._attempts.get((result.job, result.token))
        if attempt is not None:
            attempt.ended = True
            # One that ended early with a result has more to go on from than that.
            is_whole = result.outcome is Outcome.SUCCEEDED and not attempt.winding_down
            if attempt.checkpoint is not None and (attempt.has_heirs or not is_whole):
                result = replace(result, checkpoint=attempt.checkpoint)
            self.fill(now)
            # Nobody waits for one result of many, as long as there is enough to do here. What is `exclusive`
            # may not be repeated if this machine goes down.
            has_more = self._attempts.count(Phase.HELD) >= self.open_slots
            self._outbox.add(result, now, soon=has_more and not attempt.is_exclusive and not self.is_ending)
            self._owner.leave_no_warmth()

    def checkpoint_stored(self, job: str, checkpoint: Checkpoint, now: float) -> None:
        """Take in that a running attempt stored a checkpoint: heartbeats tell HQ while it runs."""
        attempt = self._attempts.get((job, checkpoint.token))
        if attempt is not None:
            attempt.checkpoint = checkpoint
            self._heartbeats.changed(now)

    def stopped(self, job: str, token: int, now: float, why: str = "") -> None:
        """Take in that an attempt was stopped, or could not begin for `why`, and left no result."""
        attempt = self._attempts.discard((job, token))
        self._owner.leave_no_warmth()
        if attempt is not None and (attempt.stopping_why or why):
            why = attempt.stopping_why or why
            self._returns.interrupted(attempt.key, why, attempt.checkpoint)
        self._heartbeats.changed(now)
        self.fill(now)

    def worker_ready(self, job: str, token: int, now: float) -> None:
        """Take in that a service's worker takes calls."""
        attempt = self._attempts.get((job, token))
        if attempt is not None and attempt.phase is Phase.RUNNING and not attempt.ready:
            attempt.ready = True
            self._heartbeats.changed(now)
