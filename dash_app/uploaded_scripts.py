"""Scripts that somebody sent by the browser: stored as bundles, and found again by what addresses call them.

`upload:SHA256/train.py` is the script `train.py` of that bundle. Nothing else is kept: a bundle that no job
uses goes as any blob does, and is sent again.
"""

import asyncio
import hashlib
import re
from collections import OrderedDict
from collections.abc import AsyncIterator
from pathlib import Path

from dash_app.script_folders import Found
from dash_app.uploads import UploadRefused, entries_of, read_bundle, read_upload
from hq.rest.blobs import Blobs
from idlehands.bundle import pack_files
from idlehands.environments import choose_among
from schemas.arguments.reading import read_script
from schemas.arguments.tree import BYTES_AT_MOST

PREFIX = "upload:"
_NAME = re.compile(r"upload:([0-9a-f]{64})/([^/\\:\x00-\x1f]{1,120}\.py)")
#: As large as a bundle of an upload can become, packed badly.
_PACKED_AT_MOST = 40 * 1024 * 1024
_FOUND_KEPT = 32


class UploadsOff(Exception):
    """The house takes no scripts from browsers."""


class UploadedScripts:
    """The uploads among one house's blobs.

    Args:
        switch: The file that is there while uploads are allowed; None: never.
    """

    def __init__(self, switch: Path | None) -> None:
        self._switch = switch
        self._found: OrderedDict[str, Found] = OrderedDict()
        # Each may take tens of megabytes while it is read.
        self._at_once = asyncio.Semaphore(2)

    def are_allowed(self) -> bool:
        """Tell whether scripts from browsers are taken now."""
        return self._switch is not None and self._switch.exists()

    async def store(self, blobs: Blobs, name: str, content: bytes) -> str:
        """Store what was sent, and return what addresses call its script.

        Raises:
            UploadRefused: If it is no script that can be taken.
            UploadsOff: If none is taken.
        """
        if not self.are_allowed():
            raise UploadsOff
        async with self._at_once:
            files = await asyncio.to_thread(read_upload, name, content)
            bundle = await asyncio.to_thread(pack_files, files)
        sha256 = hashlib.sha256(bundle).hexdigest()
        await blobs.store(sha256, _pieces(bundle))
        return f"{PREFIX}{sha256}/{entries_of(files)[0]}"

    async def find(self, blobs: Blobs, name: str) -> Found | None:
        """Return the uploaded script that is called so; None when there is none, or none any more."""
        if not self.are_allowed():
            return None
        if name in self._found:
            self._found.move_to_end(name)
            return self._found[name]
        found = _NAME.fullmatch(name)
        files = None if found is None else await self._read(blobs, found[1])
        if found is None or files is None or found[2] not in files:
            return None
        made = await asyncio.to_thread(_describe, name, found[1], found[2], files)
        self._found[name] = made
        while len(self._found) > _FOUND_KEPT:
            self._found.popitem(last=False)
        return made

    async def choose_environment(self, blobs: Blobs, found: Found, asked: str) -> str | None:
        """Return what an uploaded script is to run in, and see to it that its bundle stays a while.

        Raises:
            UploadRefused: If the bundle is gone.
            BundleError: As `choose_among`.
        """
        files = await self._read(blobs, found.bundle)
        if files is None:
            self._found.pop(found.name, None)
            raise UploadRefused("What was uploaded is not stored any more. Upload it again.")
        return choose_among(found.file.name, files.get, asked)[0]

    async def _read(self, blobs: Blobs, sha256: str) -> dict[str, bytes] | None:
        blob = await blobs.find(sha256)
        if blob is None or int(blob["length"]) > _PACKED_AT_MOST:
            return None
        await blobs.note_wanted(blob)
        async with self._at_once:
            content = b"".join([piece async for piece in blobs.read(blob, sha256)])
            try:
                return await asyncio.to_thread(read_bundle, content)
            except UploadRefused:
                return None


def _describe(name: str, sha256: str, entry: str, files: dict[str, bytes]) -> Found:
    source = files[entry][: BYTES_AT_MOST + 1]
    return Found(
        name,
        Path(entry),
        read_script(source),
        source.decode("utf-8", "replace"),
        bundle=sha256,
        entries=tuple(entries_of(files)),
    )


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    yield content
