"""REST's blobs, as far as agents need them: over plain HTTP on 127.0.0.1, from memory.

`GET` and `PUT /api/v1/blobs/{sha256}` with a bearer token, as P57 says. What it
holds under a hash may be something else: a check does that.
"""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

_PREFIX = "/api/v1/blobs/"
_LONGEST = 16 * 1024 * 1024


class BlobServer:
    """A server as long as it is entered; `url` is what HQ says under `rest`."""

    def __init__(self, token: str) -> None:
        self.held: dict[str, bytes] = {}
        self._token = token
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """Base of REST, without `/api/v1`."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def hold(self, content: bytes) -> str:
        """Keep content under its hash and return that."""
        sha256 = hashlib.sha256(content).hexdigest()
        self.held[sha256] = content
        return sha256

    def __enter__(self) -> "BlobServer":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        blobs = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if not self._may():
                    return
                content = blobs.held.get(self.path.removeprefix(_PREFIX))
                if content is None or not self.path.startswith(_PREFIX):
                    self._answer(404)
                    return
                self._answer(200, content)

            def do_PUT(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                if not self._may() or length > _LONGEST:
                    self.close_connection = True
                    return
                content = self.rfile.read(length)
                sha256 = hashlib.sha256(content).hexdigest()
                if self.path != _PREFIX + sha256:
                    self._answer(422)
                    return
                self._answer(200 if sha256 in blobs.held else 201)
                blobs.held.setdefault(sha256, content)

            def _may(self) -> bool:
                if self.headers.get("Authorization") == f"Bearer {blobs._token}":
                    return True
                self._answer(401)
                return False

            def _answer(self, status: int, content: bytes = b"") -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing: standard error belongs to the report."""

        return Handler
