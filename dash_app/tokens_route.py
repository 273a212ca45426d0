"""/tokens: REST tokens made, listed and revoked. For admins; a token itself is told once, when it is made."""

import asyncio
import time
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi import Path as InPath
from starlette.requests import Request
from starlette.responses import Response

from hq.rest.bodies import TokenBody, takes
from hq.rest.house import House, answer, principal_of, read_body
from hq.rest.parameters import IdempotencyKey
from hq.rest.problems import Problem, not_found
from idlehands.house.home import HouseError
from idlehands.house.tokens import FILE_NAME, StoredToken, TokenRole, add_token, read_tokens, remove_tokens

#: Not called `token`: that is the secret, which has no place in a URL.
OneToken = Annotated[str, InPath(alias="id", json_schema_extra={"pattern": "^[0-9a-f]{12}$"})]


def build_router(house: House) -> APIRouter:
    """Return the routes below the API's root."""
    router = APIRouter(tags=["tokens"])

    @router.get("/tokens")
    async def list_tokens() -> Response:
        """List the tokens with whose they are, for what and until when; never the tokens themselves."""
        return answer({"tokens": await show_tokens(house)})

    @router.post("/tokens", status_code=201, openapi_extra=takes(TokenBody))
    async def create_token(request: Request, idempotency_key: IdempotencyKey = None) -> Response:
        """Make a token. The answer is the only place where it is ever told.

        A repeat with the same key within an hour is answered with the same token, unless the server was
        started anew meanwhile: then it is another one.
        """
        body: TokenBody = await read_body(request, TokenBody)
        by = principal_of(request).name
        made = await house.repeats.once(
            by, idempotency_key, "create_token", body, lambda: make_token(house, body, by)
        )
        return answer(made, 201)

    @router.delete("/tokens/{id}")
    async def revoke_token(identity: OneToken, request: Request) -> Response:
        """Take a token away, by its id: it opens nothing from now on."""
        return answer({"revoked": await take_token(house, identity, principal_of(request).name)})

    return router


async def show_tokens(house: House) -> list[dict[str, Any]]:
    """Return all tokens for people, never the tokens themselves.

    Raises:
        Problem: 503 where they cannot be read.
    """
    return [_show(one) for one in await _read(house)]


async def take_token(house: House, identity: str, by: str, source: str = "REST") -> list[dict[str, Any]]:
    """Take the token with this id away, and return it.

    Raises:
        Problem: 404 if there is none, 503 where they cannot be changed.
    """
    gone = await _change(house, lambda folder: remove_tokens(folder, lambda one: one.id == identity))
    if not gone:
        raise not_found("token", identity)
    for one in gone:
        _note(house, "token.revoked", by, one, "", source)
    return [_show(one) for one in gone]


async def make_token(house: House, body: TokenBody, by: str, source: str = "REST") -> dict[str, Any]:
    """Make a token and return it for people, with itself as `token`: nothing else ever tells it.

    Raises:
        Problem: 422 for a name that cannot be, 503 where tokens cannot be changed.
    """
    role = TokenRole(body.role)
    secret, entry = await _change(house, lambda folder: add_token(folder, role, body.name, days=body.days))
    until = "for ever" if body.days is None else f"for {body.days:g} days"
    _note(house, "token.created", by, entry, f", {until}", source)
    return {**_show(entry), "token": secret}


async def _read(house: House) -> list[StoredToken]:
    found: list[StoredToken] = await _change(house, lambda folder: read_tokens(folder / FILE_NAME))
    return found


async def _change(house: House, change: Any) -> Any:
    folder: Path | None = house.tokens_folder
    if folder is None:
        raise Problem(503, "unavailable", "This server has no folder with tokens.")
    try:
        return await asyncio.to_thread(change, folder)
    except HouseError as error:
        raise Problem(422, "bad_name", str(error)) from None
    except OSError as error:
        raise Problem(
            503,
            "read_only",
            f"This server cannot use the tokens ({error.strerror}): `idlehands token` on the HQ host can.",
        ) from None


def _show(one: StoredToken) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "role": one.role.value,
        "created": one.created,
        "expires": one.expires or None,
        "is_valid": one.is_valid(time.time()),
    }


def _note(house: House, what: str, by: str, one: StoredToken, more: str, source: str) -> None:
    if house.trail is not None:
        detail = f"token {one.id} ({one.role.value}){more}"
        house.trail.note(what, who=by, subject=one.name, source=source, detail=detail)
