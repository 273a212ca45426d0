"""How long things are kept and who uses the house, from Settings, for admins."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
from dash import no_update

from dash_app.changing import note
from dash_app.presenters import access, users
from dash_app.tokens_route import show_tokens
from dash_app.visitor import admin
from hq.housekeeping.settings import SettingsUnusable, change_settings, read_settings
from hq.rest.house import House
from hq.rest.problems import Problem
from hq.rest.users import end_sessions, list_users

FILE = "retention.json"
_NAMES = ("finished_jobs_days", "logs_days", "blobs_grace_hours", "compact_above_mb")


class Keeping:
    """On behalf of the visitor."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def kept(self) -> list[Any]:
        """Return the content of the panel that says how long things are kept."""
        folder = self._house.tokens_folder
        try:
            found = await asyncio.to_thread(read_settings, None if folder is None else folder / FILE)
        except SettingsUnusable as error:
            return access.retention(None, str(error))
        return access.retention(msgspec.to_builtins(found), "")

    async def keep(self, *given: Any) -> tuple[Any, Any]:
        """Keep things for as long as the fields say; return the panel and a note. Empty is for ever."""
        changes = {name: value if value != "" else None for name, value in zip(_NAMES, given, strict=True)}
        try:
            by = admin().name
            found = await asyncio.to_thread(change_settings, self._folder() / FILE, changes)
        except (Problem, SettingsUnusable) as error:
            return no_update, note(error.detail if isinstance(error, Problem) else str(error))
        words = ", ".join(f"{name} {getattr(found, name) or 'none'}" for name in _NAMES)
        self._note("retention.set", by, FILE, words)
        return access.retention(msgspec.to_builtins(found), ""), note("Kept like this from now on.", "done")

    async def users(self) -> list[Any]:
        """Return the content of the panel that says who uses the house."""
        try:
            by = admin().name
            tokens = await show_tokens(self._house)
            return users.table(await asyncio.to_thread(list_users, self._folder(), tokens), by)
        except (Problem, OSError) as error:
            return [note(error.detail if isinstance(error, Problem) else f"Nobody can be named: {error}.")]

    async def log_out(self, name: str) -> tuple[Any, Any]:
        """Log a user out everywhere; return the panel and a note."""
        try:
            by = admin().name
            ended = await asyncio.to_thread(end_sessions, self._folder(), name)
        except (Problem, OSError) as error:
            return no_update, note(error.detail if isinstance(error, Problem) else f"It stays: {error}.")
        if ended:
            self._note("login.revoked", by, name, f"{ended} sessions and links")
        return await self.users(), note(f"{name} is logged out everywhere.", "done")

    def _folder(self) -> Path:
        if self._house.tokens_folder is None:
            raise Problem(503, "unavailable", "This server has no folder of a house.")
        return self._house.tokens_folder

    def _note(self, what: str, by: str, subject: str, detail: str) -> None:
        if self._house.trail is not None:
            self._house.trail.note(what, who=by, subject=subject, source="page", detail=detail)
