"""Making a running mongod ready: its replica set of one node, its present port, its user.

Knows MongoDB's commands, not processes. Every step may be interrupted and repeated:

    uninitialised --replSetInitiate--> secondary --elected--> primary --createUser--> usable
"""

import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from pymongo import MongoClient

REPLICA_SET = "idlehands"
#: MongoDB's error codes.
_UNAUTHORIZED = 13
_AUTHENTICATION_FAILED = 18
_ALREADY_INITIALISED = 23
_REFUSED = (
    "it refuses the password in its URI file, which is perhaps not the one that belongs to these data: "
    "restore the file, or move the data directory away to begin anew"
)


class MongodNotReady(RuntimeError):
    """A mongod did not become usable in time; the message says what was last seen."""


def ensure_ready(
    uri: str, *, timeout_seconds: float = 60, should_give_up: Callable[[], bool] = lambda: False
) -> None:
    """Wait until the mongod at `uri` answers as primary to its user; make replica set and user if missing.

    Safe to repeat, and to interrupt and repeat.

    Args:
        uri: From `MongodCommand`.
        timeout_seconds: How long to try.
        should_give_up: Asked between tries, for instance whether the process has ended.

    Raises:
        MongodNotReady: If it did not become usable.
    """
    from pymongo.errors import PyMongoError

    deadline = time.monotonic() + timeout_seconds
    pause = 0.02
    while True:
        try:
            if _is_usable(uri):
                return
            seen = "it answers, but is not primary yet"
        except PyMongoError as error:
            seen = _REFUSED if getattr(error, "code", None) == _AUTHENTICATION_FAILED else str(error)
        if should_give_up():
            raise MongodNotReady(f"mongod ended before it was ready ({seen}); its log file says why.")
        if time.monotonic() > deadline:
            raise MongodNotReady(
                f"mongod was not ready within {timeout_seconds:g} s ({seen}); look into its log file."
            )
        time.sleep(pause)
        pause = min(pause * 1.5, 0.25)


def _is_usable(uri: str) -> bool:
    """Take the next step towards a primary with its user; True when there is nothing left to do."""
    from pymongo.errors import OperationFailure

    with contextlib.closing(_client(uri, authenticated=False)) as anyone:
        hello = anyone.admin.command("hello")
        if "setName" not in hello:
            _initiate(anyone, uri)
            return False
        if not hello.get("isWritablePrimary"):
            return False
        try:
            with contextlib.closing(_client(uri, authenticated=True)) as user:
                user.admin.command("ping")
                return True
        except OperationFailure:
            _create_user(anyone, uri)
            return False


def _initiate(anyone: "MongoClient[dict[str, Any]]", uri: str) -> None:
    from pymongo.errors import OperationFailure

    try:
        anyone.admin.command("replSetInitiate", _configuration(uri, version=1))
    except OperationFailure as error:
        if error.code not in (_UNAUTHORIZED, _ALREADY_INITIALISED):
            raise
        # Initiated before: it is only starting, or its port has changed since.
        _follow_the_port(uri)


def _follow_the_port(uri: str) -> None:
    """Put the present port into the replica set's configuration: a node that finds itself under
    another one in there does not become primary."""
    with contextlib.closing(_client(uri, authenticated=True)) as user:
        current = user.admin.command("replSetGetConfig")["config"]
        wanted = _configuration(uri, version=current["version"] + 1)
        if [member["host"] for member in current["members"]] != [wanted["members"][0]["host"]]:
            user.admin.command("replSetReconfig", wanted, force=True)


def _create_user(anyone: "MongoClient[dict[str, Any]]", uri: str) -> None:
    from pymongo.errors import OperationFailure

    parts = urlsplit(uri)
    name, password = unquote(parts.username or ""), unquote(parts.password or "")
    try:
        anyone.admin.command("createUser", name, pwd=password, roles=["root"])
    except OperationFailure as error:
        if error.code != _UNAUTHORIZED:
            raise
        # A user is there already, so the password is the wrong one.
        raise MongodNotReady(f"mongod cannot be used: {_REFUSED}.") from error


def _configuration(uri: str, version: int) -> dict[str, Any]:
    host = urlsplit(uri).netloc.rpartition("@")[2]
    return {"_id": REPLICA_SET, "version": version, "members": [{"_id": 0, "host": host}]}


def _client(uri: str, *, authenticated: bool) -> "MongoClient[dict[str, Any]]":
    from pymongo import MongoClient

    if not authenticated:
        uri = f"mongodb://{urlsplit(uri).netloc.rpartition('@')[2]}/"
    return MongoClient(
        uri,
        directConnection=True,
        replicaSet=None,
        serverSelectionTimeoutMS=1000,
        connectTimeoutMS=1000,
        socketTimeoutMS=10_000,
    )
