"""What this agent has claimed and was not answered yet: jobs that it was offered, and what it claims ahead.

Knows no attempts and no rules: whether to claim is decided elsewhere.
"""

from collections.abc import Callable
from itertools import islice

from agents.core.attempts import AttemptKey, Claimed
from agents.core.standing import StandingClaims
from agents.core.timing import CLAIM_SECONDS
from schemas.messages import Claim, Denial, Grant, Offer, StandingClaim


class Claiming:
    """The open claims of one boot. Times are on the agent's suspend-aware clock.

    Args:
        make_nonce: Returns 128 random bits as hex.
    """

    def __init__(self, make_nonce: Callable[[], str]) -> None:
        self._make_nonce = make_nonce
        self._claims: dict[AttemptKey, Claimed] = {}
        self._ahead = StandingClaims(make_nonce)

    def __len__(self) -> int:
        return len(self._claims)

    def __contains__(self, key: AttemptKey) -> bool:
        return key in self._claims

    def claim(self, offer: Offer, now: float) -> Claim:
        """Return the claim of an offered job, and remember it."""
        nonce = self._make_nonce()
        self._claims[offer.job, offer.token] = Claimed(nonce, now)
        return Claim(offer.job, offer.token, nonce)

    def claim_ahead(self, epoch: int, now: float) -> StandingClaim:
        """Return the claim of what fits next, for the heartbeat that is sent now."""
        return self._ahead.make(epoch, now)

    def denied(self, denial: Denial) -> None:
        """Forget a claim that HQ denies; a denial of another claim changes nothing."""
        claim = self._claims.get((denial.job, denial.token))
        if claim is not None and claim.nonce == denial.nonce:
            del self._claims[denial.job, denial.token]

    def answered(self, grant: Grant, now: float) -> tuple[float | None, bool]:
        """Use up the claim that a grant answers.

        Returns:
            When it was sent, None if there is none with that nonce; and whether it was claimed ahead.
        """
        claim = self._claims.pop((grant.job, grant.token), None)
        if claim is None:
            return self._ahead.take(grant.nonce, now), True
        return (claim.sent_at if claim.nonce == grant.nonce else None), False

    def drop_ahead(self) -> None:
        """Claim nothing ahead any more: grants on that are handed back."""
        self._ahead.drop()

    def drop(self) -> list[AttemptKey]:
        """Claim nothing any more, and return what was offered and claimed."""
        keys = list(self._claims)
        self._claims.clear()
        self._ahead.drop()
        return keys

    def drop_old(self, now: float) -> None:
        """Forget claims that were not answered in time."""
        for key, claim in list(self._claims.items()):
            if now - claim.sent_at <= CLAIM_SECONDS:
                return
            del self._claims[key]

    def times_out_at(self) -> list[float]:
        """Return when the oldest claim is too old, nothing when there is none."""
        return [claim.sent_at + CLAIM_SECONDS for claim in islice(self._claims.values(), 1)]
