"""The calls between here and the house: what waits is sent, what comes back settles the futures.

    waiting here -> queued at HQ -> running there -> result or exception

Two threads: one sends what waits, in batches, the other opens what comes
back. Neither polls; both end with `shutdown`.
"""

import contextlib
import functools
import queue
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from idlehands.client.endings import Ending, Told
from idlehands.client.errors import ClientError, HqUnreachable, RequestRefused
from idlehands.client.house import House
from idlehands.client.jobs import NobodyTrusts, find_distrust
from idlehands.executor import at_exit
from idlehands.executor.call_future import CallFuture, begin, settle
from idlehands.executor.echo import Echo
from schemas.events import AttemptReturned, JobClaimed
from schemas.specs import JobSpec

#: Calls that are sent in one request at most.
_BATCH = 200


class CallsInFlight:
    """The calls of one executor.

    Args:
        at_most: How many may be with the house at once, None for as many as there are.
        owns: Whether the house is closed when all is over.
        echo: Whether what calls print is printed here, too.
    """

    def __init__(self, house: House, at_most: int | None, *, owns: bool, echo: bool) -> None:
        self.house = house
        self._at_most, self._owns = at_most, owns
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
        self._echo = Echo(lambda job: job in self._sent)
        if echo:
            self.house.on_lines(self._echo.print_lines)
        self._endings = self.house.endings
        self.house.on_close(self._abandon)
        self._threads = [
            threading.Thread(target=self._send, name="idlehands-send", daemon=True),
            threading.Thread(target=self._receive, name="idlehands-receive", daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        at_exit.remember(self)

    def add(self, future: CallFuture[Any], spec: JobSpec) -> None:
        """Let a call be sent.

        Raises:
            RuntimeError: If nothing can be submitted any more.
        """
        with self._changed:
            self.check_open()
            self._waiting.append((future, spec))
            self._changed.notify_all()

    def shutdown(self, wait: bool, *, cancel_futures: bool) -> None:
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

    def withdraw(self, future: CallFuture[Any]) -> None:
        """Take back a call that was cancelled; called by its future."""
        job = future.job
        if job is not None:
            self._arrived.put(lambda: self._withdraw(job, future))

    def check_open(self) -> None:
        """Raise RuntimeError if nothing can be submitted any more."""
        if self._is_shut:
            raise RuntimeError("cannot schedule new futures after shutdown")
        if at_exit.is_over():
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
                begin(future)
            else:
                batch.append((future, spec))
        return batch

    def _room(self) -> int:
        return sys.maxsize if self._at_most is None else self._at_most - len(self._sent)

    def _submit(self, batch: list[tuple[CallFuture[Any], JobSpec]]) -> None:
        try:
            jobs = self.house.client.submit([spec for _, spec in batch]).jobs if batch else ()
        except Exception as error:
            for future, _ in batch:
                if begin(future):
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
        if future is not None and not begin(future):
            self._cancel(job)

    def _withdraw(self, job: str, future: CallFuture[Any]) -> None:
        begin(future)
        self._cancel(job)

    def _end(self, job: str, event: Ending) -> None:
        future = self._sent.get(job)
        if future is None:
            return
        is_wanted = begin(future)
        self._let_go(job)
        if is_wanted:
            settle(self.house, future, job, event)

    def _look(self, job: str) -> None:
        """Look whether anybody will ever take a job that a machine declined."""
        future = self._sent.get(job)
        why = find_distrust(self.house, job) if future is not None else ""
        if future is not None and why:
            self._cancel(job)
            if begin(future):
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
            if begin(future):
                what = f"{future.job} goes on there" if future.job else "the call was not sent"
                future.set_exception(HqUnreachable(f"The connection to the house was closed: {what}."))

    def _let_go(self, job: str) -> None:
        self._endings.forget(job)
        self._echo.forget(job)
        with self._changed:
            self._sent.pop(job, None)
            self._changed.notify_all()

    def _close(self) -> None:
        self.house.no_lines(self._echo.print_lines)
        self.house.not_on_close(self._abandon)
        if self._owns and not self._is_closed:
            self._is_closed = True
            self.house.close()
        at_exit.forget(self)
