"""What outlives the check at its beginning: a live view whose session ends, and wrong logins in a row.

The gate puts these around the `receive` of a WebSocket and the `send` of a login.
"""

import asyncio
import logging
import time
from collections.abc import Callable

from starlette.types import Message, Receive, Scope, Send

from hq.rest.audit_trail import AuditTrail
from hq.rest.failures import FAILURES_SECONDS, Failures
from hq.rest.problems import Problem

#: A live view of somebody who was shut out ends within this time.
SESSION_CHECK_SECONDS = 5.0
log = logging.getLogger(__name__)


def while_logged_in(
    receive: Receive, is_logged_in: Callable[[], bool], seconds: float = SESSION_CHECK_SECONDS
) -> Receive:
    """Return a `receive` of a WebSocket that says it was closed once `is_logged_in` says no."""

    async def receive_while_logged_in() -> Message:
        waiting = asyncio.ensure_future(receive())
        try:
            while True:
                await asyncio.wait({waiting}, timeout=seconds)
                if waiting.done():
                    return waiting.result()
                if not is_logged_in():
                    log.info("a live view was ended with its session")
                    return {"type": "websocket.disconnect", "code": 1008}
        finally:
            waiting.cancel()

    return receive_while_logged_in


def counting_wrong_logins(
    scope: Scope, receive: Receive, send: Send, failures: Failures, trail: AuditTrail | None = None
) -> Send:
    """Return a `send` that counts refused logins by address, and after too many says to wait instead.

    A right login always works: its code has 256 bits, so what is limited is the noise.
    """
    address = (scope.get("client") or ("",))[0]
    is_replaced = False

    async def send_counting(message: Message) -> None:
        nonlocal is_replaced
        if message["type"] == "http.response.start" and message["status"] == 403:
            now = time.monotonic()
            if trail is not None:
                trail.refuse("login.refused", source=address)
            if failures.are_too_many(address, now):
                is_replaced = True
                await too_many("logins").response()(scope, receive, send)
            else:
                failures.count(address, now)
                log.warning("wrong login from %s", address)
        if not is_replaced:
            await send(message)

    return send_counting


def too_many(what: str) -> Problem:
    """Return the problem of an address that was wrong too often."""
    return Problem(
        429,
        "too_many_failures",
        f"Too many wrong {what} from this address. Wait a minute.",
        {"retry-after": str(int(FAILURES_SECONDS))},
    )
