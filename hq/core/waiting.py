"""What waits for HQ's next decision, in the order in which it came.

While the database is away nothing is decided, and agents send their results
again and again: what waits already is known here, and so is when it is too much.
"""

from collections import deque

from msgspec import Struct

from bus import topics
from bus.port import Inbound
from hq.core.calls import Answered
from hq.core.changing import Found

#: From here on, what is repeated or made good by its sender is refused.
MAX_WAITING = 20_000


class Tidying(Struct, frozen=True):
    """Jobs and sweeps that were kept for as long as the house wants."""

    jobs: tuple[str, ...]
    sweeps: tuple[str, ...]


#: A message, what HQ wants on its own account, or a request with what was looked up for it.
Awaited = Inbound | Tidying | Answered | tuple[Inbound, Found]


class Waiting:
    """A queue that knows which results are in it."""

    def __init__(self) -> None:
        self._queue: deque[Awaited] = deque()
        #: Of the messages in the queue: agent, job and token.
        self._results: set[tuple[str, str, int]] = set()

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def is_full(self) -> bool:
        """Tell whether so much waits that more should be refused."""
        return len(self._queue) >= MAX_WAITING

    def has_results_of(self, message: Inbound) -> bool:
        """Tell whether all results in a message wait already."""
        return _reported(message) <= self._results

    def put(self, what: Awaited) -> None:
        """Add at the end, also when it is full: what was looked up must not be lost."""
        self._queue.append(what)
        self._results |= _reported(what)

    def take(self) -> Awaited:
        """Return what has waited longest. Its results may come again from now on.

        Raises:
            IndexError: If nothing waits.
        """
        what = self._queue.popleft()
        self._results -= _reported(what)
        return what


def _reported(what: Awaited) -> set[tuple[str, str, int]]:
    if not isinstance(what, Inbound) or what.topic is not topics.RESULT:
        return set()
    agent = what.names["agent"]
    return {(agent, result.job, result.token) for result in what.data.results}
