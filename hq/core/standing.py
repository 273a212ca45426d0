"""Claims sent ahead: what an agent's last heartbeat lets HQ grant it without an offer.

A heartbeat's standing claim takes the place of the one before, so that a grant
always tells the agent which of its heartbeats the lease counts from. What is
used up is known to one HQ process only; hence the claim names that HQ's epoch.
"""

from msgspec import Struct

from hq.core.timing import STANDING_SECONDS
from schemas.messages import StandingClaim


class Standing(Struct):
    """One standing claim as HQ heard it."""

    claim: StandingClaim
    heard_at: float
    used: int = 0

    def is_good(self, epoch: int, now: float) -> bool:
        """Tell whether HQ of this epoch may still grant something on it."""
        return (
            self.claim.epoch == epoch
            and self.used < self.claim.count
            and now - self.heard_at <= STANDING_SECONDS
        )

    def use(self) -> str:
        """Return the nonce of the next grant. No nonce is returned twice."""
        self.used += 1
        return self.claim.nonce_of(self.used - 1)
