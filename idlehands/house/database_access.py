"""A house's database for a program beside the house: of a house that is up, down, or elsewhere.

When the house is down, its mongod is started for as long as it is needed, and
nobody else can start the house meanwhile.
"""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from idlehands.house import mongod
from idlehands.house.furnish import database_uri_file, external_database
from idlehands.house.home import Home, HouseError
from idlehands.house.leash import Leash
from idlehands.house.logs import last_lines
from idlehands.house.status import read_status
from idlehands.house.up import alone

if TYPE_CHECKING:
    from pymongo.database import Database

_START_SECONDS = 60.0


def is_elsewhere(home: Home) -> bool:
    """Tell whether the database is not the house's own: it runs by itself, here or on another machine.

    Raises:
        HouseError: If `IDLEHANDS_MONGODB` is no MongoDB URI.
    """
    if external_database() is not None:
        return True
    with contextlib.suppress(OSError, ValueError):
        # In containers the database is a service of its own, and the URI says which.
        return urlsplit((home.mongodb / "uri").read_text().strip()).hostname != "127.0.0.1"
    return False


@contextlib.contextmanager
def opened_database(home: Home) -> Iterator["Database[Any]"]:
    """Yield the database of `home`, whose documents are read as raw BSON.

    Raises:
        HouseError: If it does not answer or cannot be started.
    """
    with contextlib.ExitStack() as stack:
        if not is_elsewhere(home) and not read_status(home).up:
            if not (home.mongodb / "db").exists():
                raise HouseError(
                    f"The house in {home.path} has no database yet: it was never up. "
                    "Start it with `idlehands up`."
                )
            stack.enter_context(running_mongod(home, stack.enter_context(alone(home))))
        yield stack.enter_context(connected(database_uri_file(home).read_text().strip()))


@contextlib.contextmanager
def running_mongod(home: Home, lock: int) -> Iterator[str]:
    """Run the house's own mongod; yield its URI. It does not outlive us, even when we are killed.

    Args:
        home: The house.
        lock: From `up.alone`.

    Raises:
        HouseError: If there is none, or it does not start.
    """
    try:
        command = mongod.prepare(home.mongodb, home.settings.ports.mongodb)
    except mongod.MongodMissing as error:
        raise HouseError(str(error)) from error
    leash = Leash(lock)
    process = leash.start(command.argv, output=subprocess.DEVNULL, cwd=str(home.path), env=dict(os.environ))
    try:
        mongod.ensure_ready(
            command.uri,
            timeout_seconds=_START_SECONDS,
            should_give_up=lambda: process.poll() is not None,
        )
        yield command.uri
    except mongod.MongodNotReady as error:
        raise HouseError(
            f"{str(error)[:1].upper()}{str(error)[1:]}\n{last_lines(command.log_file, 3)}"
        ) from error
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        leash.forget(process.pid)
        leash.close()


@contextlib.contextmanager
def connected(uri: str) -> Iterator["Database[Any]"]:
    """Yield the URI's database after it has answered.

    Raises:
        HouseError: If it does not answer.
    """
    from bson.raw_bson import RawBSONDocument
    from pymongo import MongoClient
    from pymongo.errors import PyMongoError

    try:
        client: MongoClient[Any] = MongoClient(
            uri,
            document_class=RawBSONDocument,
            serverSelectionTimeoutMS=10_000,
            connectTimeoutMS=5000,
            appname="idlehands-backup",
        )
    except (PyMongoError, ValueError) as error:
        raise HouseError(f"The URI of the database cannot be used: {error}. Correct it.") from error
    with contextlib.closing(client):
        try:
            client.admin.command("ping")
        except PyMongoError as error:
            raise HouseError(
                f"The database does not answer: {str(error)[:200]}. Is it running? "
                "`idlehands status` shows it."
            ) from error
        yield client.get_default_database(mongod.DATABASE)
