"""Whether a MongoDB lets in somebody without a password: then HQ does not work with it.

A database that everybody on the network may write to is a way to run code on
every agent. It is tried, not read off the URI: a URI with a password says
nothing about a server that asks for none.
"""

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

#: Unauthorized, AuthenticationFailed, and Atlas's word for both.
REFUSALS = frozenset({13, 18, 8000})
_CREDENTIALS = frozenset({"authsource", "authmechanism", "authmechanismproperties"})


def without_credentials(uri: str) -> str:
    """Return the URI as somebody has it who knows where the database is and nothing else."""
    parts = urlsplit(uri)
    kept = [
        (name, value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if name.lower() not in _CREDENTIALS
    ]
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=urlencode(kept)))


def lets_in_strangers(uri: str, database: str, *, timeout_ms: int) -> bool:
    """Tell whether the server at `uri` lists or reads anything for somebody without credentials.

    Args:
        uri: Its credentials are not used.
        database: What is tried to be read.
        timeout_ms: For each step.

    Raises:
        PyMongoError: If the server does not answer, so that nothing is known.
    """
    stranger: MongoClient[dict[str, object]] = MongoClient(
        without_credentials(uri),
        serverSelectionTimeoutMS=timeout_ms,
        connectTimeoutMS=timeout_ms,
        socketTimeoutMS=timeout_ms,
        retryReads=False,
        appname="idlehands-stranger",
    )
    with stranger:
        return any(
            _is_let(stranger, *attempt)
            for attempt in (("admin", "listDatabases"), (database, "listCollections"), (database, "count"))
        )


def _is_let(stranger: "MongoClient[dict[str, object]]", database: str, command: str) -> bool:
    try:
        stranger[database].command(command, "events" if command == "count" else 1)
    except OperationFailure as error:
        if error.code in REFUSALS:
            return False
        raise
    except PyMongoError as error:
        # A server that asks for more than a connection, such as Atlas, ends it before a word is said.
        if isinstance(error.__cause__, OperationFailure) and error.__cause__.code in REFUSALS:
            return False
        raise
    return True
