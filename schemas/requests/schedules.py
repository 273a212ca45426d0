"""Requests about what is submitted again and again."""

from schemas.names import Name
from schemas.requests.base import Request
from schemas.schedules import ScheduleSpec


class AddSchedule(Request, tag="add_schedule", kw_only=True, frozen=True):
    """Submit something again and again; in place of the schedule of that name, if there is one."""

    schedule: ScheduleSpec


class RemoveSchedule(Request, tag="remove_schedule", kw_only=True, frozen=True):
    """Forget a schedule. What it submitted goes on."""

    schedule: Name


class PauseSchedule(Request, tag="pause_schedule", kw_only=True, frozen=True):
    """Submit nothing until it is resumed."""

    schedule: Name


class ResumeSchedule(Request, tag="resume_schedule", kw_only=True, frozen=True):
    schedule: Name


class RunSchedule(Request, tag="run_schedule", kw_only=True, frozen=True):
    """Submit now what a schedule submits, for its owner, whatever runs and also while it is paused."""

    schedule: Name


class ReadSchedules(Request, tag="read_schedules", kw_only=True, frozen=True):
    """The schedules, with when each is due next."""

    #: Only this one.
    schedule: Name | None = None
