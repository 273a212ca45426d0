"""MongoDB for readers: an asynchronous client, and documents as plain dictionaries.

Knows how documents are stored (`hq.log.documents`) and under which names, not
what they mean.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.read_concern import ReadConcern

from hq.log.documents import RAW_CODEC, decode_document

DEFAULT_DATABASE = "idlehands"
#: A page that takes longer than this is too much to ask.
QUERY_MS = 5000
#: For what reads everything that there is, and says so; below what this client waits for an answer.
SCAN_MS = 14_000

Database = AsyncDatabase[dict[str, Any]]
Document = dict[str, Any]


def open_database(uri: str) -> Database:
    """Return the database that the URI names. Nothing is connected before the first read.

    Raises:
        ConfigurationError: If the URI cannot be understood.
    """
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        uri,
        appname="idlehands-web",
        serverSelectionTimeoutMS=2000,
        connectTimeoutMS=2000,
        socketTimeoutMS=15_000,
        maxPoolSize=20,
    )
    return client.get_default_database(DEFAULT_DATABASE)


def stored(database: Database, name: str) -> AsyncCollection[Any]:
    """Return a collection to read from: committed documents only, as bytes."""
    return database.get_collection(name, codec_options=RAW_CODEC, read_concern=ReadConcern("majority"))


def plain(raw: Any) -> Document:
    """Return a stored document as it was given to the store, `_id` included."""
    return decode_document(raw)


async def find(
    database: Database,
    name: str,
    query: Mapping[str, Any],
    *,
    sort: Sequence[tuple[str, int]],
    limit: int,
    skip: int = 0,
    without: Sequence[str] = (),
    within_ms: int = QUERY_MS,
) -> list[Document]:
    """Return at most `limit` documents in order, after the first `skip`.

    Raises:
        ExecutionTimeout: If the database took longer than `within_ms`, and gave it up.
    """
    cursor = stored(database, name).find(
        query,
        dict.fromkeys(without, 0) or None,
        sort=list(sort),
        skip=skip,
        limit=limit,
        max_time_ms=within_ms,
    )
    return [plain(raw) for raw in await cursor.to_list()]


async def find_by_id(database: Database, name: str, identity: object) -> Document | None:
    """Return the document with this `_id`, or None."""
    raw = await stored(database, name).find_one({"_id": identity}, max_time_ms=QUERY_MS)
    return None if raw is None else plain(raw)


def named(document: Document, key: str) -> Document:
    """Return the document with its `_id` under the name that people know it by."""
    identity = document.pop("_id", None)
    return {key: identity, **document}
