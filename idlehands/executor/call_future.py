"""The future of one call: cancelled, begun and settled, from whichever thread."""

import threading
import weakref
from concurrent import futures
from typing import Any, Protocol, TypeVar

from idlehands.client.endings import Ending
from idlehands.client.house import House
from idlehands.client.jobs import read_ending

_T = TypeVar("_T")

_starting = threading.Lock()


class TakesBack(Protocol):
    """Whoever has sent a call, or will."""

    def withdraw(self, future: "CallFuture[Any]") -> None:
        """Take back a call that was cancelled."""


class CallFuture(futures.Future[_T]):
    """The future of one call. `job` is its id once HQ has given it one."""

    def __init__(self, sender: TakesBack) -> None:
        super().__init__()
        self.job: str | None = None
        #: Whether those who wait know that it was cancelled.
        self.is_told = False
        self._sender = weakref.ref(sender)

    def cancel(self) -> bool:
        """Cancel the call unless it runs already; True when it will not run."""
        was = self.cancelled()
        if not super().cancel():
            return False
        sender = self._sender()
        if not was and sender is not None:
            sender.withdraw(self)
        return True


def begin(future: CallFuture[Any]) -> bool:
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


def settle(house: House, future: CallFuture[Any], job: str, event: Ending) -> None:
    """Give a future the result or the exception of a job that has ended."""
    try:
        values = [read_ending(house, job, event, is_call=True)]
    except BaseException as error:
        future.set_exception(error)
    else:
        # No name for it here: who has the result next must be the only one.
        future.set_result(values.pop())
