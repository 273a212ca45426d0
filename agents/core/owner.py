"""What the owner's policy means for each attempt, and what heartbeats say of it. Pure."""

from agents.core.attempts import Held
from agents.core.effects import Effect, Freeze, Vacate
from agents.guest.decision import Decision
from schemas.facts import GuestState


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
