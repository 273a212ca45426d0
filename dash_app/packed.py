"""The page's own scripts and styles: packed once, kept in memory, and kept by browsers.

ASGI middleware behind the gate. What is not the same for everybody never comes through here: packing
what holds secrets would let its length tell of them.
"""

import asyncio
import gzip
import re
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_STATIC = ("/assets/", "/_dash-component-suites/")
_WORTH = 1000
#: All of it is less; a bound for whatever else might be asked for below these paths.
_KEPT_BYTES = 24 * 1024 * 1024
#: The address says which version it is: what is at it never changes.
_VERSION = re.compile(rb"m=[\d.]{5,30}")
_VERSIONED = re.compile(r"\.v\d+_\d+_\d+m\d+\.")
_FOR_EVER = b"private, max-age=31536000, immutable"
_KINDS = ("text/", "application/javascript")


@dataclass
class _Answer:
    """What the application answers."""

    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message["headers"])
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    async def send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})


class Packed:
    """Answers from memory what was asked for before."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        #: By path: the query that it was asked with, and the answer.
        self._kept: dict[str, tuple[bytes, _Answer]] = {}
        self._bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _is_static(scope):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        path, query = scope["path"], scope.get("query_string", b"")
        known = self._kept.get(path)
        if known is not None and known[0] == query and "if-none-match" not in headers:
            await known[1].send(send)
            return
        answer = _Answer()
        await self._app(scope, receive, answer.take)
        if answer.status == 200:
            if _VERSION.fullmatch(query) or _VERSIONED.search(path):
                _set(answer.headers, b"cache-control", _FOR_EVER)
            if _is_text(answer):
                await asyncio.to_thread(_pack, answer)
                self._keep(path, query, answer)
        await answer.send(send)

    def _keep(self, path: str, query: bytes, answer: _Answer) -> None:
        before = self._kept.pop(path, None)
        self._bytes -= len(before[1].body) if before else 0
        if self._bytes + len(answer.body) <= _KEPT_BYTES:
            self._kept[path] = (query, answer)
            self._bytes += len(answer.body)


def _is_static(scope: Scope) -> bool:
    return (
        scope["type"] == "http"
        and scope["method"] == "GET"
        and scope["path"].startswith(_STATIC)
        and "gzip" in Headers(scope=scope).get("accept-encoding", "")
    )


def _is_text(answer: _Answer) -> bool:
    kind = next((value for name, value in answer.headers if name.lower() == b"content-type"), b"").decode()
    packed = any(name.lower() == b"content-encoding" for name, _ in answer.headers)
    return kind.startswith(_KINDS) and not packed and len(answer.body) >= _WORTH


def _pack(answer: _Answer) -> None:
    answer.body = gzip.compress(answer.body, 6, mtime=0)
    _set(answer.headers, b"content-encoding", b"gzip")
    _set(answer.headers, b"vary", b"accept-encoding")
    _set(answer.headers, b"content-length", str(len(answer.body)).encode())


def _set(headers: list[tuple[bytes, bytes]], name: bytes, value: bytes) -> None:
    headers[:] = [(known, old) for known, old in headers if known.lower() != name]
    headers.append((name, value))
