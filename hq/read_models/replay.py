"""Replaying the event log into fresh collections, some thousand changes a write."""

from collections.abc import Callable

from hq.core.evolve import apply
from hq.core.moment import InvalidTransition
from hq.core.state import IDEMPOTENCY_SECONDS, State
from hq.log.port import EventLog, LogUnreadable
from hq.read_models.writer import Changes, ReadModelWriter

#: Documents that are written at once.
WRITE_AT = 2000


def ignore(position: int) -> None:
    """Do nothing with how far a replay is."""


def replay(
    log: EventLog,
    state: State,
    writer: ReadModelWriter,
    on_position: Callable[[int], None] = ignore,
    *,
    until: int | None = None,
    remedy: str,
) -> None:
    """Fold the log after `state` into it and write what changes.

    Args:
        log: The event log.
        state: The fold of everything up to its position; changed.
        writer: For the collections that reflect `state`.
        on_position: Called now and then with how far it is.
        until: The last position to fold; the end of the log by default.
        remedy: What to do when the log is damaged, in words.

    Raises:
        LogUnavailable: If the database does not answer.
        LogUnreadable: If the log is damaged or of a newer version.
    """
    changes, latest = Changes(), 0.0
    limit = None if until is None else until - state.position
    for decision in log.read_after(state.position, limit):
        try:
            changes.add(decision.position, apply(state, decision))
        except InvalidTransition as error:
            raise LogUnreadable(
                f"The event log is damaged at position {decision.position}: {error}. {remedy}"
            ) from error
        latest = max(latest, decision.at)
        if len(changes) >= WRITE_AT:
            writer.write(changes)
            on_position(decision.position)
            changes = Changes()
    writer.write(changes)
    writer.forget_answers(latest - IDEMPOTENCY_SECONDS)
    on_position(state.position)
