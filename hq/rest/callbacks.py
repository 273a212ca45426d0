"""Results of calls that are posted to a URL instead of being waited for.

`hq.rest.posting` says which URLs. Each is a document of MongoDB until its result
was taken, or nobody took it for a day: a server that starts anew goes on with
what it finds.

    callbacks  {_id, by, service, params, deadline_seconds, key, url, at, until, tries, content, why}

A result is delivered at least once: a receiver that took it and could not say
so gets it again, with the same `callback`. The call itself has the callback's id
as its key, so that one whose answer is in the log is not made again.
"""

import asyncio
import contextlib
import hashlib
import http.client
import logging
import secrets
import ssl
import time
from typing import Any

import msgspec
from pymongo import WriteConcern
from pymongo.errors import DuplicateKeyError, PyMongoError

from hq.rest.asking import NoAnswer
from hq.rest.database import Database, Document
from hq.rest.house import House
from hq.rest.posting import find_target, post
from hq.rest.problems import Problem
from schemas.requests import CallService

CALLBACKS = "callbacks"
#: For so long a result is offered to its URL.
KEPT_SECONDS = 24 * 3600.0
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 600.0
#: HQ or the database are away: asked again after so long.
_AWAY_SECONDS = 3.0
_AT_MOST = 500
_LONGEST_CALL_SECONDS = 3600.0
#: Answers of HQ that another try would not change; after any other the call is asked for again.
_AGAIN = frozenset({"unavailable", "overloaded", "service_busy"})
log = logging.getLogger(__name__)


class Callbacks:
    """Calls whose results are posted."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._is_resumed = False

    async def begin(self, wanted: CallService, url: str) -> str:
        """Begin a call and return the id that its callback carries. From then on it outlives this server.

        Raises:
            Problem: 422 if nothing may be posted to that URL, 429 if too many are under way.
            PyMongoError: If it cannot be written down.
        """
        await asyncio.to_thread(find_target, url, allows_private=self._house.private_callbacks)
        if len(self._tasks) >= _AT_MOST:
            raise Problem(
                429, "busy", f"{_AT_MOST} callbacks are under way: call again.", {"retry-after": "5"}
            )
        identity = _make_identity(wanted, url)
        if identity in self._tasks:
            return identity
        now = time.time()
        document: Document = {
            "_id": identity,
            "by": wanted.on_behalf_of,
            "service": wanted.service,
            "params": msgspec.json.encode(wanted.params),
            "deadline_seconds": wanted.deadline_seconds,
            "key": wanted.key or identity,
            "url": url,
            "at": now,
            "until": now + KEPT_SECONDS,
            "tries": 0,
            "content": None,
            "why": "",
        }
        # There already after a repeat with one key: then what was there is gone on with.
        with contextlib.suppress(DuplicateKeyError):
            await _collection(self._house.database).insert_one(document)
        self._start(document)
        return identity

    async def run(self) -> None:
        """Go on with what an earlier server left behind, once the database is there; then wait."""
        while True:
            try:
                await self._resume()
                return
            except PyMongoError as error:
                log.info("callbacks wait for the database: %.200s", error)
                await asyncio.sleep(_AWAY_SECONDS)

    async def stop(self) -> None:
        """End what is under way here; the next server goes on with it."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _resume(self) -> None:
        # Two servers at once would deliver twice, which is allowed.
        async for document in _collection(self._house.database).find({}).sort("at", 1).limit(_AT_MOST):
            if document["_id"] not in self._tasks:
                self._start(document)

    def _start(self, document: Document) -> None:
        identity = str(document["_id"])
        task = asyncio.get_running_loop().create_task(self._carry_out(document))
        self._tasks[identity] = task
        task.add_done_callback(lambda _: self._tasks.pop(identity, None))

    async def _carry_out(self, document: Document) -> None:
        while True:
            try:
                if document["content"] is None:
                    document["content"] = await self._call(document)
                    await self._note(document, "content", "tries")
                is_over = await self._deliver(document)
                if is_over:
                    await _collection(self._house.database).delete_one({"_id": document["_id"]})
                    return
            except PyMongoError as error:
                log.info("callback %s waits for the database: %.200s", document["_id"], error)
                await asyncio.sleep(_AWAY_SECONDS)

    async def _call(self, document: Document) -> bytes:
        """Return what is to be posted: the result of the call, or why there is none."""
        wanted = CallService(
            service=document["service"],
            on_behalf_of=document["by"],
            params=msgspec.json.decode(document["params"]),
            deadline_seconds=document["deadline_seconds"],
            key=document["key"],
        )
        said: dict[str, Any] = {"callback": document["_id"], "service": wanted.service}
        seconds = (wanted.deadline_seconds or _LONGEST_CALL_SECONDS) + 5.0
        while True:
            try:
                reply = await self._house.asking.ask(wanted, seconds, identity_of(wanted))
            except NoAnswer as error:
                if time.time() < document["at"] + seconds:
                    continue
                return _encode(said, {"code": "no_answer", "message": str(error)})
            except ValueError as error:
                return _encode(said, {"code": "too_big", "message": str(error)})
            if reply.error is None:
                return msgspec.json.encode({**said, "ok": True, **reply.result})
            if reply.error.code in _AGAIN and time.time() < document["at"] + seconds:
                await asyncio.sleep(_AWAY_SECONDS)
                continue
            told = {"code": reply.error.code, "message": reply.error.message}
            return _encode({**said, **reply.result}, told)

    async def _deliver(self, document: Document) -> bool:
        """Post once; tell whether it is over: taken, or given up. Wait before the next try otherwise."""
        try:
            allows = self._house.private_callbacks
            target = await asyncio.to_thread(find_target, document["url"], allows_private=allows)
            status = await asyncio.to_thread(post, target, document["content"])
            if status < 300:
                return True
            why = f"it answered {status}"
        except Problem as problem:
            why = problem.detail
        except (OSError, http.client.HTTPException, ssl.SSLError) as error:
            why = str(error) or type(error).__name__
        document["why"], document["tries"] = why, document["tries"] + 1
        if time.time() > document["until"]:
            log.warning("the result of callback %s was taken by nobody: %.300s", document["_id"], why)
            return True
        with contextlib.suppress(PyMongoError):
            await self._note(document, "tries", "why")
        await asyncio.sleep(
            min(_FIRST_PAUSE_SECONDS * 2 ** min(document["tries"] - 1, 20), _LONGEST_PAUSE_SECONDS)
        )
        return False

    async def _note(self, document: Document, *fields: str) -> None:
        changed = {name: document[name] for name in fields}
        await _collection(self._house.database).update_one({"_id": document["_id"]}, {"$set": changed})


def identity_of(wanted: CallService) -> str | None:
    """Return under which identity HQ is asked, so that repeats with a key are one call; None without key."""
    if wanted.key is None:
        return None
    words = (wanted.on_behalf_of, wanted.service, wanted.key, wanted.params)
    return hashlib.sha256(msgspec.json.encode(words)).hexdigest()[:32]


def _make_identity(wanted: CallService, url: str) -> str:
    if wanted.key is None:
        return secrets.token_hex(16)
    words = "\n".join((str(identity_of(wanted)), url))
    return hashlib.sha256(words.encode()).hexdigest()[:32]


def _encode(said: dict[str, Any], error: dict[str, str]) -> bytes:
    return msgspec.json.encode({**said, "ok": False, "error": error})


def _collection(database: Database) -> Any:
    return database.get_collection(CALLBACKS, write_concern=WriteConcern(w="majority", j=True))
