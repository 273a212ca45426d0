"""What the rest of HQ knows of the event log: a Protocol with promises.

The log is a gapless row of decisions. Whoever appends a decision at a
position owns that position; the first decision of an epoch (`EpochBegan`) is
the fence for every older leader: its next append finds its position taken.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Protocol

from msgspec import Struct

from schemas.events import LOG_VERSION, Decision, EpochBegan

#: Largest decision as stored, half of what MongoDB takes. What one message can bring about keeps below
#: it by `hq.core`'s limits, also when it is a list of small numbers: six times as long in BSON as in JSON.
MAX_DECISION_BYTES = 8 * 1024 * 1024


class PositionTaken(Exception):
    """Another leader's decision stands at a position of ours: step down, decide nothing more.

    Attributes:
        position: Where it stands.
    """

    def __init__(self, position: int, epoch: int | None = None) -> None:
        whose = "another leader" if epoch is None else f"the leader of epoch {epoch}"
        super().__init__(f"position {position} of the event log belongs to {whose}; this HQ no longer leads")
        self.position = position


class LogUnavailable(Exception):
    """The log does not answer now. After `append`: the outcome is unknown."""


class LogUnreadable(Exception):
    """The log was written by a newer version or is damaged: HQ must not run on it."""


class DecisionRefused(ValueError):
    """A decision that can never be stored: too large, or a value that does not fit. Nothing was written."""


class Header(Struct, frozen=True):
    """Who wrote a decision; readable whatever version wrote it."""

    position: int
    epoch: int
    op: str


#: The tail of an empty log.
NOTHING = Header(0, 0, "")


def never() -> bool:
    """Return False: for `should_give_up` of whoever tries for ever."""
    return False


class EventLog(Protocol):
    """An append-only log with one writer at a time. Safe to use from several threads."""

    def append(self, decisions: Sequence[Decision], should_give_up: Callable[[], bool] = never) -> None:
        """Append decisions with consecutive positions; return when all are committed and journaled.

        The same bytes are sent again until the outcome is known, so this may
        block as long as the database is away. Any prefix may become visible before the rest.

        Raises:
            PositionTaken: If another leader's decision stands at one of the positions.
            LogUnavailable: If `should_give_up` said so; what was committed is unknown.
            DecisionRefused: If a decision can never be stored; nothing was written.
            LogUnreadable: If the database refuses this HQ altogether, for instance its password.
        """

    def tail(self) -> Header:
        """Return the header of the last committed decision, `NOTHING` when there is none.

        Raises:
            LogUnavailable: If the database does not answer.
        """

    def header_at(self, position: int) -> Header | None:
        """Return the header of the committed decision at `position`, or None.

        Raises:
            LogUnavailable: If the database does not answer.
        """

    def read_after(self, position: int, limit: int | None = None) -> Iterator[Decision]:
        """Yield every committed decision after `position`, or the first `limit`, in order and without gaps.

        Raises:
            LogUnavailable: If the database does not answer; what was yielded stands.
            LogUnreadable: If a decision is missing, damaged or of a newer version.
        """

    def start(self) -> int:
        """Return the position from which on every decision is there: 1, or right after a snapshot.

        Raises:
            LogUnavailable: If the database does not answer.
            LogUnreadable: If a newer version has compacted the log.
        """

    def forget(self, position: int) -> None:
        """Delete the decisions up to `position`, oldest first; a snapshot has taken their place.

        The first decision of every epoch stays as the fence that it is: a leader
        that was frozen then finds its next position taken, however late it wakes.
        The last decision stays too. Safe to repeat.

        Raises:
            LogUnavailable: If the database does not answer; then some are deleted.
            ValueError: If nothing would be left.
        """

    def verify_leadership(self, next_position: int) -> None:
        """Make sure that nobody has taken `next_position`: the leader's ping.

        Call it only while no append is in flight. It proves that no other
        leader had begun when the call was made.

        Raises:
            PositionTaken: If somebody has.
            LogUnavailable: If the database does not answer in bounded time.
        """


def check_consecutive(decisions: Sequence[Decision]) -> None:
    """Check that positions count up by one.

    Raises:
        DecisionRefused: If they do not.
    """
    for before, after in pairwise(decisions):
        if after.position != before.position + 1:
            raise DecisionRefused(f"position {after.position} cannot follow {before.position} in one append")


def check_version(decision: Decision) -> Decision:
    """Return the decision if this version of HQ understands the log that it is part of.

    Raises:
        LogUnreadable: If the log was continued by a newer version.
    """
    for event in decision.events:
        if isinstance(event, EpochBegan) and event.version > LOG_VERSION:
            raise LogUnreadable(
                f"The event log is of version {event.version} since position {decision.position}; this "
                f"HQ reads up to version {LOG_VERSION}. Run the newer HQ again, or restore a backup "
                "that is older than its first start."
            )
    return decision
