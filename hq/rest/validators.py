"""ETags: what was read already is not sent again.

Every JSON answer to a GET of the API has one, the hash of its body unless the
route knows better, and `If-None-Match` with it is answered 304 and nothing
more. Changes take no `If-Match`: each is a command that HQ decides on in the
order of its log, with conditions of its own; one that asks for more is refused.
"""

import hashlib

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hq.rest.policy import is_of_the_api
from hq.rest.problems import Problem

#: Larger answers are not kept back to be hashed.
_MOST_BYTES = 8 * 1024 * 1024


class Validators:
    """ASGI middleware, behind the gate."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not is_of_the_api(scope["path"]):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if scope["method"] != "GET":
            if "if-match" in headers:
                await _refused().response()(scope, receive, send)
                return
            await self._app(scope, receive, send)
            return
        await self._app(scope, receive, _Comparing(headers.get("if-none-match", ""), send).send)


class _Comparing:
    """Holds the beginning of an answer back until its body is there."""

    def __init__(self, known: str, send: Send) -> None:
        self._known, self._send = known, send
        self._start: Message | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_comparable(message):
            self._start = message
            return
        if self._start is not None:
            start, self._start = self._start, None
            if message.get("more_body") or len(message.get("body", b"")) > _MOST_BYTES:
                await self._send(start)
            else:
                start, message = _validated(start, message, self._known)
                await self._send(start)
        await self._send(message)


def _is_comparable(start: Message) -> bool:
    kind = Headers(raw=start["headers"]).get("content-type", "")
    return start["status"] == 200 and kind.partition(";")[0] == "application/json"


def _validated(start: Message, body: Message, known: str) -> tuple[Message, Message]:
    headers = MutableHeaders(raw=list(start["headers"]))
    if "etag" not in headers:
        headers["etag"] = f'"{hashlib.sha256(body.get("body", b"")).hexdigest()[:32]}"'
    # To be kept by whoever asked, and compared each time.
    headers["cache-control"] = "private, no-cache"
    if not is_known(headers["etag"], known):
        return {**start, "headers": headers.raw}, body
    for name in ("content-length", "content-type"):
        del headers[name]
    return {**start, "status": 304, "headers": headers.raw}, {**body, "body": b""}


def is_known(etag: str, known: str) -> bool:
    """Tell whether `If-None-Match` names this ETag; weak and strong ones are the same here (RFC 9110)."""
    given = [one.strip().removeprefix("W/") for one in known.split(",")]
    return "*" in given or etag.removeprefix("W/") in given


def weak_etag(content: bytes) -> str:
    """Return an ETag for what stands for an answer that differs in unimportant things each time."""
    return f'W/"{hashlib.sha256(content).hexdigest()[:32]}"'


def _refused() -> Problem:
    return Problem(
        412,
        "no_preconditions",
        "Changes take no If-Match: HQ decides on each in the order of its log, and refuses with 409 what "
        "cannot follow. Leave the header out; an Idempotency-Key makes a repeat safe.",
    )
