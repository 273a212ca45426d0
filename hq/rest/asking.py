"""Asking HQ over the bus and waiting for the answer.

QoS 0 loses requests and answers: each is repeated, under one id and one
idempotency key, until the answer is here or the deadline has passed. Repeats
do nothing twice. Runs on the server's event loop; the bus calls from its own
thread.
"""

import asyncio
import secrets
from typing import Any

from msgspec.structs import replace

from bus.codec import MessageTooBig
from bus.port import Bus, BusInput, Inbound
from bus.topics import REPLY
from hq.rest.problems import Problem, refused_by_hq
from schemas.messages import Reply
from schemas.requests import CHANGES, AnyRequest

DEADLINE_SECONDS = 8.0
_FIRST_REPEAT_SECONDS = 0.25
_LONGEST_REPEAT_SECONDS = 2.0


class NoAnswer(Exception):
    """HQ did not answer in time. What was asked may still happen; asking again is safe."""


class Asking:
    """Requests in flight, by their id."""

    def __init__(self, bus: Bus, client: str) -> None:
        self._bus = bus
        self._client = client
        self._waiting: dict[str, asyncio.Future[Reply]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def handle(self, what: BusInput) -> None:
        """Take what arrives on the bus; called on the bus's thread."""
        if self._loop is None or not isinstance(what, Inbound) or what.topic is not REPLY:
            return
        identity = (what.correlation or b"").decode("ascii", "replace") or what.data.request
        self._loop.call_soon_threadsafe(self._settle, identity, what.data)

    def _settle(self, identity: str, reply: Reply) -> None:
        future = self._waiting.get(identity)
        # A second answer comes when the first was only late.
        if future is not None and not future.done():
            future.set_result(reply)

    async def ask(
        self,
        request: AnyRequest,
        deadline_seconds: float = DEADLINE_SECONDS,
        identity: str | None = None,
    ) -> Reply:
        """Return HQ's answer.

        A change without an idempotency key is given one, so that repeats are one change. What is asked
        under one identity at the same time is one request.

        Raises:
            NoAnswer: If there is none within the deadline.
            MessageTooBig: If the request is over what a message carries.
        """
        self._loop = asyncio.get_running_loop()
        identity = identity or secrets.token_hex(16)
        under_way = self._waiting.get(identity)
        if under_way is not None:
            return await self._join(under_way, deadline_seconds)
        if isinstance(request, CHANGES) and request.key is None:
            request = replace(request, key=identity)
        future: asyncio.Future[Reply] = self._loop.create_future()
        self._waiting[identity] = future
        pause = _FIRST_REPEAT_SECONDS
        end = self._loop.time() + deadline_seconds
        try:
            while (left := end - self._loop.time()) > 0:
                self._bus.request(
                    request, client=self._client, correlation=identity.encode(), message_id=identity
                )
                done, _ = await asyncio.wait({future}, timeout=min(pause, left))
                if done:
                    return future.result()
                pause = min(pause * 2, _LONGEST_REPEAT_SECONDS)
            raise NoAnswer(f"no answer from HQ within {deadline_seconds:.0f} s")
        finally:
            del self._waiting[identity]

    async def _join(self, under_way: asyncio.Future[Reply], deadline_seconds: float) -> Reply:
        done, _ = await asyncio.wait({under_way}, timeout=deadline_seconds)
        if not done or under_way.cancelled():
            raise NoAnswer(f"no answer from HQ within {deadline_seconds:.0f} s")
        return under_way.result()

    async def change(self, request: AnyRequest) -> dict[str, Any]:
        """Return the result of what was asked with the log position that it is at.

        Raises:
            Problem: HQ's refusal, or that it did not answer.
        """
        try:
            reply = await self.ask(request)
        except NoAnswer as error:
            raise Problem(
                503,
                "no_answer",
                f"There is {error}. It may still have happened: repeat it with the same "
                "Idempotency-Key, which never does it twice. `idlehands status` says whether HQ and "
                "the broker run.",
                {"retry-after": "2"},
            ) from None
        except MessageTooBig as error:
            raise Problem(413, "too_big", f"{error}. Submit in smaller batches.") from None
        if not reply.ok:
            raise refused_by_hq(reply.error) if reply.error else Problem(409, "refused", "HQ refused this.")
        return {**reply.result, "position": reply.position}
