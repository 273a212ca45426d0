"""An agent's core under thousands of messages in HQ's name that are almost right.

They travel as bytes through `route`, as on the wire. Whatever they say: no
exception, never more scripts than slots, nothing run that was not claimed, and
what was refused changes nothing.
"""

import json
import random
from typing import Any

import msgspec
import pytest

from agents.core.effects import Start
from bus import topics
from bus.codec import encode
from bus.port import Inbound, Refusal
from bus.router import route
from bus.topics import Topic
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
from schemas.states import Command
from tests.fuzz.digest import digest
from tests.fuzz.mutations import mutate, spoil
from tests.unit.agents.core.small_agent import BOOT, EPOCH, NAME, Key, SmallAgent, key

MESSAGES = 1_500
SLOTS = 3
#: What a refusal may change: the count of refusals.
COUNTERS = ("rejected", "_rejected")


class FuzzedAgent(SmallAgent):
    """An agent that hears bytes."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.heard = self.refused = self.run_count = 0
        self.begin()

    def begin(self) -> None:
        """Start anew: after an epoch of the far future an agent waits for an HQ that is further still."""
        super().__init__(slots=SLOTS)
        self.claimed: list[tuple[str, int, str]] = []

    def hear_bytes(self, name: str, payload: bytes) -> None:
        """Deliver what the broker would."""
        message = route(name, payload)
        if isinstance(message, Inbound):
            self.heard += 1
            self.core.hear(message, self.now)
        else:
            assert isinstance(message, Refusal)
            self.refused += 1
            before = digest(self.core, without=COUNTERS)
            self.core.refuse(message, self.now)
            assert digest(self.core, without=COUNTERS) == before, message
        self.step()
        self.check()

    def check(self) -> None:
        """Check what must always hold, and forget what was wanted."""
        self.claimed += [(claim.job, claim.token, claim.nonce) for claim in self.claims()]
        for effect in self.effects:
            if isinstance(effect, Start):
                grant = effect.grant
                assert (grant.agent, grant.boot) == (NAME, BOOT)
                assert (grant.job, grant.token, grant.nonce) in self.claimed
                self.run_count += 1
        self.forget()

    def make_message(self) -> tuple[Topic, dict[str, str], Any]:
        """Return something that HQ could say just now."""
        draw, core = self.random, self.core
        epoch = max(core.epoch, EPOCH) + draw.choice((0, 0, 0, 0, 0, 0, -1, 1))
        held: list[Key] = list(core.attempts) or [key(1)]
        token = max(epoch, 1) * 2**20 + draw.randrange(1, 9)
        offered = [(key(draw.randrange(1, 400))[0], token) for _ in range(draw.randrange(1, 4))]
        claims = self.claimed[-4:] or [(*key(1), "0" * 32)]
        job = JobSpec(ScriptRef("0" * 64, "train.py"), exclusive=draw.random() < 0.2)
        grants = tuple(Grant(*claim[:2], NAME, BOOT, claim[2], 30.0, job) for claim in draw.sample(claims, 1))
        orders = tuple(Order(*of, draw.choice(list(Command))) for of in held[:3])
        acks = tuple(ResultAck(*of, draw.choice(("accepted", "superseded"))) for of in held[:2])
        said: list[tuple[Topic, Any]] = [
            (topics.OFFER, Offers(epoch, tuple(Offer(*of) for of in offered))),
            (topics.GRANT, Grants(epoch, grants)),
            (topics.GRANT, Grants(epoch, (), (Denial(*claims[-1], "no"),))),
            (topics.ACK, Ack(epoch, BOOT, draw.randrange(40), orders, acks)),
            (topics.ACK, Ack(epoch, BOOT, None, orders, ())),
            (topics.HQ_STATE, HqState(draw.random() < 0.9, epoch, "1", "http://127.0.0.1:1", 3)),
        ]
        topic, data = draw.choice(said)
        return topic, {} if topic is topics.HQ_STATE else {"agent": NAME}, data

    def fuzz_once(self) -> None:
        """Deliver one message, as it should be or not, and let something happen here."""
        draw = self.random
        if self.core.epoch > EPOCH + 40:
            self.begin()
        topic, names, data = self.make_message()
        plain = msgspec.to_builtins(data)
        how = draw.random()
        if how < 0.5:
            plain = mutate(plain, draw)
        try:
            payload = encode(topic, plain, message_id="f", source="hq")
        except (UnicodeEncodeError, OverflowError, ValueError):
            whole = {"specversion": "1.0", "id": "f", "source": "s", "type": topic.type, "data": plain}
            payload = json.dumps(whole).encode()
        self.hear_bytes(topic.of(**names), spoil(payload, draw) if how > 0.92 else payload)
        match draw.randrange(12):
            case 0:
                self.wait(draw.choice((0.1, 2.0, 11.0)))
            case 1 if len(self.core.attempts):
                of = draw.choice(list(self.core.attempts))
                self.end(of)
            case 2 if len(self.core.attempts):
                self.stopped(draw.choice(list(self.core.attempts)))
            case 3:
                self.disk_full = not self.disk_full
        self.check()


@pytest.mark.parametrize(
    "seed", [*range(5), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(5, 65))]
)
def test_no_message_in_hqs_name_stops_an_agent(seed: int) -> None:
    agent = FuzzedAgent(seed)

    for _ in range(MESSAGES):
        agent.fuzz_once()

    assert agent.heard > MESSAGES / 3
    assert agent.refused > MESSAGES / 20
    assert agent.run_count > 20, "too little happened to prove anything"
