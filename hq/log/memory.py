"""The event log in memory: the twin that tests and the simulator run on."""

import threading
from collections.abc import Callable, Iterator, Sequence

from hq.log.port import (
    NOTHING,
    Header,
    LogUnavailable,
    LogUnreadable,
    PositionTaken,
    check_consecutive,
    check_version,
    never,
)
from schemas.events import Decision, EpochBegan


class MemoryLog:
    """Keeps the promises of `EventLog` except outliving the process.

    Attributes:
        decisions: All of them; position p is at index p - 1.
        available: While False every call is answered as by an absent database.
    """

    def __init__(self) -> None:
        self.decisions: list[Decision] = []
        self.available = True
        self._start = 1
        self._lock = threading.Lock()

    def append(self, decisions: Sequence[Decision], should_give_up: Callable[[], bool] = never) -> None:
        """See `EventLog.append`. Never waits: an absent database is `LogUnavailable` at once."""
        self._check_available()
        check_consecutive(decisions)
        with self._lock:
            for decision in decisions:
                self._append_one(decision)

    def _append_one(self, decision: Decision) -> None:
        if decision.position > len(self.decisions) + 1:
            raise LogUnavailable(f"position {decision.position - 1} is not there yet")
        if decision.position == len(self.decisions) + 1:
            self.decisions.append(decision)
            return
        standing = self.decisions[decision.position - 1]
        if standing.op != decision.op:
            raise PositionTaken(decision.position, standing.epoch)

    def tail(self) -> Header:
        """See `EventLog.tail`."""
        return self.header_at(len(self.decisions)) or NOTHING

    def header_at(self, position: int) -> Header | None:
        """See `EventLog.header_at`."""
        self._check_available()
        if not 1 <= position <= len(self.decisions):
            return None
        decision = self.decisions[position - 1]
        if position < self._start and not isinstance(decision.events[0], EpochBegan):
            return None
        return Header(decision.position, decision.epoch, decision.op)

    def read_after(self, position: int, limit: int | None = None) -> Iterator[Decision]:
        """See `EventLog.read_after`."""
        self._check_available()
        if position + 1 < self._start:
            raise LogUnreadable(f"the decision at position {position + 1} was compacted away")
        for decision in self.decisions[position : None if limit is None else position + limit]:
            yield check_version(decision)

    def start(self) -> int:
        """See `EventLog.start`."""
        self._check_available()
        return self._start

    def forget(self, position: int) -> None:
        """See `EventLog.forget`. Only hides them: the list keeps its order."""
        self._check_available()
        if position >= len(self.decisions):
            raise ValueError("the last decision cannot be forgotten")
        self._start = max(self._start, position + 1)

    def verify_leadership(self, next_position: int) -> None:
        """See `EventLog.verify_leadership`."""
        standing = self.header_at(next_position)
        if standing is not None:
            raise PositionTaken(next_position, standing.epoch)

    def _check_available(self) -> None:
        if not self.available:
            raise LogUnavailable("the event log is away")
