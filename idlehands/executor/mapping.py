"""`map`: many calls at once, singly or in chunks, and their results in order.

Nothing here keeps a result: whoever iterates is the only one to hold it.
"""

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

from idlehands.calls.packing import Function, pack_function
from idlehands.executor.call_future import CallFuture

#: Submits a function that was packed once for many calls, and returns the call's future.
SubmitPacked = Callable[[Function, tuple[Any, ...], dict[str, Any]], CallFuture[Any]]


def map_calls(
    submit: SubmitPacked,
    function: Callable[..., Any],
    rows: Iterator[tuple[Any, ...]],
    *,
    timeout: float | None,
    chunksize: int,
) -> Iterator[Any]:
    """Submit a call for each row, or for each chunk of rows, and yield their results in order.

    All are submitted when this returns; those whose results nobody takes are cancelled.

    Raises:
        ValueError: If `chunksize` is not greater than 0.
        TimeoutError: While iterating, if a result is not there `timeout` seconds from now.
        Exception: While iterating, what a call raised.
    """
    if chunksize < 1:
        raise ValueError("chunksize must be >= 1.")
    end = None if timeout is None else time.monotonic() + timeout
    if chunksize == 1:
        packed, pieces = pack_function(function), rows
    else:
        packed = pack_function(_Chunks(function).make())
        pieces = ((chunk,) for chunk in _cut(rows, chunksize))
    pending: list[CallFuture[Any]] = [submit(packed, piece, {}) for piece in pieces]
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
