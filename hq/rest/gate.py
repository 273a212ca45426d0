"""The one gate in front of all paths: nothing reaches a handler that did not pass here.

In this order: Host (DNS rebinding), path, token or session, method, role, origin,
size of the body. Whoever passed is in `scope["state"]["principal"]`. Tokens open
the API and nothing else, sessions the page and nothing else; no CORS headers.
"""

import logging
import time
from collections.abc import Iterable
from functools import partial

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hq.rest.audit_trail import AuditTrail
from hq.rest.body_limit import check_length, limited
from hq.rest.failures import Failures
from hq.rest.policy import LOGIN, Rule, find_rule, is_of_the_api
from hq.rest.problems import Problem
from hq.rest.session_door import check_same_origin, not_logged_in, read_cookie
from hq.rest.session_watch import counting_wrong_logins, too_many, while_logged_in
from hq.rest.sessions import Sessions
from hq.rest.tokens import Principal, TokenFile, TokensUnreadable

SAFETY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
)
API_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
#: Refusals that no ordinary program or browser brings about.
_NOTED = {
    "wrong_host": "access.wrong-host",
    "wrong_origin": "access.wrong-origin",
    "forbidden": "access.forbidden",
    "too_many_failures": "access.too-many",
}
log = logging.getLogger(__name__)


class Gate:
    """ASGI middleware, outermost."""

    def __init__(
        self,
        app: ASGIApp,
        tokens: TokenFile,
        hosts: Iterable[str],
        sessions: Sessions | None = None,
        page_policy: str = API_POLICY,
        trail: AuditTrail | None = None,
    ) -> None:
        self._app = app
        self._tokens = tokens
        self._hosts = frozenset(host.lower() for host in hosts)
        self._sessions = sessions
        self._page_policy = page_policy
        self._trail = trail
        self._failures = Failures()
        self._wrong_logins = Failures()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        policy = API_POLICY
        try:
            rule, principal = self._check(scope, headers)
            policy = self._page_policy if rule.page else API_POLICY
            receive = limited(receive, rule.body)
        except Problem as problem:
            self._note(problem, scope, headers)
            if scope["type"] != "http":
                log.info("a WebSocket was refused: %s", problem)
                await send({"type": "websocket.close", "code": 1008})
                return
            way_in = None
            if problem.status == 401 and self._sessions is not None and not is_of_the_api(scope["path"]):
                way_in = not_logged_in(scope, headers, LOGIN)
            await (way_in or problem.response())(scope, receive, _with_safety(send, policy))
            return
        scope.setdefault("state", {}).setdefault("principal", principal)
        if scope["type"] != "http":
            receive = while_logged_in(receive, lambda: self._session(scope, headers) is not None)
        else:
            send = _with_safety(send, policy)
            if rule.path == LOGIN and scope["method"] == "POST":
                send = counting_wrong_logins(scope, receive, send, self._wrong_logins, self._trail)
        await self._app(scope, receive, send)

    def _check(self, scope: Scope, headers: Headers) -> tuple[Rule, Principal | None]:
        self._check_host(scope, headers)
        method = scope["method"] if scope["type"] == "http" else "WEBSOCKET"
        rule = find_rule(scope["path"])
        if rule is not None and rule.page and self._sessions is None:
            rule = None
        if rule is not None and rule.open and method in rule.roles:
            if method == "POST" and not rule.foreign:
                check_same_origin(headers)
            return rule, None
        # Before somebody is known, paths that there are and are not look alike.
        principal = self._authenticate(scope, headers, rule)
        scope.setdefault("state", {})["principal"] = principal
        if rule is None:
            raise Problem(404, "not_found", f"There is nothing at {scope['path'][:200]!r}.")
        roles = rule.roles.get(method)
        if roles is None:
            allowed = ", ".join(sorted(rule.roles))
            raise Problem(
                405,
                "method_not_allowed",
                f"{rule.path} takes {allowed}, not {method[:20]}.",
                {"allow": allowed},
            )
        if principal.role not in roles:
            raise Problem(
                403,
                "forbidden",
                f"{principal.name} is {principal.role}; {method} {rule.path} needs the role "
                f"{' or '.join(sorted(roles))}. `idlehands token create` makes a token of another role.",
            )
        if rule.page and method != "GET":
            check_same_origin(headers)
        check_length(headers, rule)
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

    def _note(self, problem: Problem, scope: Scope, headers: Headers) -> None:
        """Put what looks like an attempt to get in into the audit log."""
        if self._trail is None:
            return
        is_guess = problem.code == "unauthorized" and "authorization" in headers
        what = "access.wrong-token" if is_guess else _NOTED.get(problem.code)
        if what is None:
            return
        principal = scope.get("state", {}).get("principal")
        detail = f"{scope.get('method', 'WebSocket')} {scope['path'][:200]!r}"
        if what == "access.wrong-host":
            detail += f" for {headers.get('host', '')[:100]!r}"
        who = "" if principal is None else principal.name
        self._trail.refuse(what, source=_address(scope), who=who, detail=detail)

    def _session(self, scope: Scope, headers: Headers) -> Principal | None:
        return None if self._sessions is None else self._sessions.find(read_cookie(scope, headers))

    def _authenticate(self, scope: Scope, headers: Headers, rule: Rule | None) -> Principal:
        if not is_of_the_api(scope["path"]):
            found = self._session(scope, headers)
            if found is not None:
                return found
        if rule is not None and rule.page:
            raise _nobody()
        address = _address(scope)
        given = headers.getlist("authorization")
        try:
            token = self._tokens.find_token(given[0] if len(given) == 1 else None)
        except TokensUnreadable:
            raise Problem(
                503, "tokens", "The server cannot read its tokens, so it lets nobody in; its log says why."
            ) from None
        if token is not None:
            if self._trail is not None:
                self._trail.use(token, address)
            return Principal(token.name, token.role)
        now = time.monotonic()
        if self._failures.are_too_many(address, now):
            raise too_many("tokens")
        if given:
            self._failures.count(address, now)
            log.warning("wrong token from %s for %s", address, scope["path"][:200])
        raise _nobody("This token is not valid here (any more)." if given else None)


def _address(scope: Scope) -> str:
    return str((scope.get("client") or ("",))[0])


def _nobody(why: str | None = None) -> Problem:
    return Problem(
        401,
        "unauthorized",
        why
        or "This needs a header `Authorization: Bearer TOKEN`. `idlehands token create --role viewer --name "
        "NAME` on the HQ host makes a token; `idlehands login` makes a login for the page.",
        {"www-authenticate": "Bearer"},
    )


def _host_name(host: str) -> str:
    """Return the name in a Host header without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def _with_safety(send: Send, policy: str) -> Send:
    return partial(_send_safely, send, (*SAFETY_HEADERS, (b"content-security-policy", policy.encode())))


async def _send_safely(send: Send, headers: tuple[tuple[bytes, bytes], ...], message: Message) -> None:
    if message["type"] == "http.response.start":
        message["headers"] = [*message.get("headers", ()), *headers]
    await send(message)
