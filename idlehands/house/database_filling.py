"""Filling an empty database with what a backup holds, as raw BSON: nothing is reinterpreted."""

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from idlehands.house.archive import Archive, BackupUnusable
from idlehands.house.backup import BLOBS, EVENTS
from idlehands.house.home import HouseError

if TYPE_CHECKING:
    from bson.raw_bson import RawBSONDocument
    from pymongo.database import Database

_INSERT_BYTES = 16 << 20
_INSERT_DOCUMENTS = 2000
_CHUNK_BYTES = 255 * 1024


@contextlib.contextmanager
def emptied_on_error(database: "Database[Any]") -> Iterator[None]:
    """Begin with an empty database, and leave none that is filled in part.

    Raises:
        HouseError: If it is not empty, or fails.
    """
    from pymongo.errors import PyMongoError

    try:
        found = [name for name in database.list_collection_names() if not name.startswith("system.")]
        if found:
            raise HouseError(
                f"The database {database.name!r} is not empty: it has a collection {found[0]!r}. A house is "
                "only restored into an empty database. Name another one in IDLEHANDS_MONGODB."
            )
        try:
            yield
        except BaseException:
            for name in database.list_collection_names():
                if not name.startswith("system."):
                    database.drop_collection(name)
            raise
    except PyMongoError as error:
        raise HouseError(
            f"The database failed during the restore: {str(error)[:300]}. "
            "What was made was removed. Is the disk full?"
        ) from error


def fill_database(database: "Database[Any]", archive: Archive, say: Callable[[str], None]) -> None:
    """Insert every document and blob of a backup into an empty database, durably.

    Raises:
        BackupUnusable: If the backup does not hold what its manifest says.
        PyMongoError: If the database fails.
    """
    from pymongo.write_concern import WriteConcern

    durable = database.with_options(write_concern=WriteConcern(w="majority", j=True))
    names = {name.split("/")[1] for name in archive.names("database/")}
    for name in sorted(archive.manifest.counts.keys() - names - {BLOBS}):
        # An empty collection of a snapshot says as much as a full one.
        database.create_collection(name)
    for name in sorted(names):
        say(f"Restoring {name} ...")
        inserted = 0
        for member in archive.names(f"database/{name}/"):
            for documents in _batches(_documents(archive, member)):
                durable[name].insert_many(documents, ordered=True)
                inserted += len(documents)
        if inserted != archive.manifest.counts.get(name):
            raise BackupUnusable(
                f"The backup holds {inserted} documents of {name}, but says that it has "
                f"{archive.manifest.counts.get(name)}. Use another backup."
            )
    if archive.manifest.position:
        last = durable[EVENTS].find_one({}, {"_id": 1}, sort=[("_id", -1)])
        if last is None or int(last["_id"]) != archive.manifest.position:
            raise BackupUnusable("The event log in the backup does not end where it should. Use another.")
    _fill_blobs(durable, archive, say)


def _fill_blobs(database: "Database[Any]", archive: Archive, say: Callable[[str], None]) -> None:
    from gridfs import GridFSBucket

    names = archive.names("blobs/")
    say(f"Restoring {len(names)} blobs ...")
    # The bucket's own bookkeeping reads documents as dictionaries.
    plain: Any = database.client.get_database(database.name, write_concern=database.write_concern)
    bucket = GridFSBucket(plain.with_options(codec_options=_plain_codec()), BLOBS)
    for name in names:
        with bucket.open_upload_stream(name.removeprefix("blobs/"), chunk_size_bytes=_CHUNK_BYTES) as upload:
            for piece in archive.read(name):
                upload.write(piece)


def _plain_codec() -> Any:
    from bson.codec_options import CodecOptions

    return CodecOptions()


def _documents(archive: Archive, member: str) -> Iterator["RawBSONDocument"]:
    """Yield the documents of a member.

    Raises:
        BackupUnusable: If it is not made of documents.
    """
    from bson.errors import BSONError
    from bson.raw_bson import RawBSONDocument

    raw = archive.read_whole(member)
    at = 0
    while at < len(raw):
        size = int.from_bytes(raw[at : at + 4], "little")
        try:
            yield RawBSONDocument(raw[at : at + max(size, 5)])
        except (BSONError, ValueError) as error:
            raise BackupUnusable(
                f"{member} of the backup is damaged: {error}. Use another backup."
            ) from error
        at += size


def _batches(documents: Iterator["RawBSONDocument"]) -> Iterator[list["RawBSONDocument"]]:
    batch: list[RawBSONDocument] = []
    size = 0
    for document in documents:
        batch.append(document)
        size += len(document.raw)
        if len(batch) >= _INSERT_DOCUMENTS or size >= _INSERT_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
