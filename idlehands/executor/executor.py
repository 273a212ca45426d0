"""The pool itself, which does what those of the standard library do: submit, map, shutdown.

Knows nothing of how calls travel: `CallsInFlight` sends them and hears of them.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from typing import Any, TypeVar

from idlehands.calls.calling import Wishes
from idlehands.calls.packing import Function, NotPicklable, Take
from idlehands.client.house import House, connect
from idlehands.executor.call_future import CallFuture
from idlehands.executor.in_flight import CallsInFlight
from idlehands.executor.mapping import map_calls

_T = TypeVar("_T")


class Executor(futures.Executor):
    """Calls functions on the machines of the house."""

    def __init__(
        self,
        max_workers: int | None = None,
        *,
        house: House | None = None,
        wishes: Wishes | None = None,
        echo: bool = True,
    ) -> None:
        """Connect, unless a connected house is given.

        Args:
            max_workers: How many calls may be with the house at once; by default as many as there are.
            house: A house to use, which stays open afterwards.
            wishes: What each call asks for: needs, limits, retries.
            echo: Whether what calls print is printed here, too.

        Raises:
            ValueError: If `max_workers` is not greater than 0.
            HqUnreachable: If the house does not answer.
        """
        if max_workers is not None and max_workers <= 0:
            raise ValueError("max_workers must be greater than 0")
        self._wishes = wishes
        self.house = house or connect()
        self._calls = CallsInFlight(self.house, max_workers, owns=house is None, echo=echo)

    def submit(self, fn: Callable[..., _T], /, *args: Any, **kwargs: Any) -> CallFuture[_T]:
        """Let `fn` be called with these arguments somewhere in the house, and return its future.

        Raises:
            RuntimeError: After `shutdown`.
        """
        return self.submit_packed(fn, args, kwargs)

    def submit_packed(
        self,
        function: Callable[..., _T] | Function,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        take: Take | None = None,
        wishes: Wishes | None = None,
    ) -> CallFuture[_T]:
        """Do what `submit` does, for a function that was packed once for many calls."""
        self._calls.check_open()
        future: CallFuture[_T] = CallFuture(self._calls)
        try:
            spec = self.house.caller.build_job(function, args, kwargs, wishes or self._wishes, take=take)
        except NotPicklable as error:
            # As others do: it is known to whoever asks for the result.
            future.set_running_or_notify_cancel()
            future.set_exception(error)
            return future
        self._calls.add(future, spec)
        return future

    def map(
        self,
        fn: Callable[..., _T],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
    ) -> Iterator[_T]:
        """Yield what `fn` returns for the elements of the iterables, in their order.

        Args:
            fn: Takes as many arguments as there are iterables.
            iterables: Their shortest ends it.
            timeout: Seconds from now on, for all of it.
            chunksize: How many elements go into one job: more than 1 pays for what takes milliseconds.

        Raises:
            TimeoutError: While iterating, if a result is not there in time.
            Exception: While iterating, what a call raised.
        """
        rows: Iterator[tuple[Any, ...]] = zip(*iterables, strict=False)
        return map_calls(self.submit_packed, fn, rows, timeout=timeout, chunksize=chunksize)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; by default return when all have ended. Safe to repeat.

        Args:
            wait: Whether to wait for the calls that were submitted.
            cancel_futures: Whether to cancel those that do not run yet.
        """
        self._calls.shutdown(wait, cancel_futures=cancel_futures)

    def kill(self) -> None:
        """Cancel every call, also those that run. Their futures are cancelled or end with `JobFailure`."""
        self._calls.kill()
