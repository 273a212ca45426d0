"""Fold one event into one sweep. Its trials are counted where jobs end: `hq.core.evolve`."""

from msgspec.structs import replace

from hq.core.moment import InvalidTransition, Moment
from hq.core.state import Sweep
from schemas.events import (
    SweepCancelled,
    SweepEvent,
    SweepExhausted,
    SweepFinished,
    SweepStuck,
    SweepSubmitted,
    TrialProposed,
)
from schemas.states import SweepStatus


def evolve_sweep(sweep: Sweep | None, event: SweepEvent, moment: Moment) -> Sweep:
    """Return the sweep as it stands after `event`.

    Raises:
        InvalidTransition: If the event cannot follow.
    """
    if sweep is None:
        if not isinstance(event, SweepSubmitted):
            raise InvalidTransition(
                f"{type(event).__name__} for sweep {event.sweep}, which was never submitted"
            )
        return Sweep(
            id=event.sweep,
            spec=event.spec,
            submitter=event.submitter,
            status=SweepStatus.RUNNING,
            position=moment.position,
            revision=1,
            submitted_at=moment.at,
        )
    if sweep.status.is_final:
        raise InvalidTransition(f"{type(event).__name__} for sweep {sweep.id}, which is {sweep.status}")
    match event:
        case TrialProposed(trial=trial):
            if trial != sweep.proposed:
                raise InvalidTransition(f"trial {trial} of sweep {sweep.id}, expected {sweep.proposed}")
            changed = replace(sweep, proposed=trial + 1, live=sweep.live + 1, why="")
        case SweepStuck(why=why):
            changed = replace(sweep, why=why)
        case SweepExhausted():
            changed = replace(sweep, exhausted=True)
        case SweepFinished(why=why):
            changed = replace(sweep, status=SweepStatus.FINISHED, why=why, ended_at=moment.at)
        case SweepCancelled(by=by):
            changed = replace(
                sweep, status=SweepStatus.CANCELLED, why=f"cancelled by {by}", ended_at=moment.at
            )
        case _:
            raise InvalidTransition(f"{type(event).__name__} for sweep {sweep.id}, which exists")
    return replace(changed, position=moment.position, revision=sweep.revision + 1)
