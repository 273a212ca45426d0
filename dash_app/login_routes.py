"""Logging in with a one-time link, and out. The code is behind `#` in the link: no server log ever has it."""

from pathlib import Path

import msgspec
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from hq.rest.audit_trail import AuditTrail
from hq.rest.house import answer, principal_of, read_body
from hq.rest.policy import LOGIN
from hq.rest.problems import Problem
from hq.rest.session_door import read_cookie, set_cookie
from hq.rest.sessions import Sessions
from hq.rest.tokens import Principal

_FOLDER = Path(__file__).parent / "login"
_FILES = {"page.js": "text/javascript", "page.css": "text/css"}


class Login(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a login: the code of a link."""

    code: str


def add_routes(app: FastAPI, sessions: Sessions, trail: AuditTrail | None = None) -> None:
    """Add the routes; they are the only part of the page that strangers reach."""

    def _note(request: Request, principal: Principal, what: str) -> None:
        if trail is not None:
            address = request.client.host if request.client else ""
            detail = f"as {principal.role}"
            trail.note(what, who=principal.name, subject=principal.name, source=address, detail=detail)

    @app.get(LOGIN, include_in_schema=False)
    async def login_page() -> Response:
        return Response((_FOLDER / "page.html").read_bytes(), 200, {"cache-control": "no-store"}, "text/html")

    @app.get(f"{LOGIN}/{{file}}", include_in_schema=False)
    async def login_file(file: str) -> Response:
        if file not in _FILES:
            raise Problem(404, "not_found", "There is no such file.")
        return Response((_FOLDER / file).read_bytes(), 200, {"cache-control": "no-cache"}, _FILES[file])

    @app.post(LOGIN, include_in_schema=False)
    async def log_in(request: Request) -> Response:
        body: Login = await read_body(request, Login)
        try:
            begun = sessions.begin(body.code)
        except OSError as error:
            raise Problem(
                503, "sessions", f"The server cannot store the login: {error.strerror}. Its log says more."
            ) from None
        if begun is None:
            raise Problem(
                403,
                "bad_login",
                "This login link was used already, or its time is over. `idlehands login` on the HQ host "
                "prints a new one.",
            )
        secret, principal = begun
        _note(request, principal, "login.used")
        return answer(
            {"name": principal.name, "role": principal.role},
            headers={"set-cookie": set_cookie(request.scope, secret)},
        )

    @app.post("/logout", include_in_schema=False)
    async def log_out(request: Request) -> Response:
        _note(request, principal_of(request), "login.ended")
        sessions.end(read_cookie(request.scope, request.headers))
        return answer({"ok": True}, headers={"set-cookie": set_cookie(request.scope, "")})
