"""Results that HQ has not acknowledged: when each is to be sent (again)."""

import math

from msgspec import Struct

from agents.core.attempts import AttemptKey
from agents.core.timing import RESEND_FIRST_SECONDS, RESEND_LONGEST_SECONDS
from schemas.facts import AttemptResult


class Undelivered(Struct):
    """A result that HQ has not acknowledged."""

    result: AttemptResult
    next_send: float
    tries: int = 0

    def note_sent(self, now: float) -> None:
        """Set the time of the next try: 1, 2, 4 ... 30 s later."""
        wait = min(RESEND_LONGEST_SECONDS, RESEND_FIRST_SECONDS * 2.0 ** min(self.tries, 10))
        self.tries += 1
        self.next_send = now + wait


class Deliveries:
    """All of them, by attempt. Times are on the agent's suspend-aware clock."""

    def __init__(self) -> None:
        self._waiting: dict[AttemptKey, Undelivered] = {}
        #: Nothing is due before: not later than the true time, corrected when it is reached.
        self.next_due = math.inf

    def add(self, result: AttemptResult, send_at: float) -> None:
        """Deliver a result, from `send_at` on."""
        self._waiting[result.job, result.token] = Undelivered(result, send_at)
        self.next_due = min(self.next_due, send_at)

    def settle(self, key: AttemptKey) -> bool:
        """Forget a result that HQ has; tell whether it was waiting."""
        return self._waiting.pop(key, None) is not None

    def hurry(self, send_at: float) -> None:
        """Send everything anew from `send_at` on: HQ may have missed all of it."""
        for waiting in self._waiting.values():
            waiting.next_send = min(waiting.next_send, send_at)
            waiting.tries = 0
        if self._waiting:
            self.next_due = min(self.next_due, send_at)

    def take_due(self, now: float) -> list[AttemptResult]:
        """Return what is to be sent now; it is due again later, unless HQ has it by then."""
        if now < self.next_due:
            return []
        due = [waiting for waiting in self._waiting.values() if waiting.next_send <= now]
        for waiting in due:
            waiting.note_sent(now)
        self.next_due = min((waiting.next_send for waiting in self._waiting.values()), default=math.inf)
        return [waiting.result for waiting in due]
