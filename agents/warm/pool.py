"""Starts warm interpreters, keeps few of them, and lets them go: the least recently used first.

One thread starts and ends them all: in `strict` the kernel ends a sandbox
with the thread that made it. That thread lives as long as there is one.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable

from msgspec import Struct

from agents.warm.imports import Imports
from agents.warm.interpreter import Interpreter, InterpreterGone

log = logging.getLogger(__name__)

_IMPORT_SECONDS = 120.0
_LOOK_SECONDS = 15.0
_POLL_SECONDS = 0.02
#: What could not be started is not tried again for so long.
_PENALTY_SECONDS = 600.0


class Shape(Struct, frozen=True):
    """What all scripts of one warm interpreter have in common, besides their imports."""

    interpreter: str
    is_strict: bool
    network: bool
    #: The environment of its scripts, but for what is another for each attempt.
    environment: tuple[tuple[str, str], ...]
    #: Of an interpreter that was built for scripts: which time it was.
    built: str = ""


class PoolLimits(Struct, frozen=True):
    """How much warmth is kept."""

    count: int = 4
    rss_mb: int = 1024
    idle_seconds: float = 300.0


class _Place:
    """One warm interpreter, from the wish for it on."""

    def __init__(self, shape: Shape, heavy: frozenset[str], names: list[str]) -> None:
        self.shape, self.heavy, self.names = shape, heavy, names
        self.settled = threading.Event()
        self.lock = threading.Lock()
        self.interpreter: Interpreter | None = None
        self.users = 0
        self.used_at = time.monotonic()


class Lent:
    """The use of a warm interpreter by one attempt. Give it back when the attempt is over."""

    def __init__(self, pool: "Pool", place: _Place, interpreter: Interpreter) -> None:
        self._pool, self._place, self.interpreter = pool, place, interpreter

    def give_back(self, *, broken: bool = False) -> None:
        """End the use; a broken one is used no more. Safe to repeat."""
        place, self._place = self._place, None  # type: ignore[assignment]
        if place is not None:
            self._pool.take_back(place, broken=broken)


class Pool:
    """The warm interpreters of an agent; every method from any thread."""

    def __init__(self, start: Callable[[Shape], Interpreter], limits: PoolLimits | None = None) -> None:
        self._start = start
        self._limits = limits or PoolLimits()
        self._lock = threading.Lock()
        self._places: list[_Place] = []
        self._refused: dict[Shape, set[str]] = {}
        self._penalties: dict[Shape, float] = {}
        self._waiting: queue.SimpleQueue[_Place | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._is_to_cool = False

    def lend(self, shape: Shape, imports: Imports, is_stopped: Callable[[], bool]) -> Lent | None:
        """Return a warm interpreter that has a script's imports, started if need be; None to start afresh."""
        refused = self._refused.get(shape, set())
        names = [name for name in imports.names if not _is_refused(name, refused)]
        heavy = frozenset(name for name in imports.heavy if not _is_refused(name, refused))
        place = self._find(shape, heavy, names)
        if place is None:
            return None
        while not place.settled.wait(_POLL_SECONDS):
            if is_stopped():
                self.take_back(place)
                return None
        interpreter = place.interpreter
        if interpreter is None:
            self.take_back(place)
            return None
        try:
            with place.lock:
                missing = [name for name in names if name not in interpreter.asked]
                if missing and not self._take_modules(interpreter, shape, missing):
                    self.take_back(place, broken=True)
                    return None
        except InterpreterGone as error:
            log.warning("a warm interpreter was lost while it imported: %s", error)
            self.take_back(place, broken=True)
            return None
        return Lent(self, place, interpreter)

    def take_back(self, place: _Place, *, broken: bool = False) -> None:
        """Note that an attempt needs a place no more."""
        with self._lock:
            place.users -= 1
            place.used_at = time.monotonic()
            if broken and place in self._places:
                self._places.remove(place)
        if broken:
            self._waiting.put(None)
            # It ends by itself when its last user is gone: no other will come.
            self._end_if_unused(place)
        elif place not in self._places:
            self._end_if_unused(place)

    def cool(self) -> None:
        """Let go soon, in the thread that keeps them, of every warm interpreter that nobody uses now."""
        if self._places:
            self._is_to_cool = True
            self._waiting.put(None)

    def close(self) -> None:
        """End all of them; return when they are gone."""
        with self._lock:
            self._is_closed = True
            places, self._places = self._places, []
            thread = self._thread
        self._waiting.put(None)
        for place in places:
            _end(place)
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def count(self) -> int:
        """Return how many there are."""
        return len(self._places)

    def _find(self, shape: Shape, heavy: frozenset[str], names: list[str]) -> _Place | None:
        with self._lock:
            if self._is_closed or self._penalties.get(shape, 0.0) > time.monotonic():
                return None
            for place in self._places:
                has = place.heavy if place.interpreter is None else place.heavy | place.interpreter.modules
                if place.shape == shape and place.heavy <= heavy <= has:
                    place.users += 1
                    place.used_at = time.monotonic()
                    return place
            place = _Place(shape, heavy, names)
            place.users = 1
            self._places.append(place)
            self._waiting.put(place)
            if self._thread is None:
                self._thread = threading.Thread(target=self._keep, name="warm", daemon=True)
                self._thread.start()
            return place

    def _keep(self) -> None:
        """Start what is wanted, end what is not, until there is nothing."""
        while True:
            try:
                place = self._waiting.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                place = None
            if place is not None:
                self._begin(place)
            self._trim()
            with self._lock:
                if self._waiting.empty() and not self._places:
                    self._thread = None
                    return

    def _begin(self, place: _Place) -> None:
        interpreter = None
        try:
            if not self._is_closed:
                interpreter = self._start(place.shape)
                if self._take_modules(interpreter, place.shape, place.names):
                    place.interpreter = interpreter
        except (InterpreterGone, OSError, ValueError) as error:
            log.warning("no warm interpreter can be started, scripts get fresh ones: %s", error)
            self._penalties[place.shape] = time.monotonic() + _PENALTY_SECONDS
        finally:
            if interpreter is not None and place.interpreter is None:
                interpreter.close()
            with self._lock:
                if place.interpreter is None and place in self._places:
                    self._places.remove(place)
                is_closed = self._is_closed
            if is_closed:
                _end(place)
            place.settled.set()

    def _take_modules(self, interpreter: Interpreter, shape: Shape, names: list[str]) -> bool:
        spoiled = interpreter.take_modules(names, network=shape.network, seconds=_IMPORT_SECONDS)
        if spoiled is None:
            return True
        name, why = spoiled
        log.info("%s is not imported ahead of scripts: %s", name, why)
        with self._lock:
            self._refused.setdefault(shape, set()).add(name)
        return False

    def _trim(self) -> None:
        idle_seconds, self._is_to_cool = 0.0 if self._is_to_cool else self._limits.idle_seconds, False
        oldest = time.monotonic() - idle_seconds
        for place in self._pick(lambda place: place.used_at < oldest):
            _end(place)
        while True:
            with self._lock:
                used = sum(place.interpreter.rss_kb for place in self._places if place.interpreter)
                is_over = len(self._places) > self._limits.count or used > 1024 * self._limits.rss_mb
                unused = [place for place in self._places if not place.users and place.interpreter]
                if not is_over or not unused:
                    return
                place = min(unused, key=lambda place: place.used_at)
                self._places.remove(place)
            _end(place)

    def _pick(self, is_wanted: Callable[[_Place], bool]) -> list[_Place]:
        """Take out what nobody uses, if it is wanted so."""
        with self._lock:
            picked = [
                place for place in self._places if not place.users and place.interpreter and is_wanted(place)
            ]
            for place in picked:
                self._places.remove(place)
            return picked

    def _end_if_unused(self, place: _Place) -> None:
        with self._lock:
            if place.users:
                return
        _end(place)


def _end(place: _Place) -> None:
    interpreter, place.interpreter = place.interpreter, None
    if interpreter is not None:
        interpreter.close()


def _is_refused(name: str, refused: set[str]) -> bool:
    return any(name == one or name.startswith(one + ".") for one in refused)
