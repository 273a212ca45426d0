"""Results from the end of a script until HQ has them: to the disk, on the way, acknowledged.

A result goes to the spool before HQ hears of it, at once or soon with others.
One that the spool does not take is sent from memory, and tried on the disk
again until it lies there or HQ has it. Times are on the agent's suspend-aware clock.
"""

from collections.abc import Callable, Iterable

from agents.core.attempts import AttemptKey, Attempts
from agents.core.deliveries import Deliveries
from agents.core.effects import Effect, Send, Spool, Unspool
from agents.core.timing import CHANGE_SECONDS, GATHER_SECONDS, RESPOOL_SECONDS
from bus import topics
from schemas.facts import AttemptResult
from schemas.messages import Results
from schemas.states import Phase

_RESULTS_PER_MESSAGE = 64
_GATHERED_AT_MOST = 64


class Outbox:
    """The results of one boot, and those that earlier boots left.

    Args:
        attempts: Those of this agent: a result that is on disk makes its attempt `spooled`.
        emit: Takes what is to be done.
    """

    def __init__(self, boot: int, attempts: Attempts, now: float, emit: Callable[[Effect], None]) -> None:
        #: Why results cannot be written, "" when they can.
        self.trouble = ""
        self._boot, self._attempts, self._emit = boot, attempts, emit
        self._deliveries = Deliveries()
        #: Results that wait for others, and until when.
        self._gathered: list[AttemptResult] = []
        self._gather_until = now
        #: Results that the spool did not take: undelivered, or delivered and kept to try it with.
        self._unwritten: dict[AttemptKey, AttemptResult] = {}
        self._rewrite_at = now

    @property
    def is_volatile(self) -> bool:
        """Tell whether a result that HQ lacks is in memory only and would go with this process."""
        return any(key in self._attempts for key in self._unwritten)

    def take_back(self, result: AttemptResult, send_at: float) -> None:
        """Take in a result that an earlier boot left on disk."""
        self._deliveries.add(result, send_at)

    def add(self, result: AttemptResult, now: float, *, soon: bool) -> None:
        """Let a result go to the spool: at once with those that waited, or soon with those that will come."""
        if not self._gathered:
            self._gather_until = now + GATHER_SECONDS
        self._gathered.append(result)
        if not soon or len(self._gathered) >= _GATHERED_AT_MOST:
            self._write_gathered()

    def _write_gathered(self) -> None:
        gathered, self._gathered = self._gathered, []
        for result in gathered:
            self._emit(Spool(result))

    def written(self, results: Iterable[AttemptResult], now: float, trouble: str) -> None:
        """Take in that results are on disk, or why not: then they are kept and tried again."""
        self.trouble = trouble
        self._rewrite_at = now + (RESPOOL_SECONDS if trouble else CHANGE_SECONDS)
        for result in results:
            key = (result.job, result.token)
            attempt = self._attempts.get(key)
            if trouble:
                self._unwritten[key] = result
            elif self._unwritten.pop(key, None) is not None and attempt is None:
                self._emit(Unspool(*key))  # HQ has had it for a while
            if attempt is not None and attempt.phase is not Phase.SPOOLED:
                self._attempts.move(attempt, Phase.SPOOLED)
                self._deliveries.add(result, now)

    def settle(self, key: AttemptKey) -> bool:
        """Forget a result that HQ has, and its attempt; tell whether it was waiting."""
        if not self._deliveries.settle(key):
            return False
        self._attempts.discard(key)
        self._emit(Unspool(*key))
        return True

    def hurry(self, at: float) -> None:
        """Send everything anew from `at` on: HQ may have missed all of it."""
        self._deliveries.hurry(at)

    def tick(self, now: float) -> None:
        """Write and send what is due."""
        if self._gathered and now >= self._gather_until:
            self._write_gathered()
        if self._unwritten and now >= self._rewrite_at:
            self._rewrite_at = now + RESPOOL_SECONDS
            for result in self._unwritten.values():
                self._emit(Spool(result))
        due = self._deliveries.take_due(now)
        for start in range(0, len(due), _RESULTS_PER_MESSAGE):
            part = tuple(due[start : start + _RESULTS_PER_MESSAGE])
            self._emit(Send(topics.RESULT, Results(self._boot, part)))

    @property
    def next_due(self) -> float:
        """Return when `tick` has something to do."""
        times = [self._deliveries.next_due]
        if self._unwritten:
            times.append(self._rewrite_at)
        if self._gathered:
            times.append(self._gather_until)
        return min(times)
