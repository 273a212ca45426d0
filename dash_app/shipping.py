"""Scripts of the HQ host on their way to agents: bundled, stored as blobs, and named by content.

A script that did not change is not packed again: what is remembered holds as
long as its files, and the folders that they are in, have not been touched.
"""

import asyncio
import os
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from pathlib import Path

from msgspec import Struct

from hq.rest.blobs import Blobs
from idlehands.bundle import Bundle, build_bundle
from idlehands.environments import choose_environment
from schemas.specs import ScriptRef

_SCRIPTS_KEPT = 64
#: Housekeeping leaves a blob for much longer than this after it was asked for.
_STORED_SECONDS = 300.0
Stamp = tuple[tuple[str, int, int, int], ...]


class Shipped(Struct, frozen=True):
    """A script that agents can fetch."""

    script: ScriptRef
    #: `needs.environment` of its jobs.
    environment: str | None
    #: Its files, as they lie here.
    files: tuple[Path, ...]


class _Known(Struct):
    stamp: Stamp
    shipped: Shipped
    stored_at: float


class Shipping:
    """Ships the scripts of one house."""

    def __init__(self) -> None:
        self._known: OrderedDict[Path, _Known] = OrderedDict()

    async def ship(self, file: Path, blobs: Blobs) -> Shipped:
        """Return the script `file` as it is now, once agents can fetch it.

        Raises:
            BundleError: If it cannot be bundled; the message says why.
        """
        known = self._known.get(file)
        if known is not None:
            stamp = await asyncio.to_thread(_stamp, known.shipped.files)
            if stamp == known.stamp and time.monotonic() - known.stored_at < _STORED_SECONDS:
                self._known.move_to_end(file)
                return known.shipped
        # Looked at before it is read: what changes in between is packed anew the next time.
        shipped, stamp, bundle = await asyncio.to_thread(_pack, file)
        await blobs.store(bundle.sha256, _pieces(bundle))
        self._known[file] = _Known(stamp, shipped, time.monotonic())
        self._known.move_to_end(file)
        if len(self._known) > _SCRIPTS_KEPT:
            self._known.popitem(last=False)
        return shipped


def _pack(file: Path) -> tuple[Shipped, Stamp, Bundle]:
    environment, beside = choose_environment(file)
    # Which files there are is known only afterwards: packed until nothing changed meanwhile.
    bundle = build_bundle(file, beside)
    while True:
        files = tuple(file.parent / name for name in bundle.files)
        stamp = _stamp(files)
        again = build_bundle(file, beside)
        if again.sha256 == bundle.sha256:
            script = ScriptRef(bundle.sha256, bundle.entry, file.stem[:200])
            return Shipped(script, environment, files), stamp, bundle
        bundle = again


def _stamp(files: tuple[Path, ...]) -> Stamp:
    """Return what changes when one of the files does, or when one comes beside them."""
    places = {*map(str, files), *(str(file.parent) for file in files)}
    found = []
    for place in sorted(places):
        try:
            status = os.stat(place)
        except OSError:
            found.append((place, 0, 0, 0))
            continue
        found.append((place, status.st_mtime_ns, status.st_size, status.st_ino))
    return tuple(found)


async def _pieces(bundle: Bundle) -> AsyncIterator[bytes]:
    yield bundle.content
