"""The attempts, claims and undelivered results that an agent holds."""

from msgspec import Struct, field

from agents.core.timing import LEASE_SECONDS, RESEND_FIRST_SECONDS, RESEND_LONGEST_SECONDS
from schemas.facts import AttemptResult
from schemas.messages import Grant
from schemas.states import Phase

AttemptKey = tuple[str, int]


class Claimed(Struct, frozen=True):
    """A claim that waits for its grant."""

    nonce: str
    sent_at: float


class Held(Struct):
    """One attempt that this agent was granted. Times are on its suspend-aware clock."""

    key: AttemptKey
    phase: Phase
    granted_at: float
    lease_until: float
    grant: Grant | None = None
    #: It is being ended: for HQ's order ("") or for a reason to tell HQ.
    stopping: bool = False
    stopping_why: str = ""
    winding_down: bool = False

    @property
    def is_exclusive(self) -> bool:
        return self.grant is not None and self.grant.spec.exclusive


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


class Sent(Struct):
    """When heartbeats were sent, and what they listed: leases count from there."""

    seqs: dict[int, tuple[float, frozenset[AttemptKey]]] = field(default_factory=dict)

    def note(self, seq: int, now: float, keys: frozenset[AttemptKey]) -> None:
        """Remember the latest 32 heartbeats."""
        self.seqs[seq] = (now, keys)
        self.seqs.pop(seq - 32, None)

    def lease_until(self, seq: int | None, key: AttemptKey) -> float | None:
        """Return how far an answer to heartbeat `seq` extends the lease, or None if it does not."""
        if seq is None or seq not in self.seqs:
            return None
        sent_at, keys = self.seqs[seq]
        return sent_at + LEASE_SECONDS if key in keys else None
