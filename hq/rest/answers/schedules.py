"""Answers about schedules."""

from msgspec import Struct

from schemas.schedules import ScheduleSpec


class ScheduleRow(Struct, frozen=True, kw_only=True):
    schedule: str
    cron: str
    zone: str
    overlap: str
    missed: str
    #: What it submits, in words.
    what: str
    owner: str
    paused: bool
    #: When it is due next, in Unix seconds.
    next: float | None
    fired: int
    fired_at: float | None
    #: What it submitted last.
    job: str | None
    sweep: str | None
    pipeline: str | None
    skipped: int
    skipped_at: float | None
    #: Why the last time that was due submitted nothing.
    why: str


class ScheduleDetail(ScheduleRow, frozen=True, kw_only=True):
    spec: ScheduleSpec


class Schedules(Struct, frozen=True):
    schedules: tuple[ScheduleRow, ...]


class ScheduleAnswered(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which schedule was changed, and the log position that this stands at."""

    schedule: str
    position: int
    next: float | None = None
    #: What it has submitted now.
    job: str | None = None
    sweep: str | None = None
