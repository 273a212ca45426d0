"""joblib on the machines of the house: `with joblib.parallel_config("idlehands"): ...`.

Importing this module, or `idlehands.register_joblib()`, makes the name known.
Scikit-learn and whatever else uses joblib follow. What calls refer to
together, such as a large array, travels once.
"""

import os
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

from joblib._parallel_backends import (
    AutoBatchingMixin,
    FallbackToBackend,
    ParallelBackendBase,
    SequentialBackend,
)
from joblib.parallel import register_parallel_backend

from idlehands.calls.calling import Wishes
from idlehands.calls.packing import Function, pack_function, take_part
from idlehands.client.house import House, connect
from idlehands.executor import CallFuture, Executor

NAME = "idlehands"
#: The number of slots is asked for again after so long.
_SLOTS_SECONDS = 10.0


class IdlehandsBackend(AutoBatchingMixin, ParallelBackendBase):  # type: ignore[misc]
    """Runs batches of a `joblib.Parallel` as jobs."""

    supports_retrieve_callback = True
    supports_return_generator = True
    supports_timeout = True
    default_n_jobs = -1

    def __init__(
        self, *args: Any, house: House | None = None, wishes: Wishes | None = None, **kwargs: Any
    ) -> None:
        """Remember what to use; connects with the first call.

        Args:
            args: As joblib gives them.
            house: A connected house; by default the one that `idlehands.connect` finds, kept open.
            wishes: What each batch asks for: needs, limits, retries.
            kwargs: As joblib gives them.
        """
        super().__init__(*args, **kwargs)
        self._house, self._wishes = house, wishes
        self._executor: Executor | None = None
        self._seen = _Seen()

    def __reduce__(self) -> tuple[Any, ...]:
        # As a part of something that travels: connections stay here.
        return type(self), ()

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """Return how many batches may be with the house at once: -1 is as many as it has slots, at least two.

        With one, joblib would run everything here; -2 is one less than there are slots, and may be that.

        Raises:
            ValueError: If it is 0.
            HqUnreachable: If the house does not answer.
        """
        if n_jobs == 0:
            raise ValueError("n_jobs == 0 in Parallel has no meaning")
        if n_jobs is None:
            return 1
        if n_jobs > 0:
            return n_jobs
        return max(_count_slots(self._open()) + 1 + n_jobs, 2 if n_jobs == -1 else 1)

    def configure(self, n_jobs: int = 1, parallel: Any = None, **_: Any) -> int:
        """Make ready for calls and return how many may run at once.

        Raises:
            FallbackToBackend: If that is 1: then they run here.
        """
        self.parallel = parallel
        count = self.effective_n_jobs(n_jobs)
        if count == 1:
            raise FallbackToBackend(SequentialBackend(nesting_level=self.nesting_level))
        self._start()
        return count

    def submit(self, func: Any, callback: Callable[[Any], None] | None = None) -> CallFuture[Any]:
        """Let a batch be run, and return its future."""
        executor = self._executor or self._start()
        items = [(function, args, kwargs) for function, args, kwargs in func.items]
        future: CallFuture[Any] = executor.submit_packed(_runner(), (items,), {}, take=self._seen.take)
        # Answers `get` as others' results do.
        future.get = future.result  # type: ignore[attr-defined]
        if callback is not None:
            future.add_done_callback(callback)
        return future

    def retrieve_result_callback(self, out: CallFuture[Any]) -> Any:
        """Return what a batch returned, or raise what it raised."""
        return out.result()

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """Cancel what was submitted, what runs included."""
        self._stop(kill=True)
        if ensure_ready:
            self._start()

    def stop_call(self) -> None:
        """Forget which arrays were seen: they may be changed before the next call."""
        self._seen = _Seen()

    def terminate(self) -> None:
        """Let go of what a call needed."""
        self._stop(kill=False)
        self._seen = _Seen()

    def _open(self) -> House:
        if self._house is None:
            self._house = _shared_house()
        return self._house

    def _start(self) -> Executor:
        if self._executor is None:
            self._executor = Executor(house=self._open(), wishes=self._wishes)
        return self._executor

    def _stop(self, *, kill: bool) -> None:
        executor, self._executor = self._executor, None
        if executor is not None:
            if kill:
                executor.kill()
            executor.shutdown(wait=not kill, cancel_futures=True)


class _Seen:
    """Large values of one call, by what they are: hashed and sent once, as they do not change meanwhile."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[int, tuple[Any, tuple[str, Any]]] = {}

    def take(self, value: Any) -> tuple[str, Any]:
        """Return a value's hash and content."""
        with self._lock:
            known = self._known.get(id(value))
            if known is not None and known[0]() is value:
                return known[1]
        part = take_part(value)
        try:
            alive = weakref.ref(value)
        except TypeError:
            # Bytes: held, so that nothing else gets their id.
            return self._keep(value, lambda: value, part)
        return self._keep(value, alive, part)

    def _keep(self, value: Any, alive: Callable[[], Any], part: tuple[str, Any]) -> tuple[str, Any]:
        with self._lock:
            self._known[id(value)] = (alive, part)
        return part


_lock = threading.Lock()
_shared: tuple[int, House] | None = None
_packed_runner: Function | None = None
_slots: "weakref.WeakKeyDictionary[House, tuple[float, int]]" = weakref.WeakKeyDictionary()


def _shared_house() -> House:
    """Return the house that this process has open for joblib. A forked child opens its own."""
    global _shared
    with _lock:
        if _shared is None or _shared[0] != os.getpid():
            _shared = (os.getpid(), connect())
        return _shared[1]


def _count_slots(house: House) -> int:
    """Return how many slots the machines have that are there now, at least 1."""
    at, count = _slots.get(house, (0.0, 0))
    now = time.monotonic()
    if not count or now - at > _SLOTS_SECONDS:
        agents = house.client.status()["agents"]
        count = max(sum(agent["slots"] for agent in agents if agent["fresh"] and agent["accepting"]), 1)
        _slots[house] = (now, count)
    return count


def _runner() -> Function:
    """Return, in the form that travels, what runs a batch: agents need no joblib, unless the batch does."""
    global _packed_runner
    if _packed_runner is None:

        def run_batch(items: list[tuple[Any, tuple[Any, ...], dict[str, Any]]]) -> list[Any]:
            import sys

            # Its part of the machine is one slot: what is parallel inside shares that.
            joblib = sys.modules.get("joblib")
            if joblib is None:
                return [function(*args, **kwargs) for function, args, kwargs in items]
            # Inside of a job that name means what everything parallel means there.
            joblib.register_parallel_backend("idlehands", joblib.parallel.BACKENDS["threading"])
            with joblib.parallel_config(backend="threading"):
                return [function(*args, **kwargs) for function, args, kwargs in items]

        run_batch.__module__ = "__main__"
        run_batch.__qualname__ = "joblib batch"
        _packed_runner = pack_function(run_batch)
    return _packed_runner


register_parallel_backend(NAME, IdlehandsBackend)
