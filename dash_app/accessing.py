"""Tokens from Settings, for admins: made, shown once, and taken away."""

from typing import Any

import msgspec
from dash import no_update

from dash_app.changing import note
from dash_app.presenters import access
from dash_app.tokens_route import make_token, show_tokens, take_token
from dash_app.visitor import admin
from hq.rest.bodies import TokenBody
from hq.rest.house import House
from hq.rest.problems import Problem


class Accessing:
    """On behalf of the visitor."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def tokens(self) -> list[Any]:
        """Return the content of the panel."""
        try:
            return access.tokens(await show_tokens(self._house))
        except Problem as problem:
            return [note(problem.detail)]

    async def make(self, name: Any, role: Any, days: Any) -> tuple[Any, Any]:
        """Make a token; return the panel, which tells it this once, and a note."""
        try:
            by = admin().name
            given = {"name": str(name or "").strip(), "role": role, **({"days": days} if days else {})}
            made = await make_token(self._house, msgspec.convert(given, TokenBody), by, "page")
            found = await show_tokens(self._house)
        except msgspec.ValidationError as error:
            return no_update, note(f"This cannot be made: {error}.")
        except Problem as problem:
            return no_update, note(problem.detail)
        return access.tokens(found, made), None

    async def revoke(self, identity: str) -> tuple[Any, Any]:
        """Take a token away; return the panel and a note."""
        try:
            gone = await take_token(self._house, identity, admin().name, "page")
        except Problem as problem:
            return no_update, note(problem.detail)
        return await self.tokens(), note(f"The token of {gone[0]['name']} opens nothing any more.", "done")
