"""/blobs/{sha256}: content by its hash, streamed both ways."""

import re

from fastapi import APIRouter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from hq.rest.blobs import BlobTooBig, WrongContent
from hq.rest.database import Document
from hq.rest.house import House, answer
from hq.rest.links import STORED
from hq.rest.parameters import OnePathBlob
from hq.rest.problems import Problem, not_found

_SHA256 = re.compile(r"[0-9a-f]{64}")
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
    async def put_blob(sha256: OnePathBlob, request: Request) -> Response:
        """Store content under its sha256. 201 when it is new, 200 when it was there; safe to repeat."""
        _check(sha256)
        try:
            new = await house.blobs.store(sha256, request.stream())
        except WrongContent as error:
            raise Problem(422, "wrong_hash", f"{error}.") from None
        except BlobTooBig as error:
            raise Problem(413, "too_big", f"{error}.") from None
        except ClientDisconnect:
            raise Problem(400, "incomplete", "The body ended early; nothing was stored.") from None
        return answer({"sha256": sha256, "new": new}, 201 if new else 200)

    @router.get("/blobs/{sha256}", response_class=BinaryResponse)
    async def get_blob(sha256: OnePathBlob) -> Response:
        """Return content by its sha256. A body that is short is damaged: do not use it."""
        blob = await _find(sha256)
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

    async def _find(sha256: str) -> Document:
        blob = await house.blobs.find(_check(sha256))
        if blob is None:
            raise not_found("blob", sha256)
        return blob

    return router


def _check(sha256: str) -> str:
    if not _SHA256.fullmatch(sha256):
        raise Problem(422, "bad_hash", "A blob is named by its sha256: 64 lower-case hex digits.")
    return sha256


def _headers(blob: Document, sha256: str) -> dict[str, str]:
    return {
        "content-length": str(int(blob["length"])),
        "etag": f'"{sha256}"',
        "cache-control": "private, max-age=31536000, immutable",
        "content-disposition": "attachment",
    }
