"""HQ and one agent with their real keys on a hub in memory: what travels is signed and checked as in a house.

HQ's side is the production registry check, the agent's side its production
trust list. What the test publishes comes from a broker that lets everybody
write everywhere: only signatures stand in the way.
"""

import json
import threading
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import msgspec

from agents.core.agent import AgentCore
from agents.loop import AgentLoop, ShutDown
from agents.runner.noop_runner import NoopRunner
from agents.spool import Spool
from agents.trust import Trust
from bus import topics
from bus.clock import suspend_aware_seconds
from bus.memory_bus import MemoryBus, MemoryHub
from bus.port import BusInput, Inbound, Refusal
from bus.signing import KeyFile
from bus.topics import DEFAULT_ROOT, Topic
from hq.trusting import HouseAuthor, Principals
from schemas.facts import MachineFacts
from schemas.messages import Claim, Grant, Grants, Offer, Offers
from schemas.specs import JobSpec, ScriptRef
from schemas.trust import FILE_NAME, TrustedAuthor, TrustList
from tests.fixtures.broker import eventually
from trust.keys import ensure_signing_key, public_hex

AGENT, OTHER = "attic", "cellar"
BOOT, EPOCH = 3, 7
JOB = "jaaaaaaaaaaaa"
TOKEN = EPOCH * 2**20 + 1
SCRIPT = ScriptRef("a" * 64, "train.py", name="train")


class Recording(NoopRunner):
    """Remembers what it was told to run."""

    def __init__(self, queue: "SimpleQueue[Any]") -> None:
        super().__init__(queue.put)
        self.began: list[Grant] = []

    def start(self, grant: Grant) -> None:
        self.began.append(grant)
        super().start(grant)


class SignedHouse:
    """A running agent, HQ's bus, and the keys of everybody.

    Args:
        folder: For keys and lists.
        checks: False plants the mistake that nobody checks anything.
    """

    def __init__(self, folder: Path, *, checks: bool = True) -> None:
        self.folder = folder
        for name in ("hq", AGENT, OTHER, "eve"):
            (folder / name).mkdir(parents=True)
            ensure_signing_key(folder / name / "sign.key")
        ensure_signing_key(folder / "house.key")
        self.registry = folder / "issued.json"
        self.enter({name: self.public(name) for name in ("hq", AGENT, OTHER)})
        self.trust(TrustList(hq=(self.public("hq"),), authors=(self.house_author(),)))

        self.hub = MemoryHub()
        self.heard: list[Inbound] = []
        self.refused: list[Refusal] = []
        self.principals = Principals(self.registry)
        self.hq = MemoryBus(
            self.hub, "hq", signer=self.key("hq"), check=self.principals.check if checks else None
        )
        for topic in (*topics.TO_HQ, topics.PRESENCE):
            self.hq.subscribe(topic)
        self.hq.start(self._hear)
        self.author = HouseAuthor.load(folder / "house.key")

        self.queue: SimpleQueue[Any] = SimpleQueue()
        self.runner = Recording(self.queue)
        rules = Trust(folder / AGENT)
        self.core = AgentCore(
            name=AGENT,
            boot=BOOT,
            instance="c" * 32,
            slots=4,
            facts=MachineFacts(),
            spooled=[],
            now=suspend_aware_seconds(),
            draw=lambda: 0.5,
            make_nonce=lambda: "d" * 32,
            judge=rules.judge if checks else lambda _grant: "",
        )
        self.bus = MemoryBus(self.hub, AGENT, signer=self.key(AGENT), check=rules.check if checks else None)
        for topic in topics.TO_AGENT:
            self.bus.subscribe(topic, agent=AGENT)
        self._rules = rules
        self.bus.start(self.queue.put)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        spool = Spool(self.folder / "spool.db")
        AgentLoop(
            *(AGENT, self.core, self.bus, self.runner, spool, self.queue, suspend_aware_seconds),
            trust_changed=self._rules.changed,
        ).run()
        spool.close()

    def close(self) -> None:
        self.queue.put(ShutDown())
        self._thread.join(60)
        self.bus.stop()
        self.hq.stop()

    # --- keys and lists --------------------------------------------------------------

    def public(self, name: str) -> str:
        file = self.folder / "house.key" if name == "house" else self.folder / name / "sign.key"
        return public_hex(ensure_signing_key(file))

    def house_author(self) -> TrustedAuthor:
        return TrustedAuthor("house", self.public("house"))

    def key(self, name: str) -> KeyFile:
        return KeyFile(self.folder / name / "sign.key")

    def trust(self, rules: TrustList) -> None:
        """Write the agent's trust list, whole."""
        new = self.folder / AGENT / "new"
        new.write_bytes(msgspec.json.encode(rules))
        new.replace(self.folder / AGENT / FILE_NAME)

    def enter(self, keys: dict[str, str]) -> None:
        """Write HQ's registry, whole."""
        new = self.folder / "new"
        new.write_bytes(msgspec.json.encode([{"name": n, "signing_key": k} for n, k in keys.items()]))
        new.replace(self.registry)

    # --- playing HQ --------------------------------------------------------------------

    def claim(self, token: int = TOKEN) -> Claim:
        """Offer a job, and return the agent's claim."""
        self.hq.publish(topics.OFFER, Offers(EPOCH, (Offer(JOB, token),)), agent=AGENT)
        return self.wait(topics.CLAIM, lambda data: data.claims[0].token == token).claims[0]  # type: ignore[no-any-return]

    def grant(
        self,
        claim: Claim,
        *,
        script: ScriptRef | None = None,
        agent: str = AGENT,
        boot: int = BOOT,
        nonce: str = "",
        epoch: int = EPOCH,
    ) -> Grants:
        """Return the grant of a claim, signed by the house's author unless another script is given."""
        spec = JobSpec(SCRIPT if script is None else script)
        one = Grant(claim.job, claim.token, agent, boot, nonce or claim.nonce, 30.0, spec)
        grants = Grants(epoch, (one,))
        return self.author.sign_grants(grants) if script is None else grants

    def forge(self, topic: Topic, data: Any, *, agent: str = AGENT, **attributes: str) -> None:
        """Publish a message of one's own making with these envelope attributes."""
        envelope = {"specversion": "1.0", "id": "f", "source": "hq", "type": topic.type, **attributes}
        body = data if isinstance(data, bytes) else msgspec.json.encode(data)
        whole = json.dumps(envelope)[:-1].encode() + b', "data": ' + body + b"}"
        self.hub.publish_raw(f"{DEFAULT_ROOT}/{topic.of(agent=agent)}", whole)

    # --- what happened -------------------------------------------------------------------

    def _hear(self, what: BusInput) -> None:
        if isinstance(what, Inbound):
            self.heard.append(what)
        elif isinstance(what, Refusal):
            self.refused.append(what)

    def wait(self, topic: Topic, holds: Any = lambda _data: True) -> Any:
        """Return the data of the latest message of the agent for which `holds` does, once there is one."""
        found: list[Any] = []

        def look() -> bool:
            found[:] = [what.data for what in self.heard if what.topic is topic and holds(what.data)]
            return bool(found)

        eventually(look, 60)
        return found[-1]

    def wait_rejected(self, reason: str, count: int = 1) -> None:
        """Return when the agent has refused so many messages for a reason."""
        eventually(lambda: self.core.rejected[reason] >= count, 60)
