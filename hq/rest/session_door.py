"""How a browser is let in: the session cookie, and that a request comes from the page itself.

The cookie is `__Host-`, HttpOnly, Secure and SameSite=Strict. Browsers keep
Secure cookies for https, and for http on this machine only (127.0.0.1,
localhost); the login page says so where it is opened in any other way.
"""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.types import Scope

from hq.rest.policy import WRITERS
from hq.rest.problems import Problem
from hq.rest.sessions import SESSION_SECONDS
from hq.rest.tokens import Principal


def cookie_name(scope: Scope) -> str:
    """Return the name of the cookie: cookies know no ports, and two houses on one machine have two logins."""
    port = (scope.get("server") or ("", 0))[1]
    return f"__Host-idlehands-{port}"


def read_cookie(scope: Scope, headers: Headers) -> str:
    """Return the secret of the session that the browser shows; empty when there is none."""
    wanted = cookie_name(scope)
    for part in "; ".join(headers.getlist("cookie")).split(";"):
        name, _, value = part.strip().partition("=")
        if name == wanted:
            return value
    return ""


def set_cookie(scope: Scope, secret: str) -> str:
    """Return the Set-Cookie header that begins a session, or ends it when there is no secret."""
    seconds = int(SESSION_SECONDS) if secret else 0
    return f"{cookie_name(scope)}={secret}; Path=/; Max-Age={seconds}; HttpOnly; Secure; SameSite=Strict"


def check_same_origin(headers: Headers) -> None:
    """Refuse what another site's page sends.

    Raises:
        Problem: 403 unless `Origin` is this server as the browser addresses it.
    """
    origin = headers.get("origin", "")
    if not origin or urlsplit(origin).netloc.lower() != headers.get("host", "").lower():
        raise Problem(
            403, "wrong_origin", "This only takes requests of its own page; other sites cannot send them."
        )


def not_logged_in(scope: Scope, headers: Headers, login: str) -> Response | None:
    """Return the way to the login for somebody who opens a page; None for programs."""
    if scope["type"] == "http" and scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
        return RedirectResponse(login, 303, {"cache-control": "no-store"})
    return None


def check_role(principal: Principal, roles: frozenset[str]) -> None:
    """Refuse a session whose role may not do this.

    Raises:
        Problem: 403, with the words for it.
    """
    if principal.role not in roles:
        may = "operator" if "operator" in roles else "admin"
        less = (
            "cannot change this" if principal.role in WRITERS else "can look at everything and change nothing"
        )
        raise Problem(
            403,
            "forbidden",
            f"You are logged in as {principal.role}, who {less}. "
            f"`idlehands login --role {may}` on the HQ host makes a login that may.",
        )
