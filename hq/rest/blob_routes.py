"""/blobs/{sha256}: content by its hash, streamed both ways."""

import re
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from hq.rest.blobs import BlobTooBig, WrongContent
from hq.rest.database import Document
from hq.rest.house import House, answer, principal_of
from hq.rest.links import STORED
from hq.rest.parameters import OnePathBlob
from hq.rest.problems import Problem, not_found
from hq.rest.uploads import DiskFull, WrongOffset

_SHA256 = re.compile(r"[0-9a-f]{64}")
_RANGE = re.compile(r"bytes=(\d{1,15})-(\d{0,15})")
PARTIAL: dict[int | str, dict[str, Any]] = {
    206: {
        "description": "A part.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
OneRange = Annotated[
    str | None, Header(alias="range", description="`bytes=N-` or `bytes=N-M`; others are not understood.")
]
OneOffset = Annotated[int, Path(ge=0, le=2**53 - 1)]
AsCheckpoint = Annotated[
    bool, Query(description="It is a job's checkpoint: unless a job names it, it goes after an hour.")
]
Total = Annotated[int, Query(ge=0, le=2**53 - 1, description="Bytes of the whole blob.")]
_BINARY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


class BinaryResponse(Response):
    """What a blob is answered as; for the OpenAPI document."""

    media_type = "application/octet-stream"


def build_router(house: House) -> APIRouter:
    """Return the routes below the API's root."""
    router = APIRouter(tags=["blobs"])

    @router.put("/blobs/{sha256}", status_code=201, openapi_extra=_BINARY, responses=STORED)
    async def put_blob(sha256: OnePathBlob, request: Request, checkpoint: AsCheckpoint = False) -> Response:
        """Store content under its sha256. 201 when it is new, 200 when it was there; safe to repeat."""
        _check(sha256)
        try:
            new = await house.blobs.store(sha256, request.stream(), as_checkpoint=checkpoint)
        except WrongContent as error:
            raise Problem(422, "wrong_hash", f"{error}.") from None
        except BlobTooBig as error:
            raise Problem(413, "too_big", f"{error}.") from None
        except ClientDisconnect:
            raise Problem(400, "incomplete", "The body ended early; nothing was stored.") from None
        return answer({"sha256": sha256, "new": new}, 201 if new else 200)

    @router.get("/blobs/{sha256}", response_class=BinaryResponse, responses=PARTIAL)
    async def get_blob(sha256: OnePathBlob, range_: OneRange = None) -> Response:
        """Return content by its sha256, or with `Range: bytes=N-` what of it is missing.

        A body that is short is damaged: do not use it. Of a part, only the whole can be checked.
        """
        blob = await _find(sha256)
        length = int(blob["length"])
        part = read_range(range_, length)
        if part is not None:
            start, end = part
            said = {"content-range": f"bytes {start}-{end - 1}/{length}", "content-length": str(end - start)}
            return StreamingResponse(
                house.blobs.read_from(blob, start, end - start),
                206,
                headers=_headers(blob, sha256) | said,
                media_type="application/octet-stream",
            )
        return StreamingResponse(
            house.blobs.read(blob, sha256),
            headers=_headers(blob, sha256),
            media_type="application/octet-stream",
        )

    @router.head("/blobs/{sha256}", response_class=BinaryResponse)
    async def head_blob(sha256: OnePathBlob) -> Response:
        """Say whether there is such content, and its length."""
        blob = await _find(sha256)
        # Whoever finds it here will not send it, and submits.
        await house.blobs.note_wanted(blob)
        return Response(headers=_headers(blob, sha256), media_type="application/octet-stream")

    @router.get("/blobs/{sha256}/pieces")
    async def get_pieces(sha256: OnePathBlob, request: Request, checkpoint: AsCheckpoint = False) -> Response:
        """Say how much of an upload in pieces is there: where the next piece begins."""
        by = principal_of(request).name
        return answer(await house.uploads.read(_check(sha256), by, as_checkpoint=checkpoint))

    @router.put("/blobs/{sha256}/pieces/{offset}", openapi_extra=_BINARY)
    async def put_piece(
        sha256: OnePathBlob,
        offset: OneOffset,
        total: Total,
        request: Request,
        checkpoint: AsCheckpoint = False,
    ) -> Response:
        """Store a piece of a large blob, at the offset that `pieces` says. Whole at the last one.

        A piece of a multiple of 261,120 bytes is kept as a whole, also as far as it came when it breaks off.
        """
        by = principal_of(request).name
        try:
            found = await house.uploads.add(
                _check(sha256), by, offset, total, request.stream(), as_checkpoint=checkpoint
            )
        except WrongContent as error:
            raise Problem(422, "wrong_hash", f"{error}.") from None
        except WrongOffset as error:
            raise Problem(409, "wrong_offset", f"{error}.") from None
        except BlobTooBig as error:
            raise Problem(413, "too_big", f"{error}.") from None
        except DiskFull as error:
            raise Problem(507, "disk_full", f"{error}.") from None
        except ClientDisconnect:
            raise Problem(400, "incomplete", "The body ended early; ask how much is there.") from None
        return answer(found)

    async def _find(sha256: str) -> Document:
        blob = await house.blobs.find(_check(sha256))
        if blob is None:
            raise not_found("blob", sha256)
        return blob

    return router


def read_range(given: str | None, length: int) -> tuple[int, int] | None:
    """Return where the wanted part begins and ends; None for the whole, as for what cannot be understood.

    Raises:
        Problem: 416 if it lies beyond the end.
    """
    found = _RANGE.fullmatch(given or "")
    if found is None:
        return None
    start = int(found[1])
    end = min(int(found[2]) + 1, length) if found[2] else length
    if found[2] and int(found[2]) < start:
        return None
    if start >= length:
        raise Problem(
            416, "beyond_the_end", f"It has {length} bytes only.", {"content-range": f"bytes */{length}"}
        )
    return start, end


def _check(sha256: str) -> str:
    if not _SHA256.fullmatch(sha256):
        raise Problem(422, "bad_hash", "A blob is named by its sha256: 64 lower-case hex digits.")
    return sha256


def _headers(blob: Document, sha256: str) -> dict[str, str]:
    return {
        "content-length": str(int(blob["length"])),
        "etag": f'"{sha256}"',
        "accept-ranges": "bytes",
        "cache-control": "private, max-age=31536000, immutable",
        "content-disposition": "attachment",
    }
