"""How long the body of a request may be, said or unsaid."""

from starlette.datastructures import Headers
from starlette.types import Message, Receive

from hq.rest.policy import Rule
from hq.rest.problems import Problem


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


def limited(receive: Receive, limit: int) -> Receive:
    """Return `receive` that ends a body which says nothing of its length and never ends."""
    taken = 0

    async def counting() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise _too_big(limit)
        return message

    return counting
