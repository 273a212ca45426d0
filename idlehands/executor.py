"""`concurrent.futures` on the machines of the house: `with idlehands.Executor() as pool: pool.map(f, xs)`.

    submit -> waiting here -> queued at HQ -> running there -> result or exception

Two threads: one sends what waits, in batches, the other opens what comes
back. Neither polls; both end with `shutdown`.
"""

import contextlib
import functools
import itertools
import queue
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from typing import Any, TypeVar

from idlehands.calls.calling import Wishes
from idlehands.calls.packing import Function, NotPicklable, Take, pack_function
from idlehands.client.endings import Ending, Told
from idlehands.client.errors import ClientError, HqUnreachable, RequestRefused
from idlehands.client.house import House, connect
from idlehands.client.jobs import NobodyTrusts, find_distrust, read_ending
from schemas.events import AttemptReturned, JobClaimed
from schemas.specs import JobSpec

_T = TypeVar("_T")
#: Calls that are sent in one request at most.
_BATCH = 200

_lock = threading.Lock()
_starting = threading.Lock()
_open: "weakref.WeakSet[Executor]" = weakref.WeakSet()
_is_over = False


class CallFuture(futures.Future[_T]):
    """The future of one call. `job` is its id once HQ has given it one."""

    def __init__(self, executor: "Executor") -> None:
        super().__init__()
        self.job: str | None = None
        #: Whether those who wait know that it was cancelled.
        self.is_told = False
        self._executor = weakref.ref(executor)

    def cancel(self) -> bool:
        """Cancel the call unless it runs already; True when it will not run."""
        was = self.cancelled()
        if not super().cancel():
            return False
        executor = self._executor()
        if not was and executor is not None:
            executor.withdraw(self)
        return True


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
        self._max_workers = max_workers
        self._wishes = wishes
        self._owns = house is None
        self.house = house or connect()
        self._changed = threading.Condition()
        #: Not sent yet.
        self._waiting: deque[tuple[CallFuture[Any], JobSpec]] = deque()
        #: With the house: by job.
        self._sent: dict[str, CallFuture[Any]] = {}
        #: How many are being sent right now.
        self._sending = 0
        self._is_shut = False
        self._is_closed = False
        self._arrived: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._quiet: set[str] = set()
        if echo:
            self.house.on_lines(self._echo)
        self._endings = self.house.endings
        self.house.on_close(self._abandon)
        self._threads = [
            threading.Thread(target=self._send, name="idlehands-send", daemon=True),
            threading.Thread(target=self._receive, name="idlehands-receive", daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        with _lock:
            _open.add(self)

    # --- what the standard library promises ----------------------------------------

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
        self._check_open()
        future: CallFuture[_T] = CallFuture(self)
        try:
            spec = self.house.caller.build_job(function, args, kwargs, wishes or self._wishes, take=take)
        except NotPicklable as error:
            # As others do: it is known to whoever asks for the result.
            future.set_running_or_notify_cancel()
            future.set_exception(error)
            return future
        with self._changed:
            self._check_open()
            self._waiting.append((future, spec))
            self._changed.notify_all()
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
        if chunksize < 1:
            raise ValueError("chunksize must be >= 1.")
        end = None if timeout is None else time.monotonic() + timeout
        rows: Iterator[tuple[Any, ...]] = zip(*iterables, strict=False)
        if chunksize == 1:
            function, pieces = pack_function(fn), rows
        else:
            function = pack_function(_Chunks(fn).make())
            pieces = ((chunk,) for chunk in _cut(rows, chunksize))
        pending: list[CallFuture[Any]] = [self.submit_packed(function, piece, {}) for piece in pieces]
        pending.reverse()

        def results() -> Iterator[Any]:
            try:
                while pending:
                    # No name for the result here: nobody but the caller holds it.
                    if chunksize == 1:
                        yield _take_result(pending.pop(), end)
                    else:
                        yield from _drain(_take_result(pending.pop(), end))
            finally:
                for future in pending:
                    future.cancel()

        return results()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; by default return when all have ended. Safe to repeat.

        Args:
            wait: Whether to wait for the calls that were submitted.
            cancel_futures: Whether to cancel those that do not run yet.
        """
        with self._changed:
            self._is_shut = True
            self._changed.notify_all()
            known = [*(future for future, _ in self._waiting), *self._sent.values()] if cancel_futures else []
        for future in known:
            future.cancel()
        if wait:
            with self._changed:
                self._changed.wait_for(self._is_done)
            for thread in self._threads:
                if thread is not threading.current_thread():
                    thread.join()

    def kill(self) -> None:
        """Cancel every call, also those that run. Their futures are cancelled or end with `JobFailure`."""
        with self._changed:
            known = [*(future for future, _ in self._waiting), *self._sent.values()]
        for future in known:
            job = future.job
            if not future.cancel() and job is not None:
                self._arrived.put(functools.partial(self._cancel, job))

    # --- between here and the house ---------------------------------------------------

    def withdraw(self, future: CallFuture[Any]) -> None:
        """Take back a call that was cancelled; called by its future."""
        job = future.job
        if job is not None:
            self._arrived.put(lambda: self._withdraw(job, future))

    def _check_open(self) -> None:
        if self._is_shut:
            raise RuntimeError("cannot schedule new futures after shutdown")
        if _is_over:
            raise RuntimeError("cannot schedule new futures after interpreter shutdown")

    def _is_done(self) -> bool:
        return self._is_shut and not self._waiting and not self._sent and not self._sending

    def _send(self) -> None:
        """Send what waits, as much as may be with the house, until there will be nothing more."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_done() or (self._waiting and self._room() > 0))
                if self._is_done():
                    break
                # In functions of their own: no name here outlives a call and holds its result.
                batch = self._take_batch()
                self._sending = len(batch)
            self._submit(batch)
            del batch
            with self._changed:
                self._sending = 0
                self._changed.notify_all()
        self._arrived.put(None)

    def _take_batch(self) -> list[tuple[CallFuture[Any], JobSpec]]:
        batch: list[tuple[CallFuture[Any], JobSpec]] = []
        while self._waiting and len(batch) < min(self._room(), _BATCH):
            future, spec = self._waiting.popleft()
            if future.cancelled():
                _start(future)
            else:
                batch.append((future, spec))
        return batch

    def _room(self) -> int:
        return sys.maxsize if self._max_workers is None else self._max_workers - len(self._sent)

    def _submit(self, batch: list[tuple[CallFuture[Any], JobSpec]]) -> None:
        try:
            jobs = self.house.client.submit([spec for _, spec in batch]).jobs if batch else ()
        except Exception as error:
            for future, _ in batch:
                if _start(future):
                    future.set_exception(error)
            return
        with self._changed:
            for (future, _), job in zip(batch, jobs, strict=True):
                future.job = job
                self._sent[job] = future
        if self.house.is_closed:
            # It was closed while HQ answered: nobody will hear how these end.
            self._abandon()
            return
        for (future, _), job in zip(batch, jobs, strict=True):
            self._endings.listen(job, self._hear)
            if future.cancelled():
                self.withdraw(future)

    def _hear(self, job: str, event: Told) -> None:
        """Take in what happened to a job; called on the thread of `Endings`."""
        if isinstance(event, JobClaimed):
            self._arrived.put(lambda: self._begin(job))
        elif isinstance(event, AttemptReturned):
            self._arrived.put(lambda: self._look(job))
        elif isinstance(event, Ending):
            self._arrived.put(lambda: self._end(job, event))

    def _receive(self) -> None:
        while (act := self._arrived.get()) is not None:
            try:
                act()
            except ClientError as error:
                sys.stderr.write(f"idlehands: {error}\n")
            del act
        self._close()

    def _begin(self, job: str) -> None:
        future = self._sent.get(job)
        if future is not None and not _start(future):
            self._cancel(job)

    def _withdraw(self, job: str, future: CallFuture[Any]) -> None:
        _start(future)
        self._cancel(job)

    def _end(self, job: str, event: Ending) -> None:
        future = self._sent.get(job)
        if future is None:
            return
        is_wanted = _start(future)
        self._let_go(job)
        if is_wanted:
            _settle(self.house, future, job, event)

    def _look(self, job: str) -> None:
        """Look whether anybody will ever take a job that a machine declined."""
        future = self._sent.get(job)
        why = find_distrust(self.house, job) if future is not None else ""
        if future is not None and why:
            self._cancel(job)
            if _start(future):
                future.set_exception(NobodyTrusts(why))
            self._let_go(job)

    def _cancel(self, job: str) -> None:
        # It may have ended in this moment.
        with contextlib.suppress(RequestRefused):
            if not self.house.is_closed:
                self.house.client.cancel([job])

    def _abandon(self) -> None:
        """Let everybody know that nothing will be heard any more: the house was closed."""
        with self._changed:
            self._is_shut = True
            left = [*(future for future, _ in self._waiting), *self._sent.values()]
            self._waiting.clear()
            self._sent.clear()
            self._changed.notify_all()
        for future in left:
            if _start(future):
                what = f"{future.job} goes on there" if future.job else "the call was not sent"
                future.set_exception(HqUnreachable(f"The connection to the house was closed: {what}."))

    def _let_go(self, job: str) -> None:
        self._endings.forget(job)
        self._quiet.discard(job)
        with self._changed:
            self._sent.pop(job, None)
            self._changed.notify_all()

    def _echo(self, job: str, stream: str, lines: tuple[str, ...]) -> None:
        if job not in self._sent:
            return
        if stream == "stdout":
            sys.stdout.write("".join(f"{line}\n" for line in lines))
            sys.stdout.flush()
        elif stream == "stderr":
            for line in lines:
                # It comes with the exception.
                if line.startswith("Traceback (most recent call last)"):
                    self._quiet.add(job)
                if job not in self._quiet:
                    sys.stderr.write(f"{line}\n")

    def _close(self) -> None:
        self.house.no_lines(self._echo)
        self.house.not_on_close(self._abandon)
        if self._owns and not self._is_closed:
            self._is_closed = True
            self.house.close()
        with _lock:
            _open.discard(self)


def _start(future: CallFuture[Any]) -> bool:
    """Tell whether a future waits for its result; if it was cancelled, let those know who wait for it."""
    # The threads that send and hear may both ask. A second notice would be logged as an error of ours.
    with _starting:
        if future.running():
            return True
        if future.is_told:
            return False
        try:
            goes_on = future.set_running_or_notify_cancel()
        except (RuntimeError, futures.InvalidStateError):
            # It has its result.
            return False
        future.is_told = not goes_on
        return goes_on


def _settle(house: House, future: CallFuture[Any], job: str, event: Ending) -> None:
    try:
        values = [read_ending(house, job, event, is_call=True)]
    except BaseException as error:
        future.set_exception(error)
    else:
        # No name for it here: who has the result next must be the only one.
        future.set_result(values.pop())


def _take_result(future: CallFuture[Any], end: float | None) -> Any:
    try:
        try:
            return future.result(None if end is None else end - time.monotonic())
        finally:
            future.cancel()
    finally:
        # Its exception refers to this frame.
        del future


def _drain(values: list[Any]) -> Iterator[Any]:
    values.reverse()
    while values:
        yield values.pop()


def _cut(rows: Iterator[tuple[Any, ...]], size: int) -> Iterator[list[tuple[Any, ...]]]:
    while chunk := list(itertools.islice(rows, size)):
        yield chunk


class _Chunks:
    """Makes the function that calls another for each row of a chunk."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def make(self) -> Callable[[list[tuple[Any, ...]]], list[Any]]:
        """Return it in a form that travels: agents cannot import this module."""
        function = self._function

        def call_each(rows: list[tuple[Any, ...]]) -> list[Any]:
            return [function(*row) for row in rows]

        call_each.__module__ = "__main__"
        call_each.__qualname__ = getattr(function, "__qualname__", type(function).__qualname__)
        return call_each


def _finish() -> None:
    """Wait, when the interpreter ends, for what was submitted: as the pools of the standard library do."""
    global _is_over
    with _lock:
        _is_over = True
        executors = list(_open)
    for executor in executors:
        executor.shutdown(wait=True)


# Before threads are joined; `atexit` itself is too late. The standard library uses the same for its pools.
threading._register_atexit(_finish)  # type: ignore[attr-defined]
