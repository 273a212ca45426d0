"""The house for programs with an event loop: the same as `House`, each call in a thread that waits.

async with await idlehands.connect_async() as house:
    job = await house.submit(train, depth=3)
    async for update in job.follow():
        print(update)
    print(await job.result())
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from idlehands.client.following import Update
from idlehands.client.house import House, connect
from idlehands.client.jobs import Job


async def connect_async(*args: Any, **kwargs: Any) -> "AsyncHouse":
    """Return the house. Takes what `connect` takes and raises what it raises."""
    return AsyncHouse(await asyncio.to_thread(partial(connect, *args, **kwargs)))


class AsyncJob:
    """One job of the house. `job` is the same for programs without an event loop."""

    def __init__(self, job: Job) -> None:
        self.job = job

    @property
    def id(self) -> str:
        """Return its id."""
        return self.job.id

    @property
    def status(self) -> str:
        """Return the state as far as it was heard."""
        return self.job.status

    async def result(self, timeout: float | None = None) -> Any:
        """Return what it returned; as `Job.result`. Cancelling this does not cancel the job."""
        await self.wait(timeout)
        return await asyncio.to_thread(self.job.result, 0)

    async def wait(self, timeout: float | None = None) -> bool:
        """Return when it has ended, or after `timeout` seconds; tell whether it has. As `Job.wait`."""
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        # No thread waits: thousands of jobs may.
        self.job.on_change(lambda: loop.call_soon_threadsafe(ended.set))
        deadline = None if timeout is None else loop.time() + timeout
        while not self.job.done():
            left = None if deadline is None else deadline - loop.time()
            if left is not None and left <= 0:
                return False
            try:
                await asyncio.wait_for(ended.wait(), left)
            except TimeoutError:
                continue
            ended.clear()
            await asyncio.to_thread(self.job.wait, 0)
        return True

    async def cancel(self) -> None:
        """Cancel it. Raises RequestRefused when it has ended already."""
        await asyncio.to_thread(self.job.cancel)

    async def follow(self) -> AsyncIterator[Update]:
        """Yield its status, progress and log as they happen, until it has ended."""
        updates = self.job.follow()
        over = object()
        while (update := await asyncio.to_thread(next, updates, over)) is not over:
            yield update  # type: ignore[misc]


class AsyncHouse:
    """A connected house. `house` is the same for programs without an event loop."""

    def __init__(self, house: House) -> None:
        self.house = house

    async def __aenter__(self) -> "AsyncHouse":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Disconnect. Jobs go on. Safe to repeat."""
        await asyncio.to_thread(self.house.close)

    async def submit(self, what: Callable[..., Any] | Path | str, /, *args: Any, **kwargs: Any) -> AsyncJob:
        """Submit a function or a script, and return the job. As `House.submit`."""
        return AsyncJob(await asyncio.to_thread(partial(self.house.submit, what, *args, **kwargs)))

    async def map(self, function: Callable[..., Any], *iterables: Iterable[Any]) -> AsyncIterator[Any]:
        """Call a function with the elements of the iterables, and yield what each call returns, in order."""
        for job in await asyncio.to_thread(self.house.submit_all, function, *iterables):
            yield await AsyncJob(job).result()
