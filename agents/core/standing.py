"""What this agent claims ahead: the next jobs that fit, at most so many, with every heartbeat.

A grant on it names the heartbeat by its nonce, and the lease counts from when
that one was sent, as it does from the sending of an ordinary claim.
"""

from collections.abc import Callable

from msgspec import Struct

from agents.core.timing import STANDING_SECONDS
from schemas.messages import StandingClaim

#: More than HQ can grant until the next heartbeat.
GRANTS_AT_MOST = 4096
_NONCE_DIGITS = 24
#: How many are remembered, the latest: heartbeats are at least half a second apart.
_REMEMBERED = 64


class _Sent(Struct):
    claim: StandingClaim
    sent_at: float
    used: set[str]


class StandingClaims:
    """The standing claims of one boot. Times are on the agent's suspend-aware clock.

    Args:
        make_nonce: Returns 128 random bits as hex.
    """

    def __init__(self, make_nonce: Callable[[], str]) -> None:
        self._make_nonce = make_nonce
        self._sent: dict[str, _Sent] = {}

    def make(self, epoch: int, now: float) -> StandingClaim:
        """Return a claim for the heartbeat that is sent now."""
        claim = StandingClaim(epoch, self._make_nonce()[-_NONCE_DIGITS:], GRANTS_AT_MOST)
        self._sent[claim.nonce] = _Sent(claim, now, set())
        if len(self._sent) > _REMEMBERED:
            del self._sent[next(iter(self._sent))]
        return claim

    def take(self, nonce: str, now: float) -> float | None:
        """Use up what a grant with this nonce stands on, and return when that was claimed.

        None if it stands on nothing of ours. Each nonce is good once, and not after
        `STANDING_SECONDS`: much of the lease must be left.
        """
        sent = self._sent.get(nonce[:_NONCE_DIGITS])
        if sent is None or now - sent.sent_at > STANDING_SECONDS:
            return None
        if nonce in sent.used or int(nonce[_NONCE_DIGITS:], 16) >= sent.claim.count:
            return None
        sent.used.add(nonce)
        return sent.sent_at

    def drop(self) -> None:
        """Claim nothing ahead any more: grants that are on their way are handed back."""
        self._sent.clear()
