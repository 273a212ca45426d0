"""Blobs that come in pieces, so that a broken connection costs a piece and not the whole.

    GET how much is there --> PUT the next piece at that offset --> ... --> the last one: hashed, and a blob

Pieces lie as the blob's chunks from the first byte on, under an entry of
`uploads` that names them; the blob appears only when the whole has the right
hash. Each uploader has an upload of its own of the same content. What is not
ended within hours is cleaned up like any upload that died.

    uploads  {_id: {sha256, by}, files_id, length, at}
"""

import datetime
import hashlib
from collections.abc import AsyncIterator
from typing import Any

from bson import Binary, ObjectId
from msgspec import Struct
from pymongo import DESCENDING
from pymongo.errors import DuplicateKeyError

from hq.rest.blobs import BUCKET, PIECE_BYTES, Blobs, BlobTooBig, WrongContent
from hq.rest.database import Document

MAX_UPLOAD_BYTES = 8 * 1024**3
UPLOADS = "uploads"
#: Of the disk under the database, what uploads leave free.
_FREE_BYTES = 1024**3


class WrongOffset(ValueError):
    """The piece does not follow what is there; nothing of it was stored."""


class DiskFull(Exception):
    """There is no room for it on the disk of the database; nothing was stored."""


class Received(Struct, frozen=True):
    """How much of a blob is there. Pieces begin and, but for the last, end at multiples of 255 KiB."""

    received: int
    whole: bool


class Uploads:
    """The uploads of one database that go on."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        database = blobs.writing()
        self._uploads = database[UPLOADS]
        self._chunks = database[f"{BUCKET}.chunks"]
        self._files = database[f"{BUCKET}.files"]
        self._database = database

    async def read(self, sha256: str, by: str, *, as_checkpoint: bool = False) -> Received:
        """Return how much of a blob is there: all of it, or what this uploader has sent."""
        found = await self._blobs.find(sha256)
        if found is not None:
            await self._blobs.note_wanted(found, as_checkpoint=as_checkpoint)
            return Received(int(found["length"]), True)
        upload = await self._uploads.find_one({"_id": {"sha256": sha256, "by": by}})
        return Received(0 if upload is None else await self._length(upload), False)

    async def add(
        self,
        sha256: str,
        by: str,
        offset: int,
        total: int,
        pieces: AsyncIterator[bytes],
        *,
        as_checkpoint: bool = False,
    ) -> Received:
        """Store a piece that begins at `offset`. A piece that breaks off is kept as far as it came.

        Raises:
            WrongOffset: If it does not begin where the last one ended.
            WrongContent: If it was the last one, and the whole has another hash: all of it is gone.
            BlobTooBig: If the whole is over the limit, or longer than `total`.
            DiskFull: If it would fill the disk.
        """
        known = await self.read(sha256, by, as_checkpoint=as_checkpoint)
        if known.whole:
            async for _ in pieces:
                pass
            return known
        upload = await self._begin(sha256, by, total)
        received = await self._length(upload)
        if offset != received:
            raise WrongOffset(f"the piece begins at {offset}, and {received} bytes are there")
        rest = await self._store(upload, received // PIECE_BYTES, total, pieces)
        received = await self._length(upload)
        if received + len(rest) < total:
            # Less than a chunk: it is sent again with what follows it.
            return Received(received, False)
        if rest:
            await self._put_chunk(upload, received // PIECE_BYTES, rest)
        await self._finish(upload, sha256, {"checkpoint": True} if as_checkpoint else {})
        return Received(total, True)

    async def _begin(self, sha256: str, by: str, total: int) -> Document:
        if total > MAX_UPLOAD_BYTES:
            raise BlobTooBig(f"a blob has at most {MAX_UPLOAD_BYTES} bytes")
        await self._blobs.make_ready()
        identity = {"sha256": sha256, "by": by}
        upload: Document | None = await self._uploads.find_one({"_id": identity})
        if upload is not None and upload["length"] != total:
            await self._drop(upload)
            upload = None
        if upload is None:
            await self._check_room(total)
            at = datetime.datetime.now(datetime.UTC)
            upload = {"_id": identity, "files_id": ObjectId(), "length": total, "at": at}
            try:
                await self._uploads.insert_one(upload)
            except DuplicateKeyError:
                raise WrongOffset("the same upload was begun in this moment: ask how far it is") from None
        return upload

    async def _check_room(self, total: int) -> None:
        said = await self._database.command("dbStats")
        free = said.get("fsTotalSize", 0) - said.get("fsUsedSize", 0)
        if said.get("fsTotalSize") and free < total + _FREE_BYTES:
            raise DiskFull(
                f"the disk of the database has {int(free) // 2**20} MiB free, too little for "
                f"{total // 2**20} MiB more: make room on the HQ host"
            )

    async def _length(self, upload: Document) -> int:
        last = await self._chunks.find_one(
            {"files_id": upload["files_id"]}, {"n": 1}, sort=[("n", DESCENDING)]
        )
        return 0 if last is None else min((int(last["n"]) + 1) * PIECE_BYTES, int(upload["length"]))

    async def _store(self, upload: Document, number: int, total: int, pieces: AsyncIterator[bytes]) -> bytes:
        """Store whole chunks as they come, and return what is left over."""
        waiting = bytearray()
        async for piece in pieces:
            waiting += piece
            if number * PIECE_BYTES + len(waiting) > total:
                raise BlobTooBig(f"more came than the {total} bytes that were announced")
            while len(waiting) >= PIECE_BYTES:
                await self._put_chunk(upload, number, bytes(waiting[:PIECE_BYTES]))
                del waiting[:PIECE_BYTES]
                number += 1
        return bytes(waiting)

    async def _put_chunk(self, upload: Document, number: int, data: bytes) -> None:
        try:
            await self._chunks.insert_one({"files_id": upload["files_id"], "n": number, "data": Binary(data)})
        except DuplicateKeyError:
            raise WrongOffset("the same piece came twice at once: ask how far the upload is") from None

    async def _finish(self, upload: Document, sha256: str, marks: Document) -> None:
        digest = hashlib.sha256()
        async for chunk in self._chunks.find({"files_id": upload["files_id"]}).sort("n", 1):
            digest.update(chunk["data"])
        if digest.hexdigest() != sha256:
            await self._drop(upload)
            raise WrongContent(
                f"the whole has the sha256 {digest.hexdigest()}, not {sha256}: all of it was dropped"
            )
        file: dict[str, Any] = {
            "_id": upload["files_id"],
            "filename": sha256,
            "length": upload["length"],
            "chunkSize": PIECE_BYTES,
            "uploadDate": datetime.datetime.now(datetime.UTC),
            **marks,
        }
        try:
            await self._files.insert_one(file)
        except DuplicateKeyError:
            # Somebody else was first with the same content.
            await self._drop(upload)
            return
        await self._uploads.delete_one({"_id": upload["_id"]})

    async def _drop(self, upload: Document) -> None:
        await self._uploads.delete_one({"_id": upload["_id"]})
        await self._chunks.delete_many({"files_id": upload["files_id"]})
