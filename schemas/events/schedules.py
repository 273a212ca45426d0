"""What is submitted by the clock."""

from schemas.events.base import Event
from schemas.names import Count, JobId, Name, PipelineId, Seconds, SweepId, Text
from schemas.schedules import ScheduleSpec


class ScheduleAdded(Event, frozen=True):
    """A job, sweep or pipeline is to be submitted again and again; in place of what had the name before."""

    schedule: Name
    spec: ScheduleSpec
    by: Name


class ScheduleRemoved(Event, frozen=True):
    schedule: Name
    by: Name


class SchedulePaused(Event, frozen=True):
    schedule: Name
    by: Name


class ScheduleResumed(Event, frozen=True):
    """It goes on; what was due meanwhile is not made up for."""

    schedule: Name
    by: Name


class ScheduleFired(Event, frozen=True):
    """A schedule was due, or somebody did not wait; what it submits follows in the same decision."""

    schedule: Name
    #: Unix seconds. No later time up to now is due any more.
    due: Seconds
    job: JobId | None = None
    sweep: SweepId | None = None
    #: Who did not wait. None: it was due.
    by: Name | None = None
    #: How many times before this one passed while HQ was away.
    missed: Count = 0
    pipeline: PipelineId | None = None


class ScheduleSkipped(Event, frozen=True):
    """A schedule was due and submitted nothing."""

    schedule: Name
    due: Seconds
    why: Text
    missed: Count = 0


ScheduleEvent = (
    ScheduleAdded | ScheduleRemoved | SchedulePaused | ScheduleResumed | ScheduleFired | ScheduleSkipped
)
SCHEDULE_EVENTS: tuple[type[Event], ...] = ScheduleEvent.__args__
