"""What arrived and waits for HQ's loop: bounded, and it sheds the cheapest first.

Filled by the bus's thread and by helpers, emptied by the loop. Everything on
the bus is repeated by its sender, so shedding costs time and loses nothing;
what the house's own helpers report is never shed.
"""

import threading
from collections import Counter, deque
from typing import Any

from bus import topics
from bus.port import Inbound, Refusal

#: Above this, progress and logs are dropped.
LOSSY_LIMIT = 5_000
#: Above this, everything that its sender repeats is dropped.
LIMIT = 50_000
_LOSSY = (topics.PROGRESS, topics.LOG)


class Inbox:
    """A queue that several threads fill and one empties."""

    def __init__(self) -> None:
        self._items: deque[Any] = deque()
        self._changed = threading.Condition()
        self._shed: Counter[str] = Counter()

    def put_message(self, message: Any) -> None:
        """Add what the bus delivered, or drop it when too much waits."""
        with self._changed:
            waiting = len(self._items)
            if waiting >= LOSSY_LIMIT and isinstance(message, Inbound):
                if message.topic in _LOSSY or waiting >= LIMIT:
                    self._shed[f"shed_{message.topic.type.rpartition('.')[2]}"] += 1
                    return
            elif waiting >= LIMIT and isinstance(message, Refusal):
                self._shed["shed_malformed"] += 1
                return
            self._items.append(message)
            self._changed.notify()

    def put(self, item: Any) -> None:
        """Add what a helper of this process reports; never dropped."""
        with self._changed:
            self._items.append(item)
            self._changed.notify()

    def drain(self, timeout_seconds: float) -> tuple[list[Any], Counter[str]]:
        """Wait until something is there, at most so long; return all of it and what was shed."""
        with self._changed:
            if not self._items:
                self._changed.wait(timeout_seconds)
            items, self._items = list(self._items), deque()
            shed, self._shed = self._shed, Counter()
        return items, shed
