"""Fold one event into one sweep. Its trials are counted where jobs end: `hq.core.evolve`."""

from msgspec.structs import replace

from hq.core.moment import InvalidTransition, Moment
from hq.core.state import Sweep
from hq.core.waits import without_parent, words_for
from schemas.events import (
    SweepCancelled,
    SweepChanged,
    SweepEvent,
    SweepExhausted,
    SweepFinished,
    SweepParentEnded,
    SweepPaused,
    SweepResumed,
    SweepStopped,
    SweepStuck,
    SweepSubmitted,
    TrialProposed,
)
from schemas.references import fill_in
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
            waits_for=event.waits_for,
            why=words_for(event.waits_for),
            project=event.spec.job.project or "",
            tags=event.spec.job.tags,
            note=event.spec.job.note,
        )
    if sweep.status.is_final:
        raise InvalidTransition(f"{type(event).__name__} for sweep {sweep.id}, which is {sweep.status}")
    match event:
        case TrialProposed(trial=trial, by=by):
            if trial != sweep.proposed:
                raise InvalidTransition(f"trial {trial} of sweep {sweep.id}, expected {sweep.proposed}")
            added = sweep.added + (by is not None)
            why = sweep.why if sweep.status is SweepStatus.PAUSED else ""
            changed = replace(sweep, proposed=trial + 1, live=sweep.live + 1, added=added, why=why)
        case SweepParentEnded():
            changed = _note_parent(sweep, event, moment)
        case SweepStuck(why=why):
            changed = replace(sweep, why=why)
        case SweepPaused(by=by):
            if sweep.status is not SweepStatus.RUNNING:
                raise InvalidTransition(f"sweep {sweep.id} cannot be paused: it is {sweep.status}")
            changed = replace(sweep, status=SweepStatus.PAUSED, why=f"paused by {by}")
        case SweepResumed():
            if sweep.status is not SweepStatus.PAUSED:
                raise InvalidTransition(f"sweep {sweep.id} cannot be resumed: it is {sweep.status}")
            why = words_for(sweep.waits_for)
            changed = replace(sweep, status=SweepStatus.RUNNING, why=why, settled=_ended(sweep))
        case SweepChanged():
            changed = _change(sweep, event)
        case SweepStopped(rule=rule, why=why):
            changed = replace(sweep, exhausted=True, rule=rule, why=why, status=SweepStatus.RUNNING)
        case SweepExhausted():
            changed = replace(sweep, exhausted=True)
        case SweepFinished(why=why):
            changed = replace(sweep, status=SweepStatus.FINISHED, why=why, ended_at=moment.at)
        case SweepCancelled(by=by, why=why):
            why = why or f"cancelled by {by}"
            changed = replace(sweep, status=SweepStatus.CANCELLED, why=why, ended_at=moment.at)
        case _:
            raise InvalidTransition(f"{type(event).__name__} for sweep {sweep.id}, which exists")
    return replace(changed, position=moment.position, revision=sweep.revision + 1)


def _note_parent(sweep: Sweep, event: SweepParentEnded, moment: Moment) -> Sweep:
    waits_for, received = without_parent(sweep, event)
    changed = replace(sweep, waits_for=waits_for, received=received)
    if sweep.status is SweepStatus.RUNNING:
        changed = replace(changed, why=words_for(waits_for))
    if waits_for:
        return changed
    spec = replace(sweep.spec, job=fill_in(sweep.spec.job, received))
    return replace(changed, spec=spec, began_at=moment.at)


def _change(sweep: Sweep, event: SweepChanged) -> Sweep:
    spec = sweep.spec
    spec = replace(
        spec,
        trials=spec.trials if event.trials is None else event.trials,
        parallel=spec.parallel if event.parallel is None else event.parallel,
        space=spec.space if event.space is None else event.space,
        stop=spec.stop if event.stop is None else event.stop,
    )
    # What was exhausted may have more to propose now: its sampler says so when it has not.
    exhausted = sweep.exhausted and event.trials is None and event.space is None
    return replace(sweep, spec=spec, exhausted=exhausted, changes=sweep.changes + 1, settled=_ended(sweep))


def _ended(sweep: Sweep) -> int:
    return sweep.proposed - sweep.live
