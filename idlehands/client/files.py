"""Files to and from REST as blobs: large ones in pieces, going on where they broke off, checked by sha256."""

import hashlib
import http.client
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from idlehands.client.errors import HqUnreachable, RequestRefused
from idlehands.client.rest import Rest

#: REST keeps multiples of 255 KiB of what breaks off.
PIECE_BYTES = 64 * 255 * 1024
_CHUNK = 256 * 1024
#: Without anything new for so long it is given up.
PATIENCE_SECONDS = 20.0
_PAUSE_SECONDS = 0.5

#: Told now and then how many bytes are there, of how many.
OnBytes = Callable[[int, int], None]


def ignore(_done: int, _total: int) -> None:
    """Take no note of progress."""


def put_file(rest: Rest, file: Path, on_bytes: OnBytes = ignore) -> str:
    """Store a file as a blob and return its sha256. What is there of it already is not sent again.

    Raises:
        RequestRefused: With the server's code and words.
        HqUnreachable: If nothing more was taken for a while.
        OSError: If the file cannot be read.
    """
    with open(file, "rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    total = os.stat(file).st_size
    patience = _Patience()
    while True:
        try:
            said = rest.get(f"/blobs/{sha256}/pieces")
            while not said["whole"]:
                patience.note(said["received"])
                on_bytes(said["received"], total)
                said = _put_piece(rest, file, sha256, said["received"], total)
            on_bytes(total, total)
            return sha256
        except (HqUnreachable, OSError, http.client.HTTPException) as error:
            patience.wait(error)
        except RequestRefused as refused:
            if refused.code != "wrong_offset":
                raise
            patience.wait(refused)


def _put_piece(rest: Rest, file: Path, sha256: str, offset: int, total: int) -> Any:
    with open(file, "rb") as content:
        content.seek(offset)
        piece = content.read(PIECE_BYTES)
    path = f"/blobs/{sha256}/pieces/{offset}?total={total}"
    return msgspec.json.decode(rest.send("PUT", path, piece, "application/octet-stream"))


def get_file(rest: Rest, sha256: str, target: Path, on_bytes: OnBytes = ignore) -> None:
    """Write a blob to `target`, through `target` with `.partial`, which a later call goes on with.

    Raises:
        RequestRefused: If there is none, or what came is not it; then nothing of it stays.
        HqUnreachable: If nothing more came for a while.
        OSError: If the file cannot be written.
    """
    partial = target.with_name(f"{target.name}.partial")
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    patience = _Patience()
    with open(os.open(partial, flags, 0o666), "r+b") as file:
        hashed, size = hashlib.sha256(), 0
        while chunk := file.read(_CHUNK):
            hashed.update(chunk)
            size += len(chunk)
        while True:
            try:
                with rest.stream(f"/blobs/{sha256}", size) as response:
                    if response.status != 206:
                        hashed, size = hashlib.sha256(), 0
                        file.seek(0)
                        file.truncate()
                    total = size + (response.length or 0)
                    for chunk in _chunks_of(response):
                        file.write(chunk)
                        hashed.update(chunk)
                        size += len(chunk)
                        on_bytes(size, total)
                    if response.length:
                        raise HqUnreachable(f"{response.length} bytes did not come")
                break
            except (HqUnreachable, http.client.HTTPException, ConnectionError, TimeoutError) as error:
                patience.note(size)
                patience.wait(error)
            except RequestRefused as refused:
                if refused.code == "beyond_the_end":
                    break
                partial.unlink(missing_ok=True)
                raise
    if hashed.hexdigest() != sha256:
        partial.unlink()
        raise RequestRefused("damaged", f"The blob {sha256} came damaged and was not kept. Ask again.")
    os.replace(partial, target)


def _chunks_of(response: http.client.HTTPResponse) -> Iterator[bytes]:
    while chunk := response.read(_CHUNK):
        yield chunk


class _Patience:
    """Ends what does not get on."""

    def __init__(self) -> None:
        self._done = -1
        self._since = time.monotonic()

    def note(self, done: int) -> None:
        if done > self._done:
            self._done, self._since = done, time.monotonic()

    def wait(self, error: Exception) -> None:
        if time.monotonic() - self._since > PATIENCE_SECONDS:
            raise error if isinstance(error, HqUnreachable) else HqUnreachable(str(error)) from error
        time.sleep(_PAUSE_SECONDS)
