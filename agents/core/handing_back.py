"""What goes back to HQ unrun: offers that are declined, grants that come too late or must make room."""

from agents.core.attempts import AttemptKey, Attempts, Held
from agents.core.effects import Effect, Send
from agents.core.heartbeats import Heartbeats
from agents.core.timing import HELD_SECONDS
from bus import topics
from schemas.facts import Checkpoint
from schemas.messages import Decline, Declines
from schemas.states import Phase


class HandingBack:
    """The declines of one boot, which go out together.

    Args:
        attempts: The agent's: what is handed back goes out of them.
        heartbeats: Told that the attempts changed.
    """

    def __init__(self, boot: int, attempts: Attempts, heartbeats: Heartbeats) -> None:
        self._boot, self._attempts, self._heartbeats = boot, attempts, heartbeats
        self._declines: list[Decline] = []

    def decline(self, key: AttemptKey, why: str, *, unwilling: bool = False) -> None:
        """Decline what was offered or granted and is no attempt here."""
        self._declines.append(Decline(*key, why, unwilling=unwilling))

    def interrupted(self, key: AttemptKey, why: str, checkpoint: Checkpoint | None) -> None:
        """Hand back what had begun and is to go on elsewhere."""
        self._declines.append(Decline(*key, why, interrupted=True, checkpoint=checkpoint))

    def hand_back(self, attempt: Held, why: str, now: float) -> None:
        """Hand back an attempt that has not begun."""
        self._attempts.discard(attempt.key)
        self.decline(attempt.key, why)
        self._heartbeats.changed(now)

    def hand_back_waiting(self, why: str, now: float) -> None:
        """Hand back all that have not begun."""
        for attempt in self._attempts.of(Phase.HELD):
            self.hand_back(attempt, why, now)

    def hand_back_late(self, now: float) -> None:
        """Hand back what has waited for a slot too long."""
        oldest = self._attempts.first(Phase.HELD)
        # A lease outlasts `HELD_SECONDS`: claims that are answered too late for that are dropped.
        if oldest is None or now - oldest.granted_at < HELD_SECONDS:
            return
        for attempt in self._attempts.of(Phase.HELD):
            if now >= attempt.lease_until:
                self.hand_back(attempt, "its lease ended before a slot was free", now)
            elif now - attempt.granted_at >= HELD_SECONDS:
                self.hand_back(attempt, "no slot became free soon", now)

    def take_effects(self) -> list[Effect]:
        """Return what is to be sent for it, and forget it."""
        if not self._declines:
            return []
        declines, self._declines = tuple(self._declines), []
        return [Send(topics.DECLINE, Declines(self._boot, declines))]
