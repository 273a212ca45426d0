"""An agent's core under messages that are almost right: it never raises, and begins no claim twice.

What arrives goes the way of the wire: bytes, `route`, the core; what the core
wants sent must be what HQ's side of the wire accepts.
"""

import json
import random
from collections import Counter
from itertools import count
from typing import Any

import pytest

from agents.core.effects import Send, Start
from agents.core.heartbeats import REMEMBERED
from bus import topics
from bus.codec import encode
from bus.port import Inbound, Refusal
from bus.router import route
from bus.topics import Topic
from schemas.facts import GuestState
from schemas.messages import (
    Ack,
    Denial,
    Grant,
    Grants,
    HqState,
    Offer,
    Offers,
    Order,
    ResultAck,
)
from schemas.specs import JobSpec, ScriptRef
from schemas.states import Command, Phase
from tests.fuzz.mutations import mutate, spoil
from tests.unit.agents.core.small_agent import BOOT, EPOCH, NAME, SmallAgent, key, result

MESSAGES = 1_250
SLOTS = 3


class Attack:
    """One agent, and an HQ that is almost right."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.agent = SmallAgent(slots=SLOTS)
        self.refused: Counter[str] = Counter()
        self.heard = 0
        self._ids = count(1)
        self._looked_at = 0
        self._begun: set[tuple[str, int, str]] = set()

    def message(self) -> tuple[Topic, Any]:
        """Return something that HQ could well say now."""
        draw, agent = self.draw, self.agent
        keys = [key(draw.randrange(40)) for _ in range(draw.choice((1, 1, 2, 5)))]
        # An agent follows the newest epoch that it ever heard of, also a mistaken one.
        epoch = min(max(EPOCH, agent.core.epoch) + draw.choice((0,) * 20 + (-1, 1)), 2**33)
        held = list(agent.core.attempts) or keys
        claims = {(claim.job, claim.token): claim.nonce for claim in agent.claims()[-50:]}
        match draw.randrange(6):
            case 0 | 1:
                return topics.OFFER, Offers(epoch, tuple(Offer(*k) for k in keys))
            case 2 | 3:
                spec = JobSpec(ScriptRef("0" * 64, "train.py"), {"x": 1}, exclusive=draw.random() < 0.3)
                grants = tuple(
                    Grant(*k, NAME, BOOT, claims.get(k, "f" * 32), 30.0, spec)
                    for k in {**claims, **dict.fromkeys(keys)}
                )
                return topics.GRANT, Grants(epoch, grants[:9], (Denial(*keys[0], "f" * 32, "no"),))
            case 4:
                seq = draw.choice((None, *[beat.seq for beat in agent.heartbeats()[-3:]]))
                orders = tuple(Order(*k, draw.choice(list(Command))) for k in held[:5])
                acks = tuple(ResultAck(*k, "accepted") for k in draw.sample(held, 1))
                return topics.ACK, Ack(epoch, BOOT, seq, orders, acks, draw.choice(("", "", "two machines")))
            case _:
                return topics.HQ_STATE, HqState(draw.random() < 0.9, epoch, "1", "https://hq", 3)

    def send(self) -> None:
        """Deliver one message, mostly with something wrong in it."""
        topic, data = self.message()
        payload = encode(topic, data, message_id=f"m{next(self._ids)}", source="hq")
        pick = self.draw.random()
        if pick < 0.6:
            envelope = json.loads(payload)
            envelope["data"] = mutate(envelope["data"], self.draw)
            payload = json.dumps(envelope).encode("utf-8", "replace")
        elif pick < 0.7:
            payload = spoil(payload, self.draw)
        name = topic.of(**({} if topic is topics.HQ_STATE else {"agent": NAME}))
        arrived = route(name, payload)
        if isinstance(arrived, Refusal):
            self.refused[arrived.reason] += 1
            return
        self.heard += 1
        self.live_on(arrived)

    def live_on(self, message: Inbound) -> None:
        """Let the agent take it in, and its scripts end."""
        agent, draw = self.agent, self.draw
        agent.core.hear(message, agent.now)
        agent.step()
        for attempt in agent.core.attempts.of(Phase.RUNNING):
            pick = draw.random()
            if pick < 0.1:
                agent.core.run_ended(result(attempt.key), agent.now)
            elif pick < 0.15:
                agent.core.run_stopped(*attempt.key, agent.now)
        if draw.random() < 0.02:
            agent.core.set_guest(GuestState(draw.random() < 0.7, "the owner is back"), agent.now)
        agent.disk_full = draw.random() < 0.1
        agent.wait(draw.choice((0.01, 0.1, 0.5, 3.0)))
        self.check()

    def check(self) -> None:
        agent = self.agent
        assert agent.core.attempts.count(Phase.RUNNING) <= SLOTS + sum(
            attempt.ended for attempt in agent.core.attempts.of(Phase.RUNNING)
        )
        assert agent.core.next_wake(agent.now) >= 0
        for effect in agent.effects[self._looked_at :]:
            if isinstance(effect, Start):
                begun = (effect.grant.job, effect.grant.token, effect.grant.nonce)
                assert begun not in self._begun, "I5: one claim begun twice"
                self._begun.add(begun)
            elif isinstance(effect, Send):
                payload = encode(effect.topic, effect.data, message_id="m", source=NAME)
                assert isinstance(route(effect.topic.of(agent=NAME), payload), Inbound)
        if len(agent.effects) > 400:
            del agent.effects[:200]
        self._looked_at = len(agent.effects)


@pytest.mark.parametrize("seed", range(8))
def test_no_message_stops_an_agent_or_makes_it_begin_twice(seed: int) -> None:
    attack = Attack(seed)

    for _ in range(MESSAGES):
        attack.send()

    assert attack.heard > MESSAGES / 4, "most of what was sent must get past the wire"
    assert attack.refused["bad_data"] > MESSAGES / 20
    assert attack._begun, "the attack never let anything begin"
    # Forty jobs were ever named rightly; what else was claimed is forgotten in time.
    attack.agent.disk_full = False
    attack.agent.wait(60)
    assert len(attack.agent.core._taking._claims) == 0
    assert len(attack.agent.core._heartbeats._listed) <= REMEMBERED
    assert not attack.agent.core._outbox._unwritten
