"""A live view ends with its session, and only with it."""

import asyncio

from starlette.types import Message

from hq.rest.session_watch import while_logged_in


async def silent() -> Message:
    """Be a WebSocket on which nothing arrives."""
    await asyncio.Event().wait()
    raise AssertionError


def test_a_live_view_is_told_to_end_once_its_session_has() -> None:
    answers = iter([True, True, False])

    said = asyncio.run(while_logged_in(silent, lambda: next(answers), seconds=0.001)())

    assert said == {"type": "websocket.disconnect", "code": 1008}


def test_what_arrives_in_time_is_passed_on() -> None:
    async def one() -> Message:
        return {"type": "websocket.receive", "text": "hello"}

    assert asyncio.run(while_logged_in(one, lambda: False)())["text"] == "hello"


def test_a_live_view_that_goes_away_leaves_nothing_waiting() -> None:
    async def leave() -> int:
        waiting = asyncio.create_task(while_logged_in(silent, lambda: True)())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await asyncio.sleep(0)
        return len(asyncio.all_tasks())

    assert asyncio.run(leave()) == 1
