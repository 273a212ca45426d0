"""What is still with the house when the interpreter ends: it is waited for, as the standard library does."""

import threading
import weakref
from typing import Protocol

_lock = threading.Lock()
_is_over = False


class Waits(Protocol):
    """Whoever has submitted calls."""

    def shutdown(self, wait: bool, *, cancel_futures: bool) -> None:
        """Take no more calls and return when all have ended."""


_open: "weakref.WeakSet[Waits]" = weakref.WeakSet()


def remember(calls: Waits) -> None:
    """Wait for these calls when the interpreter ends, unless they are forgotten before."""
    with _lock:
        _open.add(calls)


def forget(calls: Waits) -> None:
    """Wait for these calls no more. Safe to repeat."""
    with _lock:
        _open.discard(calls)


def is_over() -> bool:
    """Tell whether the interpreter ends: nothing can be submitted any more."""
    return _is_over


def _finish() -> None:
    global _is_over
    with _lock:
        _is_over = True
        left = list(_open)
    for calls in left:
        calls.shutdown(wait=True, cancel_futures=False)


# Before threads are joined; `atexit` itself is too late. The standard library uses the same for its pools.
threading._register_atexit(_finish)  # type: ignore[attr-defined]
