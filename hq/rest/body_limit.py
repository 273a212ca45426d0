"""How long the body of a request may be, said or unsaid, and how long it may keep us waiting."""

import asyncio

from starlette.datastructures import Headers
from starlette.types import Message, Receive

from hq.rest.policy import Rule
from hq.rest.problems import Problem

#: Between two pieces of a body. Whoever sends nothing for so long holds a connection that others need.
PIECE_SECONDS = 30.0


def check_length(headers: Headers, rule: Rule) -> None:
    """Refuse a body that says it is too long.

    Raises:
        Problem: 413 if it is over what the rule allows, 400 if its length is no number.
    """
    length = headers.get("content-length", "0")
    if not length.isascii() or not length.isdecimal():
        raise Problem(400, "bad_length", "Content-Length is not a number.")
    if int(length) > rule.body:
        raise _too_big(rule.body)


def _too_big(limit: int) -> Problem:
    return Problem(
        413,
        "too_big",
        f"The body is over {limit} bytes, the most that is taken here. Send it in parts; "
        "large content travels as a blob.",
    )


def limited(receive: Receive, limit: int, seconds: float = PIECE_SECONDS) -> Receive:
    """Return `receive` that ends a body which is too long, never ends, or does not come.

    What comes after a body, and a WebSocket's messages, may take as long as they like.
    """
    taken = 0
    is_whole = False

    async def counting() -> Message:
        nonlocal taken, is_whole
        if is_whole:
            return await receive()
        try:
            message = await asyncio.wait_for(receive(), seconds)
        except TimeoutError:
            raise Problem(
                408, "too_slow", f"Nothing of the body came for {seconds:.0f} s. Send the request again."
            ) from None
        is_whole = message["type"] != "http.request" or not message.get("more_body", False)
        taken += len(message.get("body", b""))
        if taken > limit:
            raise _too_big(limit)
        return message

    return counting
