"""Fold one event into one schedule. A removed one stays as a name; adding it again begins anew."""

from msgspec.structs import replace

from hq.core.moment import InvalidTransition, Moment
from hq.core.state import Schedule
from schemas.events import (
    ScheduleAdded,
    ScheduleEvent,
    ScheduleFired,
    SchedulePaused,
    ScheduleRemoved,
    ScheduleResumed,
    ScheduleSkipped,
)


def evolve_schedule(schedule: Schedule | None, event: ScheduleEvent, moment: Moment) -> Schedule:
    """Return the schedule as it stands after `event`.

    One that reflects the event already, as a read model may at a start, stays as it is.

    Raises:
        InvalidTransition: If the event cannot follow.
    """
    order = moment.position * 2**20 + moment.index
    if schedule is not None and schedule.order >= order:
        return schedule
    if isinstance(event, ScheduleAdded):
        return Schedule(
            name=event.schedule,
            spec=event.spec,
            owner=event.by,
            since=moment.at,
            position=moment.position,
            order=order,
            changed_at=moment.at,
        )
    if schedule is None or schedule.is_removed:
        raise InvalidTransition(f"{type(event).__name__} for schedule {event.schedule}, which there is not")
    changed = replace(schedule, position=moment.position, order=order)
    match event:
        case ScheduleRemoved():
            spec = replace(changed.spec, job=None, sweep=None)
            return replace(changed, spec=spec, is_removed=True, changed_at=moment.at)
        case SchedulePaused():
            return replace(changed, is_paused=True, changed_at=moment.at)
        case ScheduleResumed():
            # What was due meanwhile was not missed: somebody did not want it.
            return replace(changed, is_paused=False, since=moment.at, changed_at=moment.at)
        case ScheduleSkipped():
            return replace(
                changed, since=event.due, skipped=changed.skipped + 1, why=event.why, skipped_at=event.due
            )
        case ScheduleFired():
            since = changed.since if event.by is not None else event.due
            return replace(
                changed,
                since=since,
                fired=changed.fired + 1,
                fired_at=moment.at,
                job=event.job,
                sweep=event.sweep,
                pipeline=event.pipeline,
                why="",
            )
