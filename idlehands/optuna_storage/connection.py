"""The connection of one process to MongoDB, with its options and its errors in words.

A client of the driver does not survive a fork, so every process has its own, made at first use.
"""

import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from optuna.exceptions import StorageInternalError
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.errors import ConfigurationError, ConnectionFailure, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from idlehands.optuna_storage.documents import RUNNING, Document

#: Where a URI names no database.
DEFAULT_DATABASE = "optuna"
#: What the URI may say otherwise: nothing may hang for ever.
_DEFAULTS = {"serverSelectionTimeoutMS": 5_000, "connectTimeoutMS": 5_000, "socketTimeoutMS": 30_000}
_EXAMPLE = "One looks like mongodb://USER:PASSWORD@HOST:27017/DATABASE."
_REFUSALS = frozenset({13, 18, 8000})


class StorageUnavailable(StorageInternalError):  # type: ignore[misc, unused-ignore]
    """MongoDB does not answer, refuses, or cannot be found; the message says which and what to do."""


class Connection:
    """The collections of one process. Threads may share it; a forked child may not."""

    def __init__(self, uri: str) -> None:
        """Connect, and make the collections' indexes.

        Raises:
            StorageUnavailable: If the URI makes no sense or the server does not let us in.
        """
        given = uri.lower()
        if not given.startswith(("mongodb://", "mongodb+srv://")):
            # The driver would take all of it for the name of a host.
            raise StorageUnavailable(f"This is no MongoDB URI: it begins otherwise. {_EXAMPLE}")
        options = {name: value for name, value in _DEFAULTS.items() if f"{name.lower()}=" not in given}
        try:
            self._client: MongoClient[Document] = MongoClient(uri, appname="optuna", **options)  # type: ignore[arg-type]
        except (PyMongoError, ValueError, TypeError) as error:
            raise StorageUnavailable(
                f"This is no MongoDB URI that can be used: {error} {_EXAMPLE}"
            ) from error
        # Also at the end of the program; never in a forked child, whose sockets are its parent's.
        self._closing = weakref.finalize(self, _close, self._client, os.getpid())
        database = self._client.get_default_database(DEFAULT_DATABASE)
        concern = self._client.write_concern
        if concern.is_server_default:
            # What a study was told is written, is: a server of its own would only promise it in memory.
            concern = WriteConcern(w="majority", j=True)

        def collection(name: str) -> Collection[Document]:
            return database.get_collection(
                f"optuna_{name}",
                write_concern=concern,
                read_concern=ReadConcern("local"),
                # What one process wrote, the next must see, whatever the URI says of secondaries.
                read_preference=ReadPreference.PRIMARY,
            )

        self.counters = collection("counters")
        self.studies = collection("studies")
        self.trials = collection("trials")
        with self.in_words():
            self.studies.create_index("name", unique=True)
            # Only running trials are in it: those whose heartbeat may be missing.
            self.trials.create_index(
                [("state", 1), ("_id", 1)], name="running", partialFilterExpression={"state": RUNNING}
            )

    def close(self) -> None:
        """Close the connection. Safe to repeat."""
        self._closing()

    @contextmanager
    def in_words(self) -> Iterator[None]:
        """Turn the driver's errors into `StorageUnavailable`."""
        try:
            yield
        except PyMongoError as error:
            raise StorageUnavailable(self._explain(error)) from error

    def _explain(self, error: PyMongoError) -> str:
        servers = self._client.topology_description.server_descriptions()
        where = ", ".join(f"{host}:{port}" if port else host for host, port in sorted(servers))
        what = str(error).partition(", full error")[0].partition(", Timeout:")[0][:300]
        if _is_refusal(error, servers.values()):
            return f"MongoDB at {where} refuses this user: {what}. Check user, password and authSource."
        if isinstance(error, ConnectionFailure):
            return f"MongoDB at {where} does not answer: {what}. Is it running, and is this its address?"
        return f"MongoDB at {where} could not do it: {what}"


def _is_refusal(error: PyMongoError, servers: Any) -> bool:
    if isinstance(error, OperationFailure):
        return error.code in _REFUSALS
    # After a refused login the driver counts the server as unknown, with the refusal as the reason.
    return isinstance(error, ConfigurationError) or any(
        isinstance(server.error, OperationFailure) and server.error.code in _REFUSALS for server in servers
    )


def _close(client: MongoClient[Document], process: int) -> None:
    if os.getpid() == process:
        client.close()
