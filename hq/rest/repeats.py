"""What this server itself made or kept for requests with an Idempotency-Key: a repeat is answered alike.

In memory and for an hour: what HQ decides it remembers itself, for seven days and in the log.
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import Struct, json

from hq.rest.problems import Problem

_REMEMBERED = 200
_REMEMBERED_SECONDS = 3600.0


class _Made(Struct, frozen=True):
    digest: str
    answer: dict[str, Any]
    #: On the monotonic clock.
    at: float


class Repeats:
    """The answers to requests with a key, by who asked. Used on the server's event loop."""

    def __init__(self) -> None:
        self._made: OrderedDict[tuple[str, str], _Made] = OrderedDict()
        self._one_at_a_time = asyncio.Lock()

    async def once(
        self, by: str, key: str | None, what: str, body: Any, make: Callable[[], Awaitable[dict[str, Any]]]
    ) -> dict[str, Any]:
        """Return what `make` returns; of a repeat with the same key, what it returned then.

        Args:
            by: Who asks.
            key: Without one, it is made each time.
            what: Name of the operation.
            body: What is asked of it.
            make: Does it. When it raises, nothing is remembered.

        Raises:
            Problem: 409 if the key was used for something else.
        """
        if key is None:
            return await make()
        digest = hashlib.sha256(json.encode([what, body])).hexdigest()
        async with self._one_at_a_time:
            self._forget()
            known = self._made.get((by, key))
            if known is None:
                known = _Made(digest, await make(), time.monotonic())
                self._made[by, key] = known
            elif known.digest != digest:
                raise Problem(
                    409, "key_reused", "This Idempotency-Key was used for another request: use a new one."
                )
        return known.answer

    def _forget(self) -> None:
        now = time.monotonic()
        made = self._made
        while made and (len(made) > _REMEMBERED or now - next(iter(made.values())).at > _REMEMBERED_SECONDS):
            made.popitem(last=False)
