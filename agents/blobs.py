"""Blobs by their sha256, over REST: `GET` and `PUT /api/v1/blobs/{sha256}` with a bearer token.

A plain HTTP/1.1 client, over https verified by the house's CA and REST's fixed
name: no proxy from the environment and no redirect is followed, as the token
must not leave the house. It checks what it receives
against the name, and repeats what may be better in a moment.
"""

import hashlib
import http.client
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from bus.settings import BusSettingsError, read_web_context

_CHUNK = 256 * 1024
_TIMEOUT_SECONDS = 20.0
_FIRST_PAUSE_SECONDS = 0.1
_LAST_PAUSE_SECONDS = 2.0

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
        """Write a blob to `target`, a new file; repeats for `patience_seconds`.

        Raises:
            BlobRefused: If REST says no.
            BlobBroken: If the content has another hash or more than `max_bytes`.
            BlobUnavailable: If it did not work in time; the message has the last reason.
        """
        self._repeat(lambda: self._download_once(sha256, target, max_bytes), patience_seconds, wait)

    def upload(self, sha256: str, source: Path, *, patience_seconds: float, wait: Wait) -> None:
        """Store a file as the blob `sha256`. Safe to repeat: a blob is what its name says.

        Raises:
            BlobRefused: If REST says no.
            BlobUnavailable: If it did not work in time; the message has the last reason.
        """
        self._repeat(lambda: self._upload_once(sha256, source), patience_seconds, wait)

    def _repeat(self, work: Callable[[], None], patience_seconds: float, wait: Wait) -> None:
        waited, pause = 0.0, _FIRST_PAUSE_SECONDS
        while True:
            try:
                work()
                return
            except (BlobRefused, BlobBroken):
                raise
            except (BlobUnavailable, OSError, http.client.HTTPException) as error:
                reason = str(error) or type(error).__name__
            if waited >= patience_seconds:
                raise BlobUnavailable(f"{reason} (tried for {patience_seconds:g} s)") from None
            if wait(pause):
                raise BlobUnavailable(f"given up, as the attempt was stopped; before that: {reason}")
            waited += pause
            pause = min(2 * pause, _LAST_PAUSE_SECONDS)

    def _download_once(self, sha256: str, target: Path, max_bytes: int) -> None:
        connection, path = self._connect(sha256)
        try:
            connection.request("GET", path, headers=self._headers())
            response = connection.getresponse()
            _check(response)
            hashed, size = hashlib.sha256(), 0
            with open(target, "wb") as file:
                while chunk := response.read(_CHUNK):
                    size += len(chunk)
                    if size > max_bytes:
                        raise BlobBroken(f"it has more than the {max_bytes} bytes that are allowed")
                    hashed.update(chunk)
                    file.write(chunk)
            if response.length:
                raise BlobUnavailable(f"the connection ended {response.length} bytes too early")
        finally:
            connection.close()
        if hashed.hexdigest() != sha256:
            raise BlobBroken(f"its content has the sha256 {hashed.hexdigest()}, not {sha256}")

    def _upload_once(self, sha256: str, source: Path) -> None:
        connection, path = self._connect(sha256)
        try:
            size = os.stat(source).st_size
            headers = {
                **self._headers(),
                "Content-Length": str(size),
                "Content-Type": "application/octet-stream",
            }
            connection.request("PUT", path, body=_read_chunks(source), headers=headers)
            _check(connection.getresponse())
        finally:
            connection.close()

    def _connect(self, sha256: str) -> tuple[http.client.HTTPConnection, str]:
        try:
            url = self._rest_url()
        except ValueError as error:
            raise BlobRefused(f"{error}.") from None
        if not url:
            raise BlobUnavailable("HQ has not said yet where REST is")
        parts = urlsplit(url)
        if not parts.hostname or parts.scheme not in ("http", "https"):
            raise BlobRefused(f"{url!r} is no URL of REST; HQ's --rest must be like http://host:port")
        path = f"{parts.path.rstrip('/')}/api/v1/blobs/{sha256}"
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
    if response.status in (408, 425, 429) or response.status >= 500:
        raise BlobUnavailable(text)
    raise BlobRefused(text)


def _read_chunks(source: Path) -> Iterator[bytes]:
    with open(source, "rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk
