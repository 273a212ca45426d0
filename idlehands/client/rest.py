"""REST as the client uses it: read models and blobs, with the standard library only."""

import contextlib
import hashlib
import http.client
import threading
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from bus.settings import BusSettingsError, read_web_context
from idlehands.client.errors import HqUnreachable, RequestRefused

API = "/api/v1"
TIMEOUT_SECONDS = 30.0
UNAVAILABLE = 503


class Rest:
    """One connection to the web process, kept open. Safe to use from several threads."""

    def __init__(
        self,
        url: str,
        token_file: Path,
        ca_file: Path | None = None,
        *,
        https_only: bool = False,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        """Take the server's URL, such as `http://127.0.0.1:8080`, and where the bearer token is.

        Args:
            url: With or without `/api/v1`.
            token_file: Holds the bearer token.
            ca_file: The house's CA, for an https URL.
            https_only: Refuse any other URL: whoever named it may want the token.
            timeout_seconds: How long one answer may take.

        Raises:
            RequestRefused: If it is refused.
        """
        if https_only and not url.startswith("https://"):
            raise RequestRefused(
                "not_https",
                f"HQ names plain HTTP for REST ({url}), and this house serves https only. Somebody may own "
                "its broker: look at `idlehands status` on the HQ host.",
            )
        self.url = url.rstrip("/").removesuffix(API) + API
        self._token_file = token_file
        self._timeout_seconds = timeout_seconds
        self._ca_file = ca_file or token_file.with_name("ca.pem")
        self._parts = urllib.parse.urlsplit(self.url)
        self._lock = threading.Lock()
        self._connection: http.client.HTTPConnection | None = None

    def get(self, path: str, **query: Any) -> Any:
        """Return the JSON at `path` below the base URL; queries that are None are left out.

        Raises:
            RequestRefused: With the server's code and words.
            HqUnreachable: If the web process does not answer.
        """
        given = {name: value for name, value in query.items() if value is not None}
        tail = f"?{urllib.parse.urlencode(given)}" if given else ""
        return msgspec.json.decode(self.send("GET", path + tail))

    def pages(self, path: str, field: str, **query: Any) -> Iterator[Any]:
        """Yield the rows of all pages of a list, in its order."""
        after: str | None = None
        while True:
            page = self.get(path, after=after, **query)
            yield from page[field]
            after = page.get("next")
            if after is None or not page[field]:
                return

    def put_blob(self, content: bytes) -> str:
        """Store content under its sha256, which is returned. Does not send what is there already.

        Raises:
            RequestRefused: With the server's code and words.
            HqUnreachable: If the web process does not answer.
        """
        sha256 = hashlib.sha256(content).hexdigest()
        try:
            self.send("HEAD", f"/blobs/{sha256}")
        except RequestRefused as refused:
            if refused.code != "not_found":
                raise
            self.send("PUT", f"/blobs/{sha256}", content, "application/octet-stream")
        return sha256

    def get_blob(self, sha256: str) -> bytes:
        """Return content by its sha256, checked.

        Raises:
            RequestRefused: If there is none, or what came is not it.
            HqUnreachable: If the web process does not answer.
        """
        content = self.send("GET", f"/blobs/{sha256}")
        if hashlib.sha256(content).hexdigest() != sha256:
            raise RequestRefused("damaged", f"The blob {sha256} came damaged. Ask again.")
        return content

    def close(self) -> None:
        """Close the connection. Safe to repeat; it opens again when needed."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextlib.contextmanager
    def stream(self, path: str, start: int = 0) -> Iterator[http.client.HTTPResponse]:
        """Open what is at `path`, from byte `start` on if that is possible (206), on a connection of its own.

        Raises:
            RequestRefused: With the server's code and words.
            HqUnreachable: If the web process does not answer.
        """
        headers = {"authorization": f"Bearer {self._read_token()}"}
        if start:
            headers["range"] = f"bytes={start}-"
        connection = self._new_connection()
        try:
            try:
                connection.request("GET", self._parts.path + path, headers=headers)
                response = connection.getresponse()
            except OSError as error:
                raise self._unreachable(error) from None
            if response.status >= 400:
                raise _refused(response.status, "GET", response.read())
            with response:
                yield response
        finally:
            connection.close()

    def send(self, method: str, path: str, body: bytes | None = None, kind: str | None = None) -> bytes:
        """Send one request and return the body of the answer. Sent again on a connection that was closed.

        Raises:
            RequestRefused: With the server's code and words.
            HqUnreachable: If the web process does not answer.
        """
        headers = {"authorization": f"Bearer {self._read_token()}"}
        if kind is not None:
            headers["content-type"] = kind
        with self._lock:
            # A kept connection may have been closed by the other side meanwhile: a second try is safe,
            # since everything that is sent here can be repeated.
            for attempt in (1, 2):
                try:
                    status, content = self._exchange(method, path, body, headers)
                    break
                except (OSError, http.client.HTTPException) as error:
                    fresh = self._connection is None or attempt == 2
                    if self._connection is not None:
                        self._connection.close()
                        self._connection = None
                    if fresh:
                        raise self._unreachable(error) from None
        if status >= 400:
            raise _refused(status, method, content)
        return content

    def _exchange(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        if self._connection is None:
            connection = self._new_connection()
            connection.connect()
            self._connection = connection
        self._connection.request(method, self._parts.path + path, body, headers)
        response = self._connection.getresponse()
        return response.status, response.read()

    def _new_connection(self) -> http.client.HTTPConnection:
        if self._parts.scheme != "https":
            return http.client.HTTPConnection(self._parts.netloc, timeout=self._timeout_seconds)
        try:
            context = read_web_context(self._ca_file)
        except BusSettingsError as error:
            raise RequestRefused("no_ca", str(error)) from None
        timeout = self._timeout_seconds
        return http.client.HTTPSConnection(self._parts.netloc, timeout=timeout, context=context)

    def _read_token(self) -> str:
        try:
            return self._token_file.read_text().strip()
        except OSError as error:
            raise RequestRefused(
                "no_token",
                f"Cannot read the REST token {self._token_file}: {error.strerror}. "
                "`idlehands token create --role operator --name NAME` on the HQ host makes one.",
            ) from None

    def _unreachable(self, error: Exception) -> HqUnreachable:
        what = "refused the connection" if isinstance(error, ConnectionRefusedError) else str(error)
        return HqUnreachable(
            f"REST at {self.url} does not answer ({what or type(error).__name__}). "
            "`idlehands status` on the HQ host says whether `web` runs."
        )


class _Problem(msgspec.Struct):
    code: str = "refused"
    detail: str = ""


_CODES = {401: "unauthorized", 403: "forbidden", 404: "not_found"}


def _refused(status: int, method: str, content: bytes) -> RequestRefused | HqUnreachable:
    refusal = _refusal(status, method, content)
    # The server is there and cannot just now: asking again is what helps.
    return HqUnreachable(str(refusal)) if status == UNAVAILABLE else refusal


def _refusal(status: int, method: str, content: bytes) -> RequestRefused:
    if method == "HEAD" or not content:
        return RequestRefused(_CODES.get(status, "refused"), f"REST answered {status}.")
    try:
        problem = msgspec.json.decode(content, type=_Problem)
    except msgspec.DecodeError:
        return RequestRefused(_CODES.get(status, "refused"), f"REST answered {status}: {content[:200]!r}")
    return RequestRefused(problem.code, problem.detail)
