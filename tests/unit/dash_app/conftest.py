"""One small house per test module, with a client for each role."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pymongo import MongoClient

from bus.memory_bus import MemoryBus, MemoryHub
from dash_app.scripts_route import ScriptRuns
from dash_app.server import build_server
from hq.outside.outside import Outside
from hq.rest.house import CLIENT, build_house
from hq.rest.tokens import TokenFile
from idlehands.house.allowed_scripts import FILE_NAME
from schemas.specs import JobSpec
from tests.fixtures.mongod import MongodServer
from tests.unit.dash_app.little_house import LittleAgent, LittleHq, Server, client

ROLES = ("viewer", "operator", "admin", "agent")


class LittleHouse:
    """What a test gets: the server and who may talk to it."""

    def __init__(self, uri: str, tokens: Path) -> None:
        self.uri = uri
        self.hub = MemoryHub()
        self.hq = LittleHq(MemoryBus(self.hub, "hq"), uri)
        self.tokens_file = tokens
        self.tokens = {role: f"{role}-token-{uuid4().hex}" for role in ROLES}
        self.write_tokens()
        house = build_house(MemoryBus(self.hub, CLIENT), uri)
        self.renewals = house.renewals = tokens.parent / "renewals"
        house.private_callbacks = True
        self.outside_folder = tokens.parent / "outside"
        self.outside_folder.mkdir()
        house.outside = Outside(
            self.outside_folder,
            house.bus,
            house.asking,
            house.live,
            lambda: house.database,
            allows_private=True,
        )
        self.allowed_scripts = tokens.parent / FILE_NAME
        runs = ScriptRuns(house, self.allowed_scripts)
        hosts = ["127.0.0.1", "house.test"]
        self.server = Server(build_server(house, TokenFile(tokens), hosts, "0", runs=runs))
        self.agent = LittleAgent(MemoryBus(self.hub, "attic"), "attic", train)

    def write_tokens(self, **extra: Any) -> None:
        """Write the token file: one token a role."""
        entries = [
            {
                "name": f"some-{role}",
                "role": role,
                "sha256": hashlib.sha256(token.encode()).hexdigest(),
                "created": 1,
                **extra,
            }
            for role, token in self.tokens.items()
        ]
        new = self.tokens_file.with_suffix(".new")
        new.write_text(json.dumps(entries))
        new.replace(self.tokens_file)

    def client(self, role: str | None) -> httpx.Client:
        return client(self.server, self.tokens[role] if role else None)

    def store(self, collection: str, *documents: dict[str, Any]) -> None:
        """Put documents into the database, as HQ's helpers would."""
        with MongoClient[dict[str, Any]](self.uri) as mongo:
            mongo.get_default_database()[collection].insert_many(documents)


def train(spec: JobSpec) -> dict[str, Any]:
    """Stand for a script: an accuracy that follows from the parameters."""
    return {"accuracy": 1 - abs(spec.params.get("x", 0) - 3) / 10, "note": "=1+1"}


@pytest.fixture(scope="module")
def house(mongod_server: MongodServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LittleHouse]:
    name = f"test_{uuid4().hex[:12]}"
    built = LittleHouse(mongod_server.uri_of(name), tmp_path_factory.mktemp("rest") / "tokens.json")
    built.hq.start()
    built.server.start()
    yield built
    built.agent.stop()
    built.server.stop()
    built.hq.stop()
    with MongoClient(mongod_server.uri) as mongo:
        mongo.drop_database(name)


@pytest.fixture
def operator(house: LittleHouse) -> Iterator[httpx.Client]:
    with house.client("operator") as found:
        yield found


@pytest.fixture
def viewer(house: LittleHouse) -> Iterator[httpx.Client]:
    with house.client("viewer") as found:
        yield found
