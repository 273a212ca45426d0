"""When the next heartbeat is due, what those sent listed, and whether HQ has this machine's facts.

Leases count from the heartbeat that listed the attempt: RELIABILITY I3. Knows
nothing of attempts but their keys.
"""

from collections.abc import Callable

from agents.core.attempts import AttemptKey
from agents.core.timing import CHANGE_SECONDS, HEARTBEAT_SECONDS, LEASE_SECONDS

#: How many heartbeats are remembered, the latest.
REMEMBERED = 32
#: Before HQ knows this boot nothing can begin: ask again soon.
_UNKNOWN_SECONDS = 1.0


class Heartbeats:
    """The heartbeats of one boot.

    Args:
        now: On the agent's clock, in seconds; the first heartbeat is due then.
        draw: Returns a random number from 0 up to 1, for jitter.
    """

    def __init__(self, now: float, draw: Callable[[], float]) -> None:
        self.due_at = now
        self._draw = draw
        self._seq = -1
        self._sent_at = now - HEARTBEAT_SECONDS
        self._listed: dict[int, tuple[float, frozenset[AttemptKey]]] = {}
        #: Heartbeats from this number on carry the facts, until HQ answers one of them.
        self._facts_from: int | None = 0

    @property
    def carry_facts(self) -> bool:
        """Tell whether the next heartbeat is to say what this machine is."""
        return self._facts_from is not None

    def tell_facts_again(self) -> None:
        """Let the heartbeats from the next one on carry the facts, until HQ answers one of them."""
        self._facts_from = self._seq + 1

    def answered(self, seq: int) -> None:
        """Take in that HQ accepted heartbeat `seq`."""
        if self._facts_from is not None and seq >= self._facts_from:
            self._facts_from = None

    def hurry(self, at: float) -> None:
        """Let the next heartbeat be due no later than `at`."""
        self.due_at = min(self.due_at, at)

    def changed(self, now: float) -> None:
        """Tell a change at once, but many in a row together."""
        self.hurry(max(now, self._sent_at + CHANGE_SECONDS))

    def send(self, keys: frozenset[AttemptKey], now: float) -> int:
        """Note that a heartbeat which lists these attempts is sent, and return its number."""
        self._seq += 1
        self._listed[self._seq] = (now, keys)
        self._listed.pop(self._seq - REMEMBERED, None)
        self._sent_at = now
        every = _UNKNOWN_SECONDS if self.carry_facts else HEARTBEAT_SECONDS
        self.due_at = now + every * (0.9 + 0.1 * self._draw())
        return self._seq

    def lease_until(self, seq: int | None, key: AttemptKey) -> float | None:
        """Return how far an answer to heartbeat `seq` extends the lease, or None if it does not."""
        if seq is None or seq not in self._listed:
            return None
        sent_at, keys = self._listed[seq]
        return sent_at + LEASE_SECONDS if key in keys else None

    def sent_at(self, seq: int) -> float | None:
        """Return when heartbeat `seq` was sent, or None if it is forgotten or was not sent yet."""
        return self._listed[seq][0] if seq in self._listed else None
