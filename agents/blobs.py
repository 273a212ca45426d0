"""Blobs by their sha256, over REST: `GET` and `PUT /api/v1/blobs/{sha256}` with a bearer token.

Large ones go in pieces and come in parts: a broken connection costs what was
under way, not what had arrived.

A plain HTTP/1.1 client, over https verified by the house's CA and REST's fixed
name: no proxy from the environment and no redirect is followed, as the token
must not leave the house. It checks what it receives
against the name, and repeats what may be better in a moment.
"""

import errno
import hashlib
import http.client
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from bus.settings import BusSettingsError, read_web_context

_CHUNK = 256 * 1024
_TIMEOUT_SECONDS = 20.0
_FIRST_PAUSE_SECONDS = 0.1
_LAST_PAUSE_SECONDS = 2.0
#: Larger ones go in pieces. REST keeps multiples of 255 KiB.
_PIECE_BYTES = 64 * 255 * 1024

#: Waits so many seconds; True means: give up, nobody wants it any more.
Wait = Callable[[float], bool]


class BlobUnavailable(Exception):
    """The blob could not be moved; the message says why."""


class BlobRefused(BlobUnavailable):
    """REST answered with a clear no (not found, not allowed, too big): repeating is useless."""


class BlobBroken(BlobUnavailable):
    """What REST sent is not what its name says, or is over the limit."""


class Blobs:
    """Moves blobs between files of this machine and REST. Safe to use from several threads."""

    def __init__(
        self, rest_url: Callable[[], str], token: Callable[[], str], cafile: Path | None = None
    ) -> None:
        """Remember where to ask; connects to nothing.

        Args:
            rest_url: Tells the base URL now, "" while it is not known; ValueError when it cannot be used.
            token: Tells the bearer token now.
            cafile: The house's CA, for an https URL.
        """
        self._rest_url, self._token, self._cafile = rest_url, token, cafile

    def download(
        self, sha256: str, target: Path, *, max_bytes: int, patience_seconds: float, wait: Wait
    ) -> None:
        """Write a blob to `target`; what is there of it already is not fetched again.

        Repeats until nothing more came for `patience_seconds`. `target` has no
        content after a refusal, and what has come so far after anything else.

        Raises:
            BlobRefused: If REST says no.
            BlobBroken: If the content has another hash or more than `max_bytes`.
            BlobUnavailable: If it did not work in time; the message has the last reason.
            OSError: If the disk does not take it.
        """
        with open(target, "a+b") as file:
            received = _Received(file, max_bytes, wait)
            try:
                self._repeat(
                    lambda: self._download_once(sha256, received),
                    lambda: received.size,
                    patience_seconds,
                    wait,
                )
                received.check(sha256)
            except (BlobRefused, BlobBroken):
                file.truncate(0)
                raise

    def upload(
        self, sha256: str, source: Path, *, patience_seconds: float, wait: Wait, as_checkpoint: bool = False
    ) -> None:
        """Store a file as the blob `sha256`. Safe to repeat: a blob is what its name says.

        Repeats until nothing more was taken for `patience_seconds`.

        Raises:
            BlobRefused: If REST says no.
            BlobUnavailable: If it did not work in time; the message has the last reason.
        """
        size = os.stat(source).st_size
        mark = "checkpoint=true" if as_checkpoint else ""
        if size <= _PIECE_BYTES:
            path = f"blobs/{sha256}?{mark}".rstrip("?")
            self._repeat(lambda: self._ask("PUT", path, source, 0, size), lambda: 0, patience_seconds, wait)
            return
        taken = 0

        def upload_pieces() -> None:
            nonlocal taken
            said = self._ask("GET", f"blobs/{sha256}/pieces?{mark}".rstrip("?"))
            while not said.get("whole"):
                taken = int(said["received"])
                if wait(0):
                    raise BlobUnavailable("nobody waits for it any more")
                path = f"blobs/{sha256}/pieces/{taken}?total={size}&{mark}".rstrip("&")
                said = self._ask("PUT", path, source, taken, min(_PIECE_BYTES, size - taken))
            taken = size

        self._repeat(upload_pieces, lambda: taken, patience_seconds, wait)

    def read_json(self, path: str, patience_seconds: float, wait: Wait) -> Any:
        """Return the JSON that is at `path` below REST's root; repeats for `patience_seconds`.

        Raises:
            BlobRefused: If REST says no.
            BlobUnavailable: If it did not work in time.
        """
        found: list[Any] = []
        self._repeat(lambda: found.append(self._ask("GET", path)), lambda: 0, patience_seconds, wait)
        return found[0]

    def _repeat(
        self, work: Callable[[], None], read_progress: Callable[[], int], patience_seconds: float, wait: Wait
    ) -> None:
        waited, pause, before = 0.0, _FIRST_PAUSE_SECONDS, read_progress()
        while True:
            try:
                work()
                return
            except (BlobRefused, BlobBroken):
                raise
            except (BlobUnavailable, OSError, http.client.HTTPException) as error:
                if _is_full(error):
                    raise
                reason = str(error) or type(error).__name__
            if read_progress() > before:
                waited, pause, before = 0.0, _FIRST_PAUSE_SECONDS, read_progress()
            if waited >= patience_seconds:
                raise BlobUnavailable(f"{reason} (tried for {patience_seconds:g} s)") from None
            if wait(pause):
                raise BlobUnavailable(f"given up, as the attempt was stopped; before that: {reason}")
            waited += pause
            pause = min(2 * pause, _LAST_PAUSE_SECONDS)

    def _download_once(self, sha256: str, received: "_Received") -> None:
        connection, path = self._connect(f"blobs/{sha256}")
        try:
            headers = self._headers()
            if received.size:
                headers["Range"] = f"bytes={received.size}-"
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            if response.status == 416:
                return  # All of it is here, or it is another's: its hash tells.
            _check(response)
            if response.status != 206:
                received.begin_anew()
            while chunk := response.read(_CHUNK):
                received.add(chunk)
            if response.length:
                raise BlobUnavailable(f"the connection ended {response.length} bytes too early")
        finally:
            connection.close()

    def _ask(self, method: str, what: str, source: Path | None = None, start: int = 0, size: int = 0) -> Any:
        """Return what REST answers, `source` from `start` on being the body."""
        connection, path = self._connect(what)
        try:
            headers, body = self._headers(), None
            if source is not None:
                headers |= {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
                body = _read_chunks(source, start, size)
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            _check(response)
            return json.loads(response.read() or b"{}")
        except ValueError as error:
            raise BlobUnavailable(f"REST answered what is no JSON: {error}") from None
        finally:
            connection.close()

    def _connect(self, what: str) -> tuple[http.client.HTTPConnection, str]:
        try:
            url = self._rest_url()
        except ValueError as error:
            raise BlobRefused(f"{error}.") from None
        if not url:
            raise BlobUnavailable("HQ has not said yet where REST is")
        parts = urlsplit(url)
        if not parts.hostname or parts.scheme not in ("http", "https"):
            raise BlobRefused(f"{url!r} is no URL of REST; HQ's --rest must be like http://host:port")
        path = f"{parts.path.rstrip('/')}/api/v1/{what}"
        if parts.scheme == "http":
            return http.client.HTTPConnection(parts.hostname, parts.port, timeout=_TIMEOUT_SECONDS), path
        if self._cafile is None:
            raise BlobRefused(f"{url!r} cannot be verified: the agent was given no CA certificate")
        try:
            context = read_web_context(self._cafile)
        except BusSettingsError as error:
            raise BlobUnavailable(str(error)) from None
        return (
            http.client.HTTPSConnection(
                parts.hostname, parts.port, timeout=_TIMEOUT_SECONDS, context=context
            ),
            path,
        )

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token().strip()}"}


