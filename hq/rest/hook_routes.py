"""POST /hooks/NAME: a message from outside submits what an operator has laid down, and nothing else.

Whoever sends it proves it by the hook's secret: a signature of the body, as GitHub has it, or for simple
devices the secret itself. No token opens this, and this opens nothing else.
"""

import hmac
import re
import time
from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from hq.outside.mapping import Hook
from hq.outside.sending import SIGNATURE_HEADER, sign
from hq.rest.failures import Failures
from hq.rest.house import House, answer
from hq.rest.notification_routes import outside_of
from hq.rest.parameters import OnePathSetting
from hq.rest.problems import Problem
from trust.vault import VaultUnusable

#: Headers that tell one delivery from another, in the order in which they count.
DELIVERIES = ("x-github-delivery", "x-gitea-delivery", "x-idlehands-delivery", "idempotency-key")
_SIGNATURES = ("x-hub-signature-256", SIGNATURE_HEADER.lower())
_PRINTABLE = re.compile(r"[\x21-\x7e]{1,200}")
_BEARER = re.compile(r"[Bb]earer +(\S{4,4096})")


def build_router(house: House) -> APIRouter:
    """Return the routes below the API's root."""
    router = APIRouter(tags=["hooks"])
    failures = Failures()

    @router.post("/hooks/{name}", openapi_extra={"security": []})
    async def take_hook(name: OnePathSetting, request: Request) -> Response:
        """Submit what the hook submits, with what its parameters find in the body, which is JSON.

        Proven by `X-Hub-Signature-256: sha256=HMAC` of the body, or by `?token=SECRET`. The same
        delivery again, by its id, submits nothing more.
        """
        address = request.client.host if request.client else ""
        body = await request.body()
        now = time.monotonic()
        hook = find_hook(house, name)
        if hook is None or not is_proven(house, hook, request, body):
            if failures.are_too_many(address, now):
                raise Problem(
                    429, "too_many_failures", "Too many wrong messages from here.", {"retry-after": "60"}
                )
            failures.count(address, now)
            if house.trail is not None:
                house.trail.refuse("access.wrong-hook", source=address, detail=f"hook {name[:64]!r}")
            raise Problem(401, "unauthorized", "There is no such hook, or the message is not proven.")
        delivery = read_delivery(request, hook, body)
        done = await outside_of(house).takings.take("hook", hook, _read_json(body), delivery)
        return answer(done, 201 if done["submitted"] else 200)

    return router


def find_hook(house: House, name: str) -> Hook | None:
    """Return a hook, or None if there is none."""
    try:
        found: Hook = outside_of(house).hooks.find(name)
    except Problem as problem:
        if problem.status == 503:
            raise
        return None
    return found


def is_proven(house: House, hook: Hook, request: Request, body: bytes) -> bool:
    """Tell whether a message is from somebody who has the hook's secret."""
    try:
        secret = outside_of(house).hooks.secret(hook.name)
    except VaultUnusable:
        return False
    if not secret:
        return False
    if hook.proof == "signature":
        given = [request.headers.get(name, "") for name in _SIGNATURES]
        wanted = sign(body, secret).encode()
        return any(hmac.compare_digest(wanted, one.strip().lower().encode()) for one in given)
    found = _BEARER.fullmatch(request.headers.get("authorization", ""))
    token = found[1] if found else request.query_params.get("token", "")
    return hmac.compare_digest(secret.encode(), token.encode("utf-8", "replace"))


def read_delivery(request: Request, hook: Hook, body: bytes) -> str | None:
    """Return what tells a message from others; None if nothing does.

    Raises:
        Problem: 422 if it names a delivery that cannot be one.
    """
    for header in DELIVERIES:
        given = request.headers.get(header)
        if given is not None:
            if not _PRINTABLE.fullmatch(given):
                raise Problem(422, "bad_delivery", f"{header}: 1 to 200 visible characters.")
            return given
    # The same signed bytes again are the same message, or a copy that somebody took.
    return sign(body, hook.name) if hook.proof == "signature" else None


def _read_json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body) if body.strip() else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Problem(400, "not_json", "The body is not JSON.") from None
