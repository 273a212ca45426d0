"""A bench to run scripts on, and a REST that stores blobs."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.unit.agents.runner.attempts import Bench


class BlobServer(ThreadingHTTPServer):
    """`GET` and `PUT /api/v1/blobs/{sha256}` as REST has them, with failures on demand."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.blobs: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.failures: list[int] = []
        self.truncate = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: BlobServer

    def do_GET(self) -> None:
        name = self._begin()
        if name is None:
            return
        content = self.server.blobs.get(name)
        if content is None:
            self._answer(404, b'{"code": "not_found"}')
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if self.server.truncate else content)

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        name = self._begin()
        if name is not None:
            self.server.blobs[name] = content
            self._answer(201, b"{}")

    def _begin(self) -> str | None:
        self.server.requests.append(f"{self.command} {self.path}")
        if self.headers["Authorization"] != "Bearer secret":
            self._answer(401, b"no token")
        elif self.server.failures:
            self._answer(self.server.failures.pop(0), b"not now")
        else:
            return self.path.rpartition("/api/v1/blobs/")[2]
        return None

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def rest() -> Iterator[BlobServer]:
    """A server for blobs on a free port."""
    server = BlobServer()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A bench whose bundles are in the cache already and whose REST is unknown."""
    bench = Bench(tmp_path, upload_patience_seconds=0.3)
    yield bench
    bench.close()
