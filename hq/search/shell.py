"""The search loop on a real bus: one thread that waits for messages and the time.

Notices are only hints to look sooner; nothing depends on any of them arriving.
"""

import logging
import queue
import secrets
import time
from collections.abc import Sequence

from bus.codec import MessageTooBig
from bus.port import Bus, BusInput, Connected, Disconnected, Inbound
from bus.topics import JOB_EVENT, JOB_PROGRESS, REPLY, SWEEP_EVENT
from hq.search.early_stopping import EarlyStopping
from hq.search.loop import SearchLoop
from schemas.messages import Reply
from schemas.requests import Propose, Prune, ReadPast, ReadSeries, ReadSweeps
from schemas.states import JobStatus

CLIENT = "search"
#: Unanswered requests that are remembered; older ones are lost and were asked again.
_MOST_ASKED = 256
log = logging.getLogger(__name__)


Asked = ReadSweeps | ReadPast | Propose | ReadSeries | Prune


class SearchShell:
    """Feeds the loop and publishes what it asks."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._loop = SearchLoop()
        self._inbox: queue.SimpleQueue[BusInput | None] = queue.SimpleQueue()
        self._asked: dict[str, Asked] = {}
        self._early = EarlyStopping()
        self._hears_jobs = self._hears_progress = False

    def run(self) -> None:
        """Connect and propose until `stop`."""
        self._bus.subscribe(REPLY, client=CLIENT)
        self._bus.subscribe(SWEEP_EVENT)
        self._bus.start(self._inbox.put)
        try:
            while True:
                try:
                    now = time.monotonic()
                    pause = min(self._loop.next_wake(now), self._early.next_wake(now))
                    what = self._inbox.get(timeout=pause or 0.001)
                except queue.Empty:
                    pass
                else:
                    if what is None:
                        return
                    self._take(what)
                now = time.monotonic()
                self._ask([*self._loop.tick(now), *self._early.tick(now)])
                self._listen()
        finally:
            self._bus.stop()

    def stop(self) -> None:
        """Make `run` return. Safe from any thread and from a signal handler."""
        self._inbox.put(None)

    def _listen(self) -> None:
        """Hear of jobs only while a sweep waits for one to end: a busy house has very many."""
        progress = self._early.wants_progress
        if progress and not self._hears_progress:
            self._bus.subscribe(JOB_PROGRESS)
        elif self._hears_progress and not progress:
            self._bus.unsubscribe(JOB_PROGRESS)
        self._hears_progress = progress
        wanted = self._loop.wants_trial_ends or progress
        if wanted and not self._hears_jobs:
            self._bus.subscribe(JOB_EVENT)
        elif self._hears_jobs and not wanted:
            self._bus.unsubscribe(JOB_EVENT)
        self._hears_jobs = wanted

    def _take(self, what: BusInput) -> None:
        now = time.monotonic()
        if isinstance(what, Connected):
            log.info("connected to the broker")
            self._loop.connected(now)
        elif isinstance(what, Disconnected):
            log.warning("the broker is not reached: %s", what.why)
        elif isinstance(what, Inbound):
            self._take_message(what, now)

    def _take_message(self, message: Inbound, now: float) -> None:
        if message.topic is SWEEP_EVENT:
            self._loop.notice(now)
        elif message.topic is JOB_EVENT:
            # The end of a job makes room for a trial, if it was one.
            if JobStatus(message.data.status).is_final:
                self._loop.notice(now)
                self._early.hear_job(message.data, now)
        elif message.topic is JOB_PROGRESS:
            self._ask(self._early.hear_progress(message.data, now))
        elif message.topic is REPLY:
            identity = (message.correlation or b"").decode("ascii", "replace") or message.data.request
            asked = self._asked.pop(identity, None)
            if asked is not None:
                self._take_answer(asked, message.data, now)

    def _take_answer(self, asked: Asked, reply: Reply, now: float) -> None:
        if isinstance(asked, ReadSeries | Prune):
            self._ask(self._early.answered(asked, reply, now))
            return
        if isinstance(asked, ReadSweeps):
            self._early.told_sweeps(reply, is_first=asked.after is None)
        self._ask(self._loop.answered(asked, reply, now))

    def _ask(self, requests: Sequence[Asked]) -> None:
        for request in requests:
            identity = secrets.token_hex(16)
            self._asked[identity] = request
            while len(self._asked) > _MOST_ASKED:
                del self._asked[next(iter(self._asked))]
            try:
                self._bus.request(request, client=CLIENT, correlation=identity.encode(), message_id=identity)
            except MessageTooBig as error:
                del self._asked[identity]
                log.error("a proposal is too big to be sent: %s", error)
