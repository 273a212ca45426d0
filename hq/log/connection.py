"""The connection to MongoDB: options under which nothing hangs for ever, and errors in words."""

from typing import Any

from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import ConfigurationError, ConnectionFailure, OperationFailure, PyMongoError

from hq.log.documents import CODEC
from hq.log.port import LogUnavailable, LogUnreadable
from hq.log.strangers import REFUSALS, lets_in_strangers

DEFAULT_DATABASE = "idlehands"
SOCKET_TIMEOUT_MS = 6000
CONNECT_TIMEOUT_MS = 2000
SELECTION_TIMEOUT_MS = 2000


class _Server(MongoClient[dict[str, Any]]):
    """A client that remembers where it was told to go."""

    #: Not `uri`: the driver takes unknown names for databases.
    told: str = ""


def connect(uri: str) -> Database[dict[str, Any]]:
    """Return the URI's database (or `idlehands`). Does no I/O; close it by `database.client.close()`.

    A frozen server costs a call 6 s at most. The driver's own retries are off:
    the event log has its own, for which every send must be the same bytes.

    Raises:
        LogUnreadable: If the URI makes no sense.
    """
    try:
        client = _Server(
            uri,
            socketTimeoutMS=SOCKET_TIMEOUT_MS,
            connectTimeoutMS=CONNECT_TIMEOUT_MS,
            serverSelectionTimeoutMS=SELECTION_TIMEOUT_MS,
            retryWrites=False,
            retryReads=False,
            appname="idlehands",
        )
        client.told = uri
        return client.get_default_database(DEFAULT_DATABASE, codec_options=CODEC)
    except (PyMongoError, ValueError) as error:
        raise LogUnreadable(f"The MongoDB URI cannot be used: {error}. Correct the URI file.") from error


def check_server(database: Database[dict[str, Any]]) -> None:
    """Make sure that the server answers, lets us in and no stranger, and can promise durability.

    Raises:
        LogUnavailable: If it does not answer.
        LogUnreadable: If it refuses us, lets in everybody, or is no replica set.
    """
    try:
        hello = database.client.admin.command("hello")
        database.command("count", "events", query={"_id": 0})
        is_open = _lets_in_strangers(database)
    except PyMongoError as error:
        why = explain(database, error)
        raise (LogUnreadable(why) if is_refusal(database, error) else LogUnavailable(why)) from error
    if is_open:
        raise LogUnreadable(
            f"MongoDB at {_hosts(database)} lets in everybody without a password, so everybody who reaches "
            "it could run code on every machine of this house. Turn its authentication on "
            "(`security.authorization: enabled` in mongod.conf, or `--auth`), make a user with the role "
            "readWrite on the database, and put user and password into the URI."
        )
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        raise LogUnreadable(
            f"MongoDB at {_hosts(database)} is a standalone server, which cannot promise durability. "
            "Run it as a replica set (one node is enough): start mongod with `--replSet rs0` and "
            "run `rs.initiate()` once in mongosh."
        )


def _lets_in_strangers(database: Database[dict[str, Any]]) -> bool:
    client = database.client
    if not isinstance(client, _Server):
        raise TypeError("only a database of `connect` can be checked")
    return lets_in_strangers(client.told, database.name, timeout_ms=SELECTION_TIMEOUT_MS)


def is_refusal(database: Database[dict[str, Any]], error: Exception) -> bool:
    """Tell whether trying again is useless: the server answers and refuses this user."""
    if isinstance(error, OperationFailure):
        return error.code in REFUSALS
    # After a refused login the driver counts the server as unknown, with the refusal as the reason.
    servers = database.client.topology_description.server_descriptions().values()
    return isinstance(error, ConfigurationError) or (
        isinstance(error, ConnectionFailure)
        and any(isinstance(one.error, OperationFailure) and one.error.code in REFUSALS for one in servers)
    )


def explain(database: Database[dict[str, Any]], error: PyMongoError) -> str:
    """Return what happened and what to do, without the password."""
    where, what = _hosts(database), str(error).partition(", full error")[0][:300]
    if is_refusal(database, error):
        return f"MongoDB at {where} refuses this user: {what} Check user, password and authSource in the URI."
    return (
        f"MongoDB at {where} does not answer: {what}. Is it running? `idlehands up` starts one; "
        "set IDLEHANDS_MONGODB to use another."
    )


def _hosts(database: Database[dict[str, Any]]) -> str:
    seeds = sorted(database.client.topology_description.server_descriptions())
    return ", ".join(f"{host}:{port}" if port else host for host, port in seeds)
