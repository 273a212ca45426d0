"""What the page does about pairing: asks for one, shows how it stands, passes on a yes or no.

It issues nothing and reads no key: a process of `idlehands up` does. Each step
checks that an admin asks.
"""

import asyncio
import secrets
import time
from typing import Any

from dash import no_update

from dash_app.changing import note
from dash_app.presenters import pairing as words
from dash_app.visitor import admin
from hq.rest.problems import Problem
from idlehands.pairing.on_page import FRESH_SECONDS, PageAnswer, PageRequest, PageStatus, PairingFiles


class Pairing:
    """Pairing on behalf of the visitor."""

    def __init__(self, files: PairingFiles | None) -> None:
        self._files = files
        self._asked: PageRequest | None = None

    async def show(self, shown: Any) -> tuple[Any, Any]:
        """Return the panel's content, and what tells whether it is another next time."""
        try:
            admin()
        except Problem as problem:
            return note(problem.detail), no_update
        status = await asyncio.to_thread(self._read)
        if self._is_unheard(status):
            return words.nobody(), ""
        key = "none" if status is None else f"{status.id}:{status.at}"
        if key == shown:
            return no_update, no_update
        return words.standing(status, _picture(status)), key

    async def start(self) -> Any:
        """Ask for a pairing; return a note."""
        try:
            by = admin().name
            if self._files is None:
                raise Problem(503, "unavailable", "This server has no house to pair with.")
            self._asked = PageRequest(secrets.token_hex(16), by, time.time())
            await asyncio.to_thread(self._files.ask_for, self._asked)
        except Problem as problem:
            return note(problem.detail)
        return note("A token is being made.", "done")

    async def answer(self, allow: bool, shown: Any) -> Any:
        """Pass on what the visitor says to the question that they see; return a note."""
        try:
            admin()
            status = await asyncio.to_thread(self._read)
            if self._files is None or status is None or status.state != "asking":
                raise Problem(409, "too_late", "Nobody waits for an answer any more.")
            if shown != f"{status.id}:{status.at}":
                raise Problem(409, "changed", "Another machine asks by now: compare its words.")
            await asyncio.to_thread(self._files.answer, PageAnswer(status.id, status.at, allow))
        except Problem as problem:
            return note(problem.detail)
        return note("Allowed." if allow else "Refused; the token is void.", "done")

    def _read(self) -> PageStatus | None:
        return None if self._files is None else self._files.read_status()

    def _is_unheard(self, status: PageStatus | None) -> bool:
        """Tell whether a request waits longer than `up` takes to see it."""
        asked = self._asked
        if asked is None or (status is not None and status.at >= asked.at):
            return False
        return FRESH_SECONDS / 3 < time.time() - asked.at < FRESH_SECONDS * 2


def _picture(status: PageStatus | None) -> str | None:
    if status is None or not status.line:
        return None
    import segno

    return str(segno.make(status.line, error="l").svg_data_uri(scale=4, dark="#000", light="#fff"))
