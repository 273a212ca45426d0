"""An agent's core with a clock in the test's hand: what it heard, and what it wants done."""

from collections.abc import Callable
from itertools import count
from typing import Any

from agents.core.agent import AgentCore
from agents.core.effects import Effect, Send, Spool, Start, Stop, Unspool, WindDown
from bus import topics
from bus.port import Inbound
from bus.topics import Topic
from schemas.facts import AttemptResult, MachineFacts
from schemas.messages import (
    Ack,
    Claim,
    Decline,
    Denial,
    Grant,
    Grants,
    Heartbeat,
    HqState,
    Offer,
    Offers,
    Order,
    ResultAck,
)
from schemas.specs import JobSpec, ScriptRef
from schemas.states import Command, Outcome

EPOCH = 7
BOOT = 3
NAME = "attic"
FACTS = MachineFacts(cores=4, labels=("cuda",))
Key = tuple[str, int]


def key(number: int = 1) -> Key:
    """Return the key of an attempt."""
    return f"j{number:012d}".translate(str.maketrans("0189", "abcd")), EPOCH * 2**20 + 1


def result(of: Key) -> AttemptResult:
    """Return a success of an attempt."""
    return AttemptResult(*of, Outcome.SUCCEEDED, 0, {})


class SmallAgent:
    """One boot of an agent. `step` is a round of its loop with a spool that works or not."""

    def __init__(self, slots: int = 1, spooled: tuple[AttemptResult, ...] = (), draw: float = 0.5) -> None:
        self.now = 1000.0
        self.spool = {(r.job, r.token): r for r in spooled}
        self.disk_full = False
        self.effects: list[Effect] = []
        self._nonces = count(1)
        #: Why the owner's rules do not let a script run, "" when they do.
        self.judge: Callable[[Grant], str] = lambda _grant: ""
        self.core = AgentCore(
            name=NAME,
            judge=lambda grant: self.judge(grant),
            boot=BOOT,
            instance="a" * 32,
            slots=slots,
            facts=FACTS,
            spooled=list(spooled),
            now=self.now,
            draw=lambda: draw,
            make_nonce=lambda: f"{next(self._nonces):032x}",
        )

    # --- in -------------------------------------------------------------------------

    def hear(self, topic: Topic, data: Any) -> None:
        """Deliver a message from HQ, then go a round."""
        self.core.hear(Inbound(topic, {"agent": NAME}, "m", data), self.now)
        self.step()

    def offer(self, *keys: Key, epoch: int = EPOCH) -> None:
        """Deliver offers."""
        self.hear(topics.OFFER, Offers(epoch, tuple(Offer(*k) for k in keys)))

    def grant(
        self,
        of: Key,
        nonce: str | None = None,
        boot: int = BOOT,
        epoch: int = EPOCH,
        **spec: Any,
    ) -> None:
        """Deliver the grant for the latest claim of an attempt."""
        nonce = nonce or [claim.nonce for claim in self.claims() if (claim.job, claim.token) == of][-1]
        job = JobSpec(ScriptRef("0" * 64, "train.py"), **spec)
        self.hear(topics.GRANT, Grants(epoch, (Grant(*of, NAME, boot, nonce, 30.0, job),)))

    def deny(self, of: Key, nonce: str) -> None:
        """Deliver a denial."""
        self.hear(topics.GRANT, Grants(EPOCH, (), (Denial(*of, nonce, "no"),)))

    def ack(
        self,
        *orders: tuple[Key, Command],
        seq: int | None = None,
        results: tuple[Key, ...] = (),
        epoch: int = EPOCH,
        boot: int = BOOT,
        refused: str = "",
    ) -> None:
        """Deliver an answer of HQ."""
        acks = tuple(ResultAck(*of, "accepted") for of in results)
        sent = tuple(Order(*of, command) for of, command in orders)
        self.hear(topics.ACK, Ack(epoch, boot, seq, sent, acks, refused))

    def lead(self, epoch: int = EPOCH, agents: int = 1, *, online: bool = True, rest: str = "") -> None:
        """Deliver HQ's state."""
        self.hear(topics.HQ_STATE, HqState(online, epoch, "1", rest, agents))

    def run(self, of: Key, **spec: Any) -> None:
        """Offer and grant an attempt."""
        self.offer(of)
        self.grant(of, **spec)

    def end(self, *ended: Key) -> None:
        """Let scripts end with success."""
        for of in ended:
            self.core.run_ended(result(of), self.now)
        self.step()

    def stopped(self, of: Key) -> None:
        """Let the runner report that an attempt is gone."""
        self.core.run_stopped(*of, self.now)
        self.step()

    # --- time -----------------------------------------------------------------------

    def step(self) -> None:
        """Do what is due and what it brings, as the loop does."""
        self.core.tick(self.now)
        while effects := self.core.take_effects():
            self.effects.extend(effects)
            results = [effect.result for effect in effects if isinstance(effect, Spool)]
            for effect in effects:
                if isinstance(effect, Unspool):
                    self.spool.pop((effect.job, effect.token), None)
            if results:
                if not self.disk_full:
                    self.spool.update({(r.job, r.token): r for r in results})
                self.core.spooled(results, self.now, "the disk is full" if self.disk_full else "")
                self.core.tick(self.now)

    def wait(self, seconds: float) -> None:
        """Let time pass as the loop does: it wakes when something is due."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + max(0.001, self.core.next_wake(self.now)))
            self.step()

    # --- out ------------------------------------------------------------------------

    def forget(self) -> None:
        """Forget what was wanted so far."""
        self.effects.clear()

    def of(self, kind: type[Any]) -> list[Any]:
        """Return the effects of one type."""
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def sent(self, topic: Topic) -> list[Any]:
        """Return what was published on one topic."""
        return [effect.data for effect in self.of(Send) if effect.topic is topic]

    def heartbeats(self) -> list[Heartbeat]:
        return self.sent(topics.HEARTBEAT)

    def claims(self) -> list[Claim]:
        return [claim for message in self.sent(topics.CLAIM) for claim in message.claims]

    def declines(self) -> list[Decline]:
        return [decline for message in self.sent(topics.DECLINE) for decline in message.declines]

    def delivered(self) -> list[AttemptResult]:
        return [one for message in self.sent(topics.RESULT) for one in message.results]

    def started(self) -> list[Key]:
        return [(effect.grant.job, effect.grant.token) for effect in self.of(Start)]

    def stops(self) -> list[tuple[Key, bool]]:
        return [((effect.job, effect.token), effect.at_once) for effect in self.of(Stop)]

    def winding_down(self) -> list[Key]:
        return [(effect.job, effect.token) for effect in self.of(WindDown)]
