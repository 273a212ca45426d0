"""What the owner lets this machine do: take jobs or not, let them run, stand still or leave."""

from collections.abc import Callable

from agents.core.attempts import Attempts, Held
from agents.core.effects import Behave, Cool, Effect, Freeze, Vacate
from agents.core.handing_back import HandingBack
from agents.core.heartbeats import Heartbeats
from agents.guest.decision import Decision
from schemas.facts import GuestState
from schemas.states import Phase


class Owner:
    """The owner's policy as it was decided last.

    Args:
        attempts: The agent's: those that run follow the policy.
        heartbeats: Told of what changed.
        returns: Takes what has not begun and may not any more.
        emit: Takes what is to be done.
    """

    def __init__(
        self,
        attempts: Attempts,
        heartbeats: Heartbeats,
        returns: HandingBack,
        emit: Callable[[Effect], None],
    ) -> None:
        self.guest = GuestState()
        self._policy = Decision()
        self._attempts, self._heartbeats, self._returns = attempts, heartbeats, returns
        self._emit = emit

    @property
    def wants_half_cores(self) -> bool:
        """Tell whether jobs may use half of the cores only."""
        return self._policy.half_cores

    def why_not(self, *, needs_gpu: bool) -> str:
        """Return why no such job may begin now, "" when one may."""
        return why_not(self.guest, needs_gpu=needs_gpu)

    def set_guest(self, guest: GuestState, now: float) -> None:
        """Take in what the policy says now."""
        if guest != self.guest:
            self.guest = guest
            self._heartbeats.changed(now)

    def follow(self, decision: Decision, preset: str, now: float, house_wish: str) -> None:
        """Let jobs stand still, go on or leave, and tell HQ at once if more than words changed."""
        before, self._policy = self._policy, decision
        if (before.half_cores, before.lowest_priority) != (decision.half_cores, decision.lowest_priority):
            self._emit(Behave(decision.half_cores, decision.lowest_priority))
        if not decision.accepting:
            self._returns.hand_back_waiting(decision.reason, now)
        if before.accepting and not decision.accepting:
            self._emit(Cool())
        for attempt in self._attempts.of(Phase.RUNNING):
            if (order := let_follow(attempt, decision)) is not None:
                self._emit(order)
        frozen = sum(attempt.frozen for attempt in self._attempts.of(Phase.RUNNING))
        guest = describe(decision, frozen=frozen, preset=preset, house_wish=house_wish)
        known, self.guest = self.guest, guest
        if before.essence != decision.essence or (
            (frozen, preset, house_wish) != (known.frozen, known.preset, known.house_wish)
        ):
            self._heartbeats.changed(now)

    def leave_no_warmth(self) -> None:
        """Hold no memory for the next script where none may begin."""
        if not self._policy.accepting:
            self._emit(Cool())


def let_follow(attempt: Held, decision: Decision) -> Effect | None:
    """Note what a running attempt is to do, and return the order; None when nothing changes for it.

    One that ends already goes on with that.
    """
    if attempt.stopping or attempt.ended:
        return None
    action, why = decision.cpu, decision.reason
    if attempt.needs_gpu:
        action, why = decision.gpu, decision.gpu_reason
    if action == "vacate":
        attempt.stopping = True
        attempt.stopping_why = f"vacated: {why}"
        attempt.leaving, attempt.frozen = True, False
        return Vacate(*attempt.key, decision.grace_seconds)
    if attempt.frozen == (action == "freeze"):
        return None
    attempt.frozen = not attempt.frozen
    return Freeze(*attempt.key, attempt.frozen)


def why_not(guest: GuestState, *, needs_gpu: bool) -> str:
    """Return why the owner lets no such job begin now, "" when one may."""
    if not guest.accepting:
        return guest.reason or "its owner lets no job run now"
    if needs_gpu and not guest.accepting_gpu:
        return guest.gpu_reason or "its owner lets no GPU job run now"
    return ""


def describe(decision: Decision, *, frozen: int, preset: str, house_wish: str) -> GuestState:
    """Return what heartbeats say of a decision."""
    return GuestState(
        accepting=decision.accepting,
        reason=decision.reason[:200],
        accepting_gpu=decision.accepting_gpu,
        gpu_reason=decision.gpu_reason[:200],
        frozen=frozen,
        preset=preset,
        house_wish=house_wish,
    )
