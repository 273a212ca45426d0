"""A little house (real authority, MongoDB and REST) with the client on its bus, and an agent to steer."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from pymongo import MongoClient

from bus.memory_bus import MemoryBus, MemoryHub
from bus.port import BusInput, Connected, Inbound
from bus.settings import BusSettings
from bus.topics import ACK, CLAIM, GRANT, HEARTBEAT, LOG, OFFER, PROGRESS, RESULT
from idlehands.client import Client
from schemas.facts import AttemptResult, MetricPoint
from schemas.messages import (
    Claim,
    Claims,
    Grant,
    Heartbeat,
    LogBatch,
    LogLines,
    Progress,
    ProgressBatch,
    Results,
)
from schemas.specs import JobSpec, Needs, ScriptRef
from tests.contract.bus_worlds import eventually
from tests.fixtures.mongod import MongodServer
from tests.unit.dash_app.conftest import LittleHouse


class SteeredAgent:
    """Claims what it is offered; what becomes of it, the test says."""

    def __init__(self, hub: MemoryHub, name: str) -> None:
        self.name = name
        self.grants: dict[str, Grant] = {}
        self._bus = MemoryBus(hub, name)
        for topic in (OFFER, GRANT, ACK):
            self._bus.subscribe(topic, agent=name)
        self._seq = 0
        self._bus.start(self._handle)

    def stop(self) -> None:
        self._bus.stop()

    def beat(self) -> None:
        self._seq += 1
        beat = Heartbeat(boot=1, instance="d" * 32, seq=self._seq, slots=8, free=8)
        self._bus.publish(HEARTBEAT, beat, agent=self.name)

    def granted(self, job: str) -> Grant:
        """Return the job's grant once it is there."""
        eventually(lambda: job in self.grants)
        return self.grants[job]

    def progress(self, job: str, percent: float, *points: MetricPoint) -> None:
        item = Progress(job, self.grants[job].token, percent, points)
        self._bus.publish(PROGRESS, ProgressBatch(1, (item,)), agent=self.name)

    def log(self, job: str, seq: int, *lines: str) -> None:
        item = LogLines(job, self.grants[job].token, seq, lines)
        self._bus.publish(LOG, LogBatch(1, (item,)), agent=self.name)

    def end(self, result: AttemptResult) -> None:
        self._bus.publish(RESULT, Results(1, (result,)), agent=self.name)

    def _handle(self, what: BusInput) -> None:
        match what:
            case Connected():
                self.beat()
            case Inbound() if what.topic is OFFER:
                claims = tuple(Claim(offer.job, offer.token, "e" * 32) for offer in what.data.offers)
                self._bus.publish(CLAIM, Claims(1, claims), agent=self.name)
            case Inbound() if what.topic is GRANT:
                self.grants.update({grant.job: grant for grant in what.data.grants})
            case Inbound() if what.topic is ACK and what.data.seq == 1:
                # The first heartbeat of a boot is about the boot; offers follow the next.
                self.beat()


@pytest.fixture(scope="package")
def house(mongod_server: MongodServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LittleHouse]:
    name = f"test_{uuid4().hex[:12]}"
    built = LittleHouse(mongod_server.uri_of(name), tmp_path_factory.mktemp("client") / "tokens.json")
    built.hq.start()
    built.server.start()
    yield built
    built.server.stop()
    built.hq.stop()
    with MongoClient(mongod_server.uri) as mongo:
        mongo.drop_database(name)


def make_client(house: LittleHouse, folder: Path, role: str = "operator") -> Client:
    """Return a started client whose token has that role."""
    (folder / "token").write_text(house.tokens[role] + "\n")
    bus = MemoryBus(house.hub, "cli")
    client = Client(bus, "cli", BusSettings("127.0.0.1", 1, folder), f"{house.server.url}/api/v1")
    client.start()
    client.wait_connected(5)
    return client


@pytest.fixture
def client(house: LittleHouse, tmp_path: Path) -> Iterator[Client]:
    with make_client(house, tmp_path) as made:
        yield made


@pytest.fixture
def agent(house: LittleHouse) -> Iterator[SteeredAgent]:
    made = SteeredAgent(house.hub, f"agent-{uuid4().hex[:8]}")
    yield made
    made.stop()


def spec(agent: str, **params: object) -> JobSpec:
    """Return a job that only this agent may run."""
    return JobSpec(ScriptRef("a" * 64, "train.py"), params=dict(params), needs=Needs(agent=agent))
