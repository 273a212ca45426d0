"""A database that lets everybody in is refused: a real mongod without authentication, and with it."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from hq.log.connection import check_server, connect
from hq.log.port import LogUnavailable, LogUnreadable
from hq.log.strangers import lets_in_strangers, without_credentials
from idlehands.house import mongod
from idlehands.house.components import AgentOptions
from idlehands.house.home import HouseError
from idlehands.house.running import start_house
from tests.fixtures.broker import eventually
from tests.fixtures.mongod import MongodServer, free_port

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A replica set that asks nobody for a password, though it has a user `u` with one."""
    found = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [
            str(mongod.find_mongod()),
            *("--dbpath", str(tmp_path_factory.mktemp("open")), "--bind_ip", "127.0.0.1"),
            *("--port", found.rpartition(":")[2], "--nounixsocket"),
            *("--replSet", "rs0", "--oplogSize", "16", "--wiredTigerCacheSizeGB", "0.25"),
        ],
        stdout=subprocess.DEVNULL,
    )
    try:
        with directly(found) as client:
            member = {"_id": 0, "host": found}
            client.admin.command("replSetInitiate", {"_id": "rs0", "members": [member]})
            eventually(lambda: bool(client.admin.command("hello")["isWritablePrimary"]), 60)
            client.admin.command("createUser", "u", pwd="p", roles=["root"])  # noqa: S106
        yield found
    finally:
        process.kill()
        process.wait()


def directly(address: str) -> "MongoClient[dict[str, Any]]":
    return MongoClient(f"mongodb://{address}/?directConnection=true")


@pytest.mark.parametrize(
    "uri", ["mongodb://{}/x?replicaSet=rs0", "mongodb://u:p@{}/x?replicaSet=rs0&authSource=admin"]
)
def test_a_database_that_lets_everybody_in_is_refused_with_and_without_a_password_in_the_uri(
    address: str, uri: str
) -> None:
    database = connect(uri.format(address))

    with pytest.raises(LogUnreadable, match="lets in everybody without a password") as raised:
        check_server(database)

    database.client.close()
    assert "u:p" not in str(raised.value)


def test_a_house_does_not_come_up_with_such_a_database(address: str, tmp_path: Path) -> None:
    uri = f"mongodb://u:p@{address}/x?replicaSet=rs0&authSource=admin"

    with pytest.raises(HouseError, match="lets in everybody without a password"):
        start_house(
            tmp_path / "house",
            AgentOptions(count=0),
            wait_seconds=90,
            environment={"IDLEHANDS_MONGODB": uri},
        )


def test_a_database_that_asks_for_a_password_refuses_strangers(mongod_server: MongodServer) -> None:
    database = connect(mongod_server.uri)

    check_server(database)

    database.client.close()
    assert not lets_in_strangers(mongod_server.uri, "idlehands", timeout_ms=5000)


def test_without_a_password_for_a_database_that_asks_for_one_the_refusal_says_so(
    mongod_server: MongodServer,
) -> None:
    database = connect(without_credentials(mongod_server.uri))

    with pytest.raises(LogUnreadable, match="refuses this user"):
        check_server(database)

    database.client.close()


def test_of_a_database_that_does_not_answer_nothing_is_known() -> None:
    uri = f"mongodb://u:p@127.0.0.1:{free_port()}/x?replicaSet=rs0"
    database = connect(uri)

    with pytest.raises(LogUnavailable):
        check_server(database)
    with pytest.raises(PyMongoError):
        lets_in_strangers(uri, "x", timeout_ms=100)

    database.client.close()


@pytest.mark.parametrize(
    ("uri", "bare"),
    [
        ("mongodb://u:p@h:1,i:2/x?authSource=admin&tls=true", "mongodb://h:1,i:2/x?tls=true"),
        ("mongodb+srv://u:p%40@h/x?authMechanism=SCRAM-SHA-256", "mongodb+srv://h/x"),
        ("mongodb://h/x", "mongodb://h/x"),
    ],
)
def test_a_stranger_knows_where_the_database_is_and_nothing_else(uri: str, bare: str) -> None:
    assert without_credentials(uri) == bare