def _check(response: http.client.HTTPResponse) -> None:
    if 200 <= response.status < 300:
        return
    said = response.read(300).decode("utf-8", "replace")
    text = f"REST answered {response.status} {response.reason}: {said}"
    # 409: another upload of the same is under way; how far it is can be asked.
    again = response.status in (408, 409, 425, 429) or response.status >= 500
    if again and response.status != 507:
        raise BlobUnavailable(text)
    raise BlobRefused(text)


def _read_chunks(source: Path, start: int, size: int) -> Iterator[bytes]:
    with open(source, "rb") as file:
        file.seek(start)
        while size and (chunk := file.read(min(_CHUNK, size))):
            size -= len(chunk)
            yield chunk


def _is_full(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


class _Received:
    """A file that grows by what arrives, and what it is so far."""

    def __init__(self, file: BinaryIO, max_bytes: int, wait: Wait) -> None:
        self._file, self._max_bytes, self._wait = file, max_bytes, wait
        self._hashed = hashlib.sha256()
        file.seek(0)
        while chunk := file.read(_CHUNK):
            self._hashed.update(chunk)
        self.size = file.tell()

    def begin_anew(self) -> None:
        """Forget what is here: REST sends all of it."""
        self._file.truncate(0)
        self._hashed, self.size = hashlib.sha256(), 0

    def add(self, chunk: bytes) -> None:
        """Append what arrived."""
        if self.size + len(chunk) > self._max_bytes:
            raise BlobBroken(f"it has more than the {self._max_bytes} bytes that are allowed")
        self._file.write(chunk)
        self._hashed.update(chunk)
        self.size += len(chunk)
        if self._wait(0):
            raise BlobUnavailable("nobody waits for it any more")

    def check(self, sha256: str) -> None:
        """Write all of it down, and refuse it when it is not what its name says."""
        self._file.flush()
        if self._hashed.hexdigest() != sha256:
            raise BlobBroken(f"its content has the sha256 {self._hashed.hexdigest()}, not {sha256}")
