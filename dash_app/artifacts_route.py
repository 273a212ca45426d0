"""What a job's script kept, for the browser of somebody who is logged in: as a download or a picture.

    /jobs/{job}/artifacts/{token}/{number}          the file, as a download
    /jobs/{job}/artifacts/{token}/{number}/picture  the same, to be shown, if it is a picture

A file is named by its place in an attempt's result: a session reaches what jobs
kept, and no other blob. Scripts choose what is in these files, so nothing of them
may run here: downloads are never of a type that a browser opens, pictures are told
by their first bytes and are never SVG, and both come with a sandbox around them.
"""

from typing import Any
from urllib.parse import quote

from fastapi import FastAPI
from starlette.responses import Response, StreamingResponse

from hq.rest import queries
from hq.rest.house import House
from hq.rest.parameters import checked_job
from hq.rest.policy import ARTIFACT, ARTIFACT_PICTURE
from hq.rest.problems import Problem

#: Larger pictures are there as downloads only.
MOST_PICTURE_BYTES = 4 * 1024 * 1024
#: First bytes of what browsers draw without running anything in it.
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
_PICTURE_NAMES = (".png", ".jpg", ".jpeg", ".gif", ".webp")
SAFETY = {
    "content-security-policy": "sandbox; default-src 'none'",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "private, max-age=3600",
}


def may_be_picture(artifact: dict[str, Any]) -> bool:
    """Tell whether a page may ask for this file as a picture, by its name and size."""
    name = str(artifact.get("name", "")).lower()
    return name.endswith(_PICTURE_NAMES) and 0 < int(artifact.get("bytes", 0)) <= MOST_PICTURE_BYTES


def picture_type(start: bytes) -> str | None:
    """Return the media type of a picture that begins so; None when it is none that is shown."""
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in _MAGIC if start.startswith(magic)), None)


def add_routes(app: FastAPI, house: House) -> None:
    """Add the routes; the gate lets nobody here who is not logged in."""

    @app.get(ARTIFACT, include_in_schema=False)
    async def download(job: str, token: int, number: int) -> Response:
        artifact, blob = await find_artifact(house, job, token, number)
        headers = {
            **SAFETY,
            "content-length": str(int(blob["length"])),
            "content-disposition": _disposition(str(artifact["name"])),
        }
        content = house.blobs.read(blob, artifact["sha256"])
        return StreamingResponse(content, headers=headers, media_type="application/octet-stream")

    @app.get(ARTIFACT_PICTURE, include_in_schema=False)
    async def picture(job: str, token: int, number: int) -> Response:
        artifact, blob = await find_artifact(house, job, token, number)
        if int(blob["length"]) > MOST_PICTURE_BYTES:
            raise Problem(413, "too_big", "This picture is too large to be shown; download it.")
        content = b"".join([piece async for piece in house.blobs.read(blob, artifact["sha256"])])
        kind = picture_type(content)
        if kind is None:
            raise Problem(415, "no_picture", "This is no PNG, JPEG, GIF or WebP picture; download it.")
        return Response(content, 200, SAFETY, kind)


async def find_artifact(
    house: House, job: str, token: int, number: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what a result says of a file, and the blob.

    Raises:
        Problem: 404 when there is no such job, result or file, or when it is not stored any more.
    """
    found = await queries.read_job(house.database, checked_job(job))
    results = (found or {}).get("results", ())
    kept = next((one["result"].get("artifacts") or () for one in results if one["token"] == token), ())
    if not 0 <= number < len(kept):
        raise Problem(404, "not_found", f"Job {job} kept no such file.")
    artifact: dict[str, Any] = kept[number]
    blob = await house.blobs.find(artifact["sha256"])
    if blob is None:
        raise Problem(404, "not_found", "This file is not stored (any more).")
    return artifact, blob


def _disposition(name: str) -> str:
    """Return the header that names a download: a path becomes one word, and no character ends the header."""
    flat = name.replace("/", "_").replace("\\", "_")
    plain = "".join(one if (one.isalnum() and one.isascii()) or one in "._- " else "_" for one in flat)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(flat, safe='')}"
