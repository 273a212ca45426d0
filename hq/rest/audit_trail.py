"""The way into the audit log: notes become files, and files are handed in to HQ one by one.

    note -> file in the spool -> request to HQ -> its event is in the log -> file removed

The files are of this process and of the house's command line, which only writes
them. HQ takes each once, whoever dies in between: the note's id is the request's
key. Nothing here waits in the path of a request.
"""

import asyncio
import contextlib
import hashlib
import logging
import os
import secrets
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from hq.core.refusals import Kind, Refusals
from hq.rest.asking import Asking, NoAnswer
from hq.rest.tokens import Token
from schemas.audit import AuditNote, file_name
from schemas.requests import Audit
from trust.private_files import write_private

_LOOK_SECONDS = 1.0
_TRY_AGAIN_SECONDS = 5.0
#: Notes that wait in memory, and files that wait for HQ. What is beyond is lost, and said to be.
_MOST_NOTES = 1000
_MOST_FILES = 10_000
_AT_ONCE = 200
_NOT_NOW = frozenset({"unavailable", "busy", "overloaded"})
log = logging.getLogger(__name__)


class AuditTrail:
    """Takes notes on the server's event loop and hands in what waits.

    Args:
        spool: The folder of the files; made where it is missing.
        asking: The way to HQ.
        is_noted: Tells whether the audit log has the note with this id.
    """

    def __init__(self, spool: Path, asking: Asking, is_noted: Callable[[str], Awaitable[bool]]) -> None:
        self._spool, self._asking, self._is_noted = spool, asking, is_noted
        self._notes: list[AuditNote] = []
        self._lost = 0
        self._refusals = Refusals()
        #: Tokens that were used since this process started, and those of them that may be new.
        self._used: set[str] = set()
        self._perhaps_first: list[AuditNote] = []
        self._awake = asyncio.Event()
        self._not_before = 0.0

    # --- taking notes: called in the path of requests ---------------------------------

    def note(self, what: str, **fields: str) -> None:
        """Note something that was done; see `AuditNote` for the fields. Returns at once."""
        self._keep(_made(what, **fields))
        self._awake.set()

    def refuse(self, what: str, *, source: str, who: str = "", detail: str = "") -> None:
        """Count an attempt that was refused."""
        self._refusals.count(Kind(what, source[:200], who[:200]), detail[:500], time.monotonic(), time.time())

    def use(self, token: Token, source: str) -> None:
        """Note the first use of a token; costs a look into a set for all others."""
        if token.sha256 in self._used:
            return
        self._used.add(token.sha256)
        if not token.is_momentary:
            detail = f"token {token.sha256[:12]} ({token.role})"
            note = _made("token.used", who=token.name, subject=token.name, source=source, detail=detail)
            # Known by the token alone: also a server that started anew finds out that it is there.
            identity = hashlib.sha256(f"first use of {token.sha256}".encode()).hexdigest()[:32]
            self._perhaps_first.append(msgspec.structs.replace(note, id=identity))

    def _keep(self, note: AuditNote) -> None:
        if len(self._notes) < _MOST_NOTES:
            self._notes.append(note)
        else:
            self._lost += 1

    # --- handing in ---------------------------------------------------------------------

    async def run(self) -> None:
        """Go on until cancelled; then what waits is in files."""
        try:
            while True:
                try:
                    await self._step()
                except Exception:
                    # A mistake here must not end the notes, nor hide.
                    log.exception("the audit log is behind; it is tried again")
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._awake.wait(), _LOOK_SECONDS)
                self._awake.clear()
        finally:
            self._report(all_of_them=True)
            self._store(self._take())

    async def _step(self) -> None:
        self._report()
        await self._sort_out_first_uses()
        if self._notes or self._lost:
            await asyncio.to_thread(self._store, self._take())
        if time.monotonic() >= self._not_before:
            for name in await asyncio.to_thread(self._waiting):
                if not await self._hand_in(self._spool / name):
                    self._not_before = time.monotonic() + _TRY_AGAIN_SECONDS
                    return

    def _report(self, *, all_of_them: bool = False) -> None:
        for report in self._refusals.take_due(time.monotonic(), all_of_them=all_of_them):
            note = _made(
                report.kind.what, who=report.kind.who, source=report.kind.source, detail=report.detail
            )
            self._keep(msgspec.structs.replace(note, at=report.at, count=report.times, outcome="refused"))

    async def _sort_out_first_uses(self) -> None:
        while self._perhaps_first:
            note = self._perhaps_first[0]
            if not await self._is_noted(note.id):
                self._keep(note)
            self._perhaps_first.pop(0)

    def _take(self) -> list[AuditNote]:
        notes, self._notes = self._notes, []
        if self._lost:
            notes.append(_made("audit.lost", detail=f"{self._lost} notes: too many waited at once"))
            self._lost = 0
        return notes

    def _store(self, notes: list[AuditNote]) -> None:
        try:
            self._spool.mkdir(mode=0o700, exist_ok=True)
            room = _MOST_FILES - len(os.listdir(self._spool))
            for note in notes[: max(room, 0)]:
                write_private(self._spool / file_name(note), msgspec.json.encode(note))
            if room < len(notes):
                log.error("the audit log loses %d notes: %s is full", len(notes) - max(room, 0), self._spool)
        except OSError as error:
            log.error("the audit log loses up to %d notes: %s", len(notes), error)

    def _waiting(self) -> list[str]:
        try:
            return sorted(name for name in os.listdir(self._spool) if is_waiting(name))[:_AT_ONCE]
        except FileNotFoundError:
            return []

    async def _hand_in(self, file: Path) -> bool:
        """Hand in one file and remove it; false when HQ cannot take any now."""
        try:
            note = msgspec.json.decode(await asyncio.to_thread(file.read_bytes), type=AuditNote)
        except FileNotFoundError:
            return True
        except (OSError, msgspec.DecodeError) as error:
            _put_aside(file, str(error))
            return True
        try:
            reply = await self._asking.ask(Audit(note=note, key=note.id))
        except NoAnswer:
            return False
        if reply.ok:
            await asyncio.to_thread(file.unlink, missing_ok=True)
            return True
        if reply.error is None or reply.error.code in _NOT_NOW:
            return False
        _put_aside(file, reply.error.message)
        return True


def is_waiting(name: str) -> bool:
    """Tell whether this is a whole note that HQ does not have yet."""
    return name.endswith(".json") and not name.startswith(".")


def _put_aside(file: Path, why: str) -> None:
    log.error("%s cannot be handed in to the audit log: %s", file, why)
    file.rename(file.with_suffix(".unusable"))


def _made(what: str, **fields: str) -> AuditNote:
    shortened = {name: value[: 500 if name == "detail" else 200] for name, value in fields.items()}
    return AuditNote(secrets.token_hex(16), time.time(), what, **shortened)  # type: ignore[arg-type]
