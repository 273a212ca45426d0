"""Whether this agent believes that whoever calls itself HQ is HQ: for a while it may not."""

from agents.core.timing import DOUBT_SECONDS


class Doubt:
    """Why nothing is taken from HQ, and until when. Times are on the agent's clock."""

    def __init__(self) -> None:
        #: "" while there is none.
        self.why = ""
        self._until = 0.0

    def begin(self, why: str, now: float) -> None:
        """Doubt from now on, for a while."""
        self.why, self._until = why, now + DOUBT_SECONDS

    def end(self) -> None:
        """Doubt no more."""
        self.why = ""

    def ends_now(self, now: float) -> bool:
        """Tell whether it has just ended by itself."""
        if not self.why or now < self._until:
            return False
        self.why = ""
        return True

    def ends_at(self) -> list[float]:
        """Return when it ends, nothing when there is none."""
        return [self._until] if self.why else []
