"""What is taken from HQ: offers are claimed and grants are held; what is not, goes back with the reason.

Grants that nobody we trust has signed mean that HQ is another one than we
know, or that somebody plays HQ: for a while nothing is taken then. Times are
on the agent's suspend-aware clock.
"""

from collections import Counter
from collections.abc import Callable

from agents.core.attempts import Attempts, Held
from agents.core.claiming import Claiming
from agents.core.doubt import Doubt
from agents.core.effects import Effect, Send
from agents.core.handing_back import HandingBack
from agents.core.heartbeats import Heartbeats
from agents.core.outbox import Outbox
from agents.core.owner import Owner
from agents.core.running import Running
from agents.core.timing import LEASE_SECONDS, PREFETCH_LIMIT
from bus import topics
from schemas.messages import Claim, Claims, Denial, Grant, Offer, StandingClaim
from schemas.states import Phase


class Taking:
    """The claims of one boot and what comes of them.

    Args:
        name: As in the agent's certificate: grants for others are refused.
        judge: Returns why the owner's rules do not let a granted script run, "" when they do.
        make_nonce: Returns 128 random bits as hex, for claims.
        rejected: Counts what came in HQ's name and was refused, by reason.
        emit: Takes what is to be done.
    """

    def __init__(
        self,
        name: str,
        boot: int,
        *,
        judge: Callable[[Grant], str],
        make_nonce: Callable[[], str],
        rejected: Counter[str],
        attempts: Attempts,
        heartbeats: Heartbeats,
        returns: HandingBack,
        outbox: Outbox,
        owner: Owner,
        running: Running,
        emit: Callable[[Effect], None],
    ) -> None:
        self._name, self._boot, self._judge = name, boot, judge
        self._claims = Claiming(make_nonce)
        self._doubt = Doubt()
        self._rejected = rejected
        self._attempts, self._heartbeats, self._returns = attempts, heartbeats, returns
        self._outbox, self._owner, self._running = outbox, owner, running
        self._emit = emit

    @property
    def trouble(self) -> str:
        """Return what is wrong with this machine, or with HQ as it sees it; "" when nothing is."""
        return self._outbox.trouble or self._doubt.why

    def why_not(self) -> str:
        """Return why nothing can be taken now, "" when something can."""
        if self.trouble:
            return self.trouble
        if why := self._owner.why_not(needs_gpu=False):
            return why
        waiting = len(self._attempts) - self._attempts.count(Phase.SPOOLED) + len(self._claims)
        waiting -= sum(attempt.serves for attempt in self._attempts.of(Phase.RUNNING))
        return "all slots are busy" if waiting >= self._running.open_slots * (1 + PREFETCH_LIMIT) else ""

    def claim(self, offers: tuple[Offer, ...], now: float) -> None:
        """Claim the offered jobs that can be taken, and decline the others."""
        claims: list[Claim] = []
        for offer in offers:
            key = (offer.job, offer.token)
            if key in self._attempts or key in self._claims:
                continue
            why = self.why_not()
            if why:
                self._returns.decline(key, why)
                continue
            claims.append(self._claims.claim(offer, now))
        if claims:
            self._emit(Send(topics.CLAIM, Claims(self._boot, tuple(claims))))

    def claim_ahead(self, epoch: int, now: float) -> StandingClaim | None:
        """Return a claim of what fits next, None if nothing can be taken or HQ is not known yet."""
        return self._claims.claim_ahead(epoch, now) if epoch > 0 and not self.why_not() else None

    def denied(self, denial: Denial) -> None:
        """Take in that HQ denies a claim."""
        self._claims.denied(denial)

    def take(self, grant: Grant, now: float) -> None:
        """Hold the attempt that a grant gives to this boot, or hand it back with the reason."""
        key = (grant.job, grant.token)
        if grant.agent != self._name or grant.boot != self._boot:
            self._rejected["another_agent" if grant.agent != self._name else "another_boot"] += 1
            return
        if key in self._attempts:
            return
        sent_at, is_ahead = self._claims.answered(grant, now)
        if sent_at is None:
            self._rejected["no_such_claim"] += 1
            self._returns.decline(key, "the claim was dropped, its answer came too late")
            return
        if is_ahead and (why := self.why_not()):
            self._returns.decline(key, why)  # things have changed since
            return
        lease_until = sent_at + LEASE_SECONDS
        if now >= lease_until:
            self._returns.decline(key, "the grant came after its lease had ended")
            return
        if why := self._judge(grant):
            self._rejected["not_allowed"] += 1
            self._returns.decline(key, why, unwilling=True)
            return
        if why := self._owner.why_not(needs_gpu=grant.spec.needs.gpus > 0):
            # Somebody came between the claim and its answer.
            self._returns.decline(key, why)
            return
        self._attempts[key] = Held(key, Phase.HELD, now, lease_until, grant)
        self._heartbeats.changed(now)

    def doubt(self, detail: str, now: float) -> None:
        """Take nothing for a while, and hand back what was claimed: the grants are not HQ's."""
        self._doubt.begin(f"HQ's grants are not trusted here: {detail}"[:2000], now)
        for key in self._claims.drop():
            self._returns.decline(key, self._doubt.why)
        self._heartbeats.changed(now)

    def trust(self) -> None:
        """Doubt HQ no more."""
        self._doubt.end()

    def drop(self) -> None:
        """Claim nothing any more: grants that are on their way are handed back."""
        self._claims.drop()

    def drop_ahead(self) -> None:
        """Claim nothing ahead any more: that was for another HQ."""
        self._claims.drop_ahead()

    def tick(self, now: float) -> None:
        """End a doubt and forget claims that have lasted long enough."""
        if self._doubt.ends_now(now):
            self._heartbeats.changed(now)
        self._claims.drop_old(now)

    def due_at(self) -> list[float]:
        """Return when `tick` has something to do."""
        return [*self._claims.times_out_at(), *self._doubt.ends_at()]
