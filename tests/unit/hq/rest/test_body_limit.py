"""Bodies that are too long, and bodies that do not come."""

import asyncio
from collections.abc import Iterable

import pytest
from starlette.types import Message, Receive

from hq.rest.body_limit import limited
from hq.rest.problems import Problem


def coming(*messages: Message) -> Receive:
    """Return a `receive` that gives these, and then nothing for ever."""
    waiting = list(messages)

    async def receive() -> Message:
        if not waiting:
            await asyncio.Event().wait()
        return waiting.pop(0)

    return receive


def pieces(sizes: Iterable[int], *, more: bool) -> list[Message]:
    found: list[Message] = [
        {"type": "http.request", "body": b"x" * size, "more_body": True} for size in sizes
    ]
    if not more:
        found[-1]["more_body"] = False
    return found


async def read(receive: Receive, count: int) -> list[Message]:
    return [await receive() for _ in range(count)]


def test_a_body_at_the_limit_is_taken_and_one_over_it_is_not() -> None:
    at_it = limited(coming(*pieces([4, 6], more=False)), 10)
    assert len(asyncio.run(read(at_it, 2))) == 2

    over_it = limited(coming(*pieces([4, 7], more=False)), 10)
    with pytest.raises(Problem) as refused:
        asyncio.run(read(over_it, 2))
    assert (refused.value.status, refused.value.code) == (413, "too_big")


def test_a_body_that_does_not_come_is_waited_for_so_long_and_no_longer() -> None:
    receive = limited(coming(*pieces([1], more=True)), 10, 0.05)

    with pytest.raises(Problem) as refused:
        asyncio.run(read(receive, 2))

    assert (refused.value.status, refused.value.code) == (408, "too_slow")


@pytest.mark.parametrize(
    "first", [pieces([1], more=False)[0], {"type": "websocket.connect"}, {"type": "http.disconnect"}]
)
def test_what_comes_after_a_body_may_take_its_time(first: Message) -> None:
    async def wait() -> None:
        receive = limited(coming(first), 10, 0.01)
        await receive()
        await asyncio.wait_for(receive(), 0.2)

    with pytest.raises(TimeoutError):
        asyncio.run(wait())
