"""The one gate in front of all paths: nothing reaches a handler that did not pass here.

In this order: Host (DNS rebinding), path, method, token, role, size of the
body. Whoever passed is in `scope["state"]["principal"]`. No cookies, no CORS
headers; WebSockets are refused until there is one to have.
"""

import logging
import time
from collections import OrderedDict
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hq.rest.policy import Rule, find_rule
from hq.rest.problems import Problem
from hq.rest.tokens import Principal, TokenFile, TokensUnreadable

#: Wrong tokens from one address before it is told to wait.
FAILURES_ALLOWED = 20
FAILURES_SECONDS = 60.0
_ADDRESSES_KEPT = 4096
SAFETY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
)
log = logging.getLogger(__name__)


class Failures:
    """Wrong tokens by address, in a sliding window, bounded in number."""

    def __init__(self) -> None:
        self._failed: OrderedDict[str, list[float]] = OrderedDict()

    def are_too_many(self, address: str, now: float) -> bool:
        """Tell whether this address has used up its tries."""
        recent = [at for at in self._failed.get(address, ()) if now - at < FAILURES_SECONDS]
        return len(recent) >= FAILURES_ALLOWED

    def count(self, address: str, now: float) -> None:
        """Count one more."""
        recent = [at for at in self._failed.pop(address, ()) if now - at < FAILURES_SECONDS]
        self._failed[address] = [*recent, now][-FAILURES_ALLOWED:]
        while len(self._failed) > _ADDRESSES_KEPT:
            self._failed.popitem(last=False)


class Gate:
    """ASGI middleware, outermost."""

    def __init__(self, app: ASGIApp, tokens: TokenFile, hosts: Iterable[str]) -> None:
        self._app = app
        self._tokens = tokens
        self._hosts = frozenset(host.lower() for host in hosts)
        self._failures = Failures()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        try:
            rule, principal = self._check(scope, Headers(scope=scope))
            receive = _limited(receive, rule.body)
        except Problem as problem:
            await problem.response()(scope, receive, _with_safety(send))
            return
        scope.setdefault("state", {})["principal"] = principal
        await self._app(scope, receive, _with_safety(send))

    def _check(self, scope: Scope, headers: Headers) -> tuple[Rule, Principal | None]:
        self._check_host(scope, headers)
        rule = find_rule(scope["path"])
        if rule is not None and rule.open and scope["method"] in rule.roles:
            return rule, None
        # Before a token was shown, paths that there are and are not look alike.
        principal = self._authenticate(scope, headers)
        if rule is None:
            raise Problem(404, "not_found", f"There is nothing at {scope['path'][:200]!r}.")
        roles = rule.roles.get(scope["method"])
        if roles is None:
            allowed = ", ".join(sorted(rule.roles))
            raise Problem(
                405,
                "method_not_allowed",
                f"{rule.path} takes {allowed}, not {scope['method'][:20]}.",
                {"allow": allowed},
            )
        if principal.role not in roles:
            raise Problem(
                403,
                "forbidden",
                f"{principal.name} is {principal.role}; {scope['method']} {rule.path} needs the role "
                f"{' or '.join(sorted(roles))}. `idlehands token create` makes a token of another role.",
            )
        _check_length(headers, rule)
        return rule, principal

    def _check_host(self, scope: Scope, headers: Headers) -> None:
        given = headers.getlist("host")
        name = _host_name(given[0]) if len(given) == 1 else ""
        # The address that the connection came in on is no name that a web page could rebind.
        arrived_at = (scope.get("server") or ("",))[0]
        if not name or (name not in self._hosts and name != arrived_at):
            raise Problem(
                421,
                "wrong_host",
                f"This server does not answer to the name {name[:100]!r}; start it with "
                "--allow-host NAME if it should.",
            )

    def _authenticate(self, scope: Scope, headers: Headers) -> Principal:
        address = (scope.get("client") or ("",))[0]
        given = headers.getlist("authorization")
        try:
            principal = self._tokens.find(given[0] if len(given) == 1 else None)
        except TokensUnreadable:
            raise Problem(
                503, "tokens", "The server cannot read its tokens, so it lets nobody in; its log says why."
            ) from None
        if principal is not None:
            return principal
        now = time.monotonic()
        if self._failures.are_too_many(address, now):
            raise Problem(
                429,
                "too_many_failures",
                "Too many wrong tokens from this address. Wait a minute.",
                {"retry-after": str(int(FAILURES_SECONDS))},
            )
        if given:
            self._failures.count(address, now)
            log.warning("wrong token from %s for %s", address, scope["path"][:200])
        raise Problem(
            401,
            "unauthorized",
            "This needs a header `Authorization: Bearer TOKEN`. `idlehands token create --role viewer --name "
            "NAME` on the HQ host makes a token."
            if not given
            else "This token is not valid here (any more).",
            {"www-authenticate": "Bearer"},
        )


def _host_name(host: str) -> str:
    """Return the name in a Host header without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def _check_length(headers: Headers, rule: Rule) -> None:
    length = headers.get("content-length", "0")
    if not length.isascii() or not length.isdecimal():
        raise Problem(400, "bad_length", "Content-Length is not a number.")
    if int(length) > rule.body:
        raise _too_big(rule.body)


def _too_big(limit: int) -> Problem:
    return Problem(
        413,
        "too_big",
        f"The body is over {limit} bytes, the most that is taken here. Send it in parts; "
        "large content travels as a blob.",
    )


def _limited(receive: Receive, limit: int) -> Receive:
    """Return `receive` that ends a body which says nothing of its length and never ends."""
    taken = 0

    async def counting() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise _too_big(limit)
        return message

    return counting


def _with_safety(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *SAFETY_HEADERS]
        await send(message)

    return sending
