"""Results of calls that are posted to a URL instead of being waited for.

`hq.rest.posting` says which URLs. Kept in memory only: a server that ends forgets them.
"""

import asyncio
import http.client
import logging
import secrets
import ssl
from typing import Any

import msgspec

from hq.rest.asking import NoAnswer
from hq.rest.house import House
from hq.rest.posting import Target, find_target, post
from hq.rest.problems import Problem
from schemas.requests import CallService

_TRIES = 5
_FIRST_PAUSE_SECONDS = 1.0
_AT_MOST = 500
log = logging.getLogger(__name__)


class Callbacks:
    """Calls whose results are posted."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(self, wanted: CallService, url: str) -> str:
        """Begin a call and return the id that its callback carries.

        Raises:
            Problem: 422 if nothing may be posted to that URL, 429 if too many are under way.
        """
        target = await asyncio.to_thread(find_target, url, allows_private=self._house.private_callbacks)
        if len(self._tasks) >= _AT_MOST:
            raise Problem(
                429, "busy", f"{_AT_MOST} callbacks are under way: call again.", {"retry-after": "5"}
            )
        identity = secrets.token_hex(16)
        task = asyncio.get_running_loop().create_task(self._run(wanted, target, identity))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return identity

    async def _run(self, wanted: CallService, target: Target, identity: str) -> None:
        said: dict[str, Any] = {"callback": identity, "service": wanted.service}
        try:
            reply = await self._house.asking.ask(wanted, (wanted.deadline_seconds or 3600.0) + 5.0)
            said["ok"] = reply.ok
            said |= reply.result
            if reply.error is not None:
                said["error"] = {"code": reply.error.code, "message": reply.error.message}
        except NoAnswer as error:
            said |= {"ok": False, "error": {"code": "no_answer", "message": str(error)}}
        except ValueError as error:
            said |= {"ok": False, "error": {"code": "too_big", "message": str(error)}}
        content = msgspec.json.encode(said)
        for number in range(_TRIES):
            try:
                status = await asyncio.to_thread(post, target, content)
                if status < 300:
                    return
                why = f"it answered {status}"
            except (OSError, http.client.HTTPException, ssl.SSLError) as error:
                why = str(error) or type(error).__name__
            await asyncio.sleep(_FIRST_PAUSE_SECONDS * 4**number)
        log.warning("the result of callback %s was not taken by %s: %s", identity, target.host, why)
