"""The thread that appends, one append in flight, and the one that pings while it is idle.

    submit --> append --committed--> on_done
                 |  '--PositionTaken, LogUnreadable, DecisionRefused--> on_fatal, the thread ends
                 '--unavailable--> again, as long as it takes

The loop never waits for the database: `submit` returns at once and the
callbacks, called on these threads, must be as quick. The ping has a thread of
its own because it takes up to 100 ms on a quiet server: it waits for the
journal, which an append would have flushed.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence

from hq.log.port import EventLog, LogUnavailable, PositionTaken
from hq.measures import Histogram
from schemas.events import Decision

RETRY_SECONDS = 0.25

logger = logging.getLogger(__name__)


class AppendInFlight(RuntimeError):
    """`submit` was called while an append was in flight: a mistake of the caller."""


class Appender:
    """Owns the one append that is in flight.

    Attributes:
        latency: How long appends took until they were in the journal, failed tries included.
        last_contact: When, on `clock`, the latest call began that proved the log to answer and be ours.
    """

    def __init__(
        self,
        log: EventLog,
        *,
        next_position: int,
        on_done: Callable[[Sequence[Decision]], None],
        on_fatal: Callable[[Exception], None],
        clock: Callable[[], float],
        ping_seconds: float = 3.0,
    ) -> None:
        self._log = log
        self._next_position = next_position
        self._on_done = on_done
        self._on_fatal = on_fatal
        self._clock = clock
        self._ping_seconds = ping_seconds
        self._waiting: queue.SimpleQueue[Sequence[Decision] | None] = queue.SimpleQueue()
        self._in_flight = threading.Event()
        self._stopping = threading.Event()
        self._submits = 0
        self._thread = threading.Thread(target=self._run, name="appender", daemon=True)
        self._pinger = threading.Thread(target=self._run_pings, name="leader's ping", daemon=True)
        self.latency = Histogram()
        self.last_contact = clock()

    def start(self) -> None:
        """Start the threads. Call right after `begin_epoch`, whose append is the first contact."""
        self._thread.start()
        self._pinger.start()

    def submit(self, decisions: Sequence[Decision]) -> None:
        """Append in the background, then call `on_done(decisions)`. Returns at once.

        Raises:
            AppendInFlight: If the previous append has not ended.
        """
        if self._in_flight.is_set():
            raise AppendInFlight("one append at a time: wait for on_done")
        self._submits += 1
        self._in_flight.set()
        self._waiting.put(decisions)

    @property
    def is_idle(self) -> bool:
        """Tell whether `submit` may be called. Already True inside `on_done`."""
        return not self._in_flight.is_set()

    def seconds_since_contact(self) -> float:
        """Return the age of the latest proof of leadership, counted from when its call began."""
        return self._clock() - self.last_contact

    def stop(self, timeout_seconds: float = 10) -> bool:
        """Give up what is in flight, end the threads and tell whether they have ended. Safe to repeat."""
        self._stopping.set()
        self._waiting.put(None)
        deadline = time.monotonic() + timeout_seconds
        for thread in (self._thread, self._pinger):
            if thread.is_alive():
                thread.join(max(0.0, deadline - time.monotonic()))
        return not (self._thread.is_alive() or self._pinger.is_alive())

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                decisions = self._waiting.get()
                if decisions:
                    self._append(decisions)
        except Exception as error:
            self._end(error)

    def _append(self, decisions: Sequence[Decision]) -> None:
        first = self._clock()
        while True:
            began = self._clock()
            try:
                self._log.append(decisions, self._stopping.is_set)
                break
            except LogUnavailable:
                if self._stopping.wait(RETRY_SECONDS):
                    raise
        self._note_contact(began)
        self.latency.observe(self._clock() - first)
        self._next_position = decisions[-1].position + 1
        self._in_flight.clear()
        self._on_done(decisions)

    def _run_pings(self) -> None:
        try:
            while not self._stopping.wait(self._ping_seconds):
                self._ping()
        except Exception as error:
            self._end(error)

    def _ping(self) -> None:
        # In this order: of an append that begins after the count was read, the count tells.
        submits = self._submits
        if self._in_flight.is_set():
            return
        position, began = self._next_position, self._clock()
        try:
            self._log.verify_leadership(position)
            self._note_contact(began)
        except PositionTaken:
            # An append that began meanwhile took the position itself, or will find out who did.
            if submits == self._submits:
                raise
        except LogUnavailable as error:
            logger.warning("the leader's ping was not answered: %s", error)

    def _note_contact(self, began: float) -> None:
        self.last_contact = max(self.last_contact, began)

    def _end(self, error: Exception) -> None:
        # Whatever ended a thread, HQ cannot go on without it.
        if not self._stopping.is_set() or isinstance(error, PositionTaken):
            self._on_fatal(error)
