"""Content by its sha256, in GridFS: bundles, datasets, artifacts.

A blob is whole, verified and there, or it is not there: its entry appears in
`blobs.files` only after the last byte was hashed, and a unique index on the
hash makes two uploads of the same content one blob.
"""

import contextlib
import datetime
import hashlib
import logging
from collections.abc import AsyncIterator
from typing import Any

from bson import ObjectId
from gridfs.asynchronous import AsyncGridFSBucket
from gridfs.errors import CorruptGridFile, FileExists
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from hq.rest.database import Database, Document

BUCKET = "blobs"
MAX_BLOB_BYTES = 256 * 1024 * 1024
PIECE_BYTES = 255 * 1024
#: Chunks of an upload that its process did not live to finish.
_ORPHAN_AGE = datetime.timedelta(hours=6)
log = logging.getLogger(__name__)


class WrongContent(ValueError):
    """What was sent is not what its name says; nothing is stored."""


class BlobTooBig(ValueError):
    """More than `MAX_BLOB_BYTES`; nothing is stored."""


class BlobDamaged(Exception):
    """What is stored is not what its name says."""


class Blobs:
    """The blobs of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ready = False

    async def find(self, sha256: str) -> Document | None:
        """Return `{"_id", "length"}` of a blob, or None if there is none."""
        found: Document | None = await self._files().find_one({"filename": sha256}, {"length": 1})
        return found

    async def note_wanted(self, found: Document, *, as_checkpoint: bool = False) -> None:
        """Note that somebody may refer to this blob soon: housekeeping leaves it for a while."""
        change: Document = {"$set": {"wanted": datetime.datetime.now(datetime.UTC)}}
        if not as_checkpoint:
            # From now on it is more than that.
            change["$unset"] = {"checkpoint": ""}
        await self._database[f"{BUCKET}.files"].update_one({"_id": found["_id"]}, change)

    async def store(self, sha256: str, pieces: AsyncIterator[bytes], *, as_checkpoint: bool = False) -> bool:
        """Store content under its hash; True if it is new. Safe to repeat and at the same time.

        Args:
            sha256: Of the content.
            pieces: The content.
            as_checkpoint: Whether the next one replaces it: then it goes soon after that.

        Raises:
            WrongContent: If the content has another hash.
            BlobTooBig: If it is over the limit.
        """
        await self.make_ready()
        found = await self.find(sha256)
        if found is not None:
            await self.note_wanted(found, as_checkpoint=as_checkpoint)
            # The sender is heard out, so that a wrong body is an error also the second time.
            await _verified(sha256, pieces)
            return False
        bucket = AsyncGridFSBucket(self.writing(), BUCKET, chunk_size_bytes=PIECE_BYTES)
        upload = bucket.open_upload_stream(sha256)
        try:
            digest, size = hashlib.sha256(), 0
            async for piece in pieces:
                size += len(piece)
                _check_size(size)
                digest.update(piece)
                await upload.write(piece)
            _check_hash(sha256, digest.hexdigest())
            if as_checkpoint:
                await upload.set("checkpoint", True)
            await upload.close()
        except FileExists:
            # Someone else was first with the same content.
            await upload.abort()
            return False
        except BaseException:
            with contextlib.suppress(PyMongoError):
                await upload.abort()
            raise
        return True

    async def read_from(self, found: Document, start: int, length: int) -> AsyncIterator[bytes]:
        """Yield `length` bytes from `start` on. Only who has the whole can check its hash.

        Raises:
            BlobDamaged: If pieces are missing; the reader is then short of bytes.
        """
        try:
            stream = await AsyncGridFSBucket(self._database, BUCKET).open_download_stream(found["_id"])
            await stream.seek(start)
            while length > 0:
                piece = await stream.read(min(length, PIECE_BYTES))
                if not piece:
                    raise BlobDamaged("a blob is shorter than its entry says")
                length -= len(piece)
                yield piece
        except CorruptGridFile as error:
            raise BlobDamaged(str(error)) from error

    async def read(self, found: Document, sha256: str) -> AsyncIterator[bytes]:
        """Yield the content in pieces. The last piece comes only if the whole has the right hash.

        Raises:
            BlobDamaged: If it has not, or pieces are missing; the reader is then short of bytes.
        """
        digest = hashlib.sha256()
        bucket = AsyncGridFSBucket(self._database, BUCKET)
        try:
            stream = await bucket.open_download_stream(found["_id"])
            piece = await stream.readchunk()
            while piece:
                digest.update(piece)
                following = await stream.readchunk()
                if not following and digest.hexdigest() != sha256:
                    raise BlobDamaged(f"blob {sha256} has another hash")
                yield piece
                piece = following
        except CorruptGridFile as error:
            raise BlobDamaged(f"blob {sha256}: {error}") from error

    def _files(self) -> Any:
        return self._database.get_collection(f"{BUCKET}.files", read_concern=ReadConcern("majority"))

    def writing(self) -> Database:
        """Return the database for what must not be lost once it was answered."""
        return self._database.client.get_database(
            self._database.name, write_concern=WriteConcern(w="majority", j=True, wtimeout=10_000)
        )

    async def make_ready(self) -> None:
        """Make the indexes and clean up, once."""
        if self._ready:
            return
        await self._database[f"{BUCKET}.files"].create_index("filename", unique=True, name="sha256")
        await self._database[f"{BUCKET}.chunks"].create_index([("files_id", 1), ("n", 1)], unique=True)
        await self._remove_orphans()
        self._ready = True

    async def _remove_orphans(self) -> None:
        """Remove the chunks of uploads that died with their process."""
        old = ObjectId.from_datetime(datetime.datetime.now(datetime.UTC) - _ORPHAN_AGE)
        chunks = self._database[f"{BUCKET}.chunks"]
        for identity in await chunks.distinct("files_id", {"n": 0, "files_id": {"$lt": old}}):
            if await self._files().find_one({"_id": identity}, {"_id": 1}) is None:
                removed = await chunks.delete_many({"files_id": identity})
                log.info("removed %d chunks of an upload that never ended", removed.deleted_count)


async def _verified(sha256: str, pieces: AsyncIterator[bytes]) -> None:
    digest, size = hashlib.sha256(), 0
    async for piece in pieces:
        size += len(piece)
        _check_size(size)
        digest.update(piece)
    _check_hash(sha256, digest.hexdigest())


def _check_size(size: int) -> None:
    if size > MAX_BLOB_BYTES:
        raise BlobTooBig(f"a blob has at most {MAX_BLOB_BYTES} bytes")


def _check_hash(wanted: str, found: str) -> None:
    if found != wanted:
        raise WrongContent(f"the body's sha256 is {found}, not {wanted} as in the path: nothing was stored")
