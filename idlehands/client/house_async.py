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
from typing import Any, Generic, ParamSpec, TypeVar, overload

from idlehands.client.client import CONNECT_SECONDS
from idlehands.client.following import Update
from idlehands.client.house import House, connect
from idlehands.client.jobs import Job
from idlehands.client.pipelines import Pipeline, PipelineUpdate
from idlehands.client.sweeps import Sweep, SweepUpdate

_P = ParamSpec("_P")
_T = TypeVar("_T")


async def connect_async(
    broker: str | None = None,
    certificate: Path | str | None = None,
    *,
    author_key: Path | str | None = None,
    trust: Iterable[str] = (),
    timeout: float = CONNECT_SECONDS,
) -> "AsyncHouse":
    """Return the house. Takes what `connect` takes and raises what it raises."""
    named = {"author_key": author_key, "trust": trust, "timeout": timeout}
    return AsyncHouse(await asyncio.to_thread(partial(connect, broker, certificate, **named)))  # type: ignore[arg-type]


class AsyncJob(Generic[_T]):
    """One job of the house. `job` is the same for programs without an event loop."""

    def __init__(self, job: Job[_T]) -> None:
        self.job = job

    @property
    def id(self) -> str:
        """Return its id."""
        return self.job.id

    @property
    def status(self) -> str:
        """Return the state as far as it was heard."""
        return self.job.status

    async def result(self, timeout: float | None = None) -> _T:
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

    @overload
    async def submit(self, what: Path | str, /, *args: Any, **kwargs: Any) -> AsyncJob[Any]: ...

    @overload
    async def submit(
        self, what: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs
    ) -> AsyncJob[_T]: ...

    async def submit(
        self, what: Callable[..., Any] | Path | str, /, *args: Any, **kwargs: Any
    ) -> AsyncJob[Any]:
        """Submit a function or a script, and return the job. As `House.submit`."""
        asked: Callable[[], Job[Any]] = partial(self.house.submit, what, *args, **kwargs)
        return AsyncJob(await asyncio.to_thread(asked))

    async def map(self, function: Callable[..., _T], *iterables: Iterable[Any]) -> AsyncIterator[_T]:
        """Call a function with the elements of the iterables, and yield what each call returns, in order."""
        for job in await asyncio.to_thread(self.house.submit_all, function, *iterables):
            yield await AsyncJob(job).result()

    async def sweep(self, *args: Any, **kwargs: Any) -> "AsyncSweep":
        """Submit a sweep of a script, and return it. As `House.sweep`."""
        return AsyncSweep(await asyncio.to_thread(partial(self.house.sweep, *args, **kwargs)))

    async def pipeline(self, *args: Any, **kwargs: Any) -> "AsyncPipeline":
        """Submit the steps of a pipeline, and return it. As `House.pipeline`."""
        return AsyncPipeline(await asyncio.to_thread(partial(self.house.pipeline, *args, **kwargs)))

    async def call(self, service: str, /, **params: Any) -> Any:
        """Call a service and return what it answers. As `House.service`."""
        return await asyncio.to_thread(partial(self.house.service(service), **params))

    async def results(self, **query: Any) -> Any:
        """Return results as a pandas DataFrame. As `House.results`."""
        return await asyncio.to_thread(partial(self.house.results, **query))

    async def add_dataset(self, name: str, path: Path | str) -> dict[str, Any]:
        """Store a file or folder as the newest version of a dataset. As `House.add_dataset`."""
        return await asyncio.to_thread(self.house.add_dataset, name, path)

    async def promote(self, source: "AsyncJob[Any] | AsyncSweep | str", model: str, **more: Any) -> str:
        """Register what a job or a sweep's best trial left behind as a model. As `House.promote`."""
        ident = source if isinstance(source, str) else source.id
        return await asyncio.to_thread(partial(self.house.promote, ident, model, **more))

    async def get_model(self, reference: str, folder: Path | str | None = None) -> list[Path]:
        """Bring the files of a model into a folder. As `House.get_model`."""
        return await asyncio.to_thread(self.house.get_model, reference, folder)


class AsyncPipeline:
    """One pipeline of the house. `pipeline` is the same for programs without an event loop."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline

    @property
    def id(self) -> str:
        """Return its id."""
        return self.pipeline.id

    @property
    def steps(self) -> dict[str, str]:
        """Return the ids of jobs and sweeps by the names of the steps."""
        return self.pipeline.steps

    async def follow(self, timeout: float | None = None) -> AsyncIterator[PipelineUpdate]:
        """Yield how far it is, each time that this has changed, until it has ended. As `Pipeline.follow`."""
        updates = self.pipeline.follow(timeout)
        over = object()
        while (update := await asyncio.to_thread(next, updates, over)) is not over:
            yield update  # type: ignore[misc]

    async def wait(self, timeout: float | None = None) -> PipelineUpdate:
        """Return how it ended. As `Pipeline.wait`."""
        return await asyncio.to_thread(self.pipeline.wait, timeout)

    async def results(self) -> dict[str, Any]:
        """Return what the steps that succeeded brought. As `Pipeline.results`."""
        return await asyncio.to_thread(self.pipeline.results)

    async def cancel(self) -> None:
        """Cancel all steps that have not ended."""
        await asyncio.to_thread(self.pipeline.cancel)

    async def retry(self) -> "AsyncPipeline":
        """Go on after a failure, and return the new pipeline. As `Pipeline.retry`."""
        return AsyncPipeline(await asyncio.to_thread(self.pipeline.retry))


class AsyncSweep:
    """One sweep of the house. `sweep` is the same for programs without an event loop."""

    def __init__(self, sweep: Sweep) -> None:
        self.sweep = sweep

    @property
    def id(self) -> str:
        """Return its id."""
        return self.sweep.id

    async def follow(self, timeout: float | None = None) -> AsyncIterator[SweepUpdate]:
        """Yield how far it is, each time that this has changed, until it has ended. As `Sweep.follow`."""
        updates = self.sweep.follow(timeout)
        over = object()
        while (update := await asyncio.to_thread(next, updates, over)) is not over:
            yield update  # type: ignore[misc]

    async def wait(self, timeout: float | None = None) -> SweepUpdate:
        """Return how it ended. As `Sweep.wait`."""
        return await asyncio.to_thread(self.sweep.wait, timeout)

    async def cancel(self) -> None:
        """Cancel it with its trials."""
        await asyncio.to_thread(self.sweep.cancel)

    async def results(self, **query: Any) -> Any:
        """Return the results as a pandas DataFrame, the best first. As `Sweep.results`."""
        return await asyncio.to_thread(partial(self.sweep.results, **query))

    async def best_params(self) -> dict[str, Any]:
        """Return the parameters of the best trial. As `Sweep.best_params`."""
        return await asyncio.to_thread(lambda: self.sweep.best_params)
