"""Counts the server's requests by method and status, in front of everything else."""

from collections import Counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE"})


class RequestCounts:
    """How many requests were answered how, since the start of the server."""

    def __init__(self) -> None:
        self.answered: Counter[tuple[str, str]] = Counter()


class CountRequests:
    """ASGI middleware, outermost."""

    def __init__(self, app: ASGIApp, counts: RequestCounts) -> None:
        self._app = app
        self._counts = counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # Whoever asks chooses the method: only known ones become labels.
        method = scope["method"] if scope["method"] in _METHODS else "other"

        async def count_and_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._counts.answered[method, str(message["status"])] += 1
            await send(message)

        await self._app(scope, receive, count_and_send)
