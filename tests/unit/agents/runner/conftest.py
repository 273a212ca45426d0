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
        #: Uploads in pieces, as far as they came; and after how many bytes the next transfers break off.
        self.pieces: dict[str, bytes] = {}
        self.break_after: list[int] = []
        #: What is answered to a GET elsewhere below REST's root, by path.
        self.documents: dict[str, bytes] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: BlobServer

    def do_GET(self) -> None:
        name = self._begin()
        if name is None:
            return
        if "/" in name and not name.endswith("/pieces"):
            found = self.server.documents.get(name.partition("/api/v1/")[2])
            self._answer(404 if found is None else 200, found or b"{}")
            return
        if name.endswith("/pieces"):
            self._get_pieces(name.removesuffix("/pieces"))
            return
        content = self.server.blobs.get(name)
        if content is None:
            self._answer(404, b'{"code": "not_found"}')
            return
        start = int((self.headers["Range"] or "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        if start and start >= len(content):
            self._answer(416, b"{}")
            return
        content = content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.server.truncate or self.server.break_after:
            end = self.server.break_after.pop(0) if self.server.break_after else len(content) // 2
            content = content[:end]
        self.wfile.write(content)

    def _get_pieces(self, name: str) -> None:
        received = len(self.server.pieces.get(name, b""))
        whole = name in self.server.blobs
        self._answer(200, b'{"received": %d, "whole": %s}' % (received, b"true" if whole else b"false"))

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        name = self._begin()
        if name is None:
            return
        name = name.removesuffix("?checkpoint=true").removesuffix("&checkpoint=true")
        if "/pieces/" not in name:
            self.server.blobs[name] = content
            self._answer(201, b"{}")
            return
        name, _, rest = name.partition("/pieces/")
        offset, total = (int(number) for number in rest.split("?total="))
        there = self.server.pieces.get(name, b"")
        assert offset == len(there)
        if self.server.break_after:
            self.server.pieces[name] = there + content[: self.server.break_after.pop(0)]
            self.close_connection = True
            return
        self.server.pieces[name] = there + content
        if offset + len(content) == total:
            self.server.blobs[name] = self.server.pieces.pop(name)
        self._get_pieces(name)

    def _begin(self) -> str | None:
        self.server.requests.append(f"{self.command} {self.path}")
        if self.headers["Authorization"] != "Bearer secret":
            self._answer(401, b"no token")
        elif self.server.failures:
            self._answer(self.server.failures.pop(0), b"not now")
        else:
            return self.path.rpartition("/api/v1/blobs/")[2].removesuffix("?checkpoint=true")
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
