"""Taking over: the first decision of an epoch is the fence for every older leader."""

import secrets
from collections.abc import Callable

from hq.log.port import EventLog, Header, LogUnreadable, PositionTaken, never
from schemas.events import Decision, EpochBegan


def new_op() -> str:
    """Return 128 random bits in hex: an `op` that no other HQ start has."""
    return secrets.token_hex(16)


def begin_epoch(
    log: EventLog,
    instance: str,
    wall_clock: Callable[[], float],
    should_give_up: Callable[[], bool] = never,
) -> tuple[int, int]:
    """Append `EpochBegan` at the tail and return (epoch, its position).

    From then on every older leader's next append raises `PositionTaken`. Epochs
    grow by at least one and also with the wall clock, so that they grow past
    what a restored backup has forgotten; a clock that jumps back does no harm.

    Args:
        log: The event log.
        instance: 32 random hex digits of this HQ start.
        wall_clock: Unix seconds.
        should_give_up: Asked between tries; True gives up.

    Raises:
        LogUnavailable: If the database does not answer, or `should_give_up` said so.
        LogUnreadable: If a newer version has continued the log.
        PositionTaken: If older leaders kept appending until `should_give_up` said so.
    """
    checked = 0
    while True:
        tail = log.tail()
        if tail.epoch != checked:
            _check_first_of_epoch(log, tail)
            checked = tail.epoch
            # The check took a while; a leader at work has moved on meanwhile.
            tail = log.tail()
        epoch, position, now = max(tail.epoch + 1, int(wall_clock())), tail.position + 1, wall_clock()
        began = Decision(position, epoch, new_op(), now, (EpochBegan(epoch, instance),))
        try:
            log.append([began], should_give_up)
            return epoch, position
        except PositionTaken:
            # Someone appended since `tail` was read: an older leader that is still at
            # work, or another one that is taking over. The fence belongs behind it.
            if should_give_up():
                raise


def _check_first_of_epoch(log: EventLog, tail: Header) -> None:
    """Read the first decision of the last epoch: it tells the version that wrote it.

    Epochs never fall with the position, so it is found by halving, without an index on epochs.
    """
    # What a compaction has folded it has understood: the search begins where the log does.
    low, high = log.start(), tail.position
    while low < high:
        middle = (low + high) // 2
        header = log.header_at(middle)
        if header is None:
            start = log.start()
            if start <= middle:
                raise _missing(middle)
            low = min(start, high)  # compacted meanwhile
        elif header.epoch < tail.epoch:
            low = middle + 1
        else:
            high = middle
    for _ in log.read_after(low - 1, limit=1):
        pass


def _missing(position: int) -> LogUnreadable:
    return LogUnreadable(
        f"The event log has no decision at position {position}, though later ones are there: documents "
        "were deleted. Restore a backup of MongoDB."
    )
