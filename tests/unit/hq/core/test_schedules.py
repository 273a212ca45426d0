"""Schedules: each time that is due fires once, or is skipped with a reason, whatever happens to HQ."""

import datetime
import zoneinfo
from typing import Any

import pytest

from hq.core.times import TimesUnusable, check_times, count_due, last_due, next_due
from schemas.events import JobSubmitted, PipelineSubmitted, ScheduleFired, ScheduleSkipped, SweepSubmitted
from schemas.pipelines import PipelineSpec, Step
from schemas.requests import (
    AddSchedule,
    CancelPipeline,
    CancelSweep,
    PauseSchedule,
    ReadSchedules,
    RemoveSchedule,
    ResumeSchedule,
    RunSchedule,
)
from schemas.schedules import ScheduleSpec
from schemas.specs import Fixed, JobSpec, SweepSpec
from tests.unit.hq.core.small_house import WALL, SmallHouse, spec, success

#: 2027-01-15 08:00 UTC.
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0


def schedule(cron: str = "* * * * *", job: JobSpec | None = None, **fields: Any) -> ScheduleSpec:
    return ScheduleSpec("nightly", cron, spec() if job is None else job, **fields)


def add(house: SmallHouse, *args: Any, **fields: Any) -> None:
    reply = house.request(AddSchedule(schedule=schedule(*args, **fields)))
    assert reply.ok, reply


def pass_time(house: SmallHouse, seconds: float) -> None:
    """Let time pass in one step, as on a machine that slept."""
    house.skip(seconds)
    house.settle()


def shown(house: SmallHouse) -> dict[str, Any]:
    [one] = house.request(ReadSchedules()).result["schedules"]
    return dict(one)


def work(house: SmallHouse) -> None:
    """Let an agent do what waits."""
    [job] = house.authority.state.jobs
    house.heartbeat()
    house.settle()
    key = house.take(job)
    house.deliver(success(key))
    house.settle()


def test_a_schedule_submits_when_it_is_due_and_not_before() -> None:
    house = SmallHouse()
    add(house)
    pass_time(house, 59)
    assert house.of(ScheduleFired) == []
    pass_time(house, 1)
    [fired] = house.of(ScheduleFired)
    [submitted] = house.of(JobSubmitted)
    assert (fired.due, fired.job, fired.missed) == (WALL + MINUTE, submitted.job, 0)
    assert (submitted.submitter, submitted.spec.name) == ("cli", "nightly")
    # One decision of the log has both.
    assert house.decisions[-1].events == (fired, submitted)
    pass_time(house, 10)
    assert len(house.of(ScheduleFired)) == 1


def test_a_new_hq_does_not_fire_again_and_forgets_nothing() -> None:
    house = SmallHouse()
    add(house, overlap="allow")
    pass_time(house, MINUTE)
    house.restart()
    house.settle()
    assert len(house.of(ScheduleFired)) == 1
    house.skip(MINUTE)
    house.restart()
    house.settle()
    assert [one.due for one in house.of(ScheduleFired)] == [WALL + MINUTE, WALL + 2 * MINUTE]


def test_what_was_decided_and_not_committed_fires_with_the_next_hq() -> None:
    house = SmallHouse()
    add(house)
    house.skip(MINUTE)
    assert house.decide()
    # Nothing of it reached the log: that HQ is gone.
    house.restart()
    house.settle()
    assert [one.due for one in house.of(ScheduleFired)] == [WALL + MINUTE]


def test_after_a_downtime_it_runs_once_for_the_last_time_that_passed() -> None:
    house = SmallHouse()
    add(house, "0 * * * *")
    pass_time(house, 5.5 * HOUR)
    [fired] = house.of(ScheduleFired)
    assert (fired.due, fired.missed) == (WALL + 5 * HOUR, 4)
    assert shown(house)["next"] == WALL + 6 * HOUR


def test_what_was_missed_is_left_out_where_that_is_wanted() -> None:
    house = SmallHouse()
    add(house, "0 * * * *", missed="skip")
    pass_time(house, 5.5 * HOUR)
    assert house.of(ScheduleFired) == []
    [skipped] = house.of(ScheduleSkipped)
    assert "away" in skipped.why
    pass_time(house, 0.5 * HOUR)
    assert [one.due for one in house.of(ScheduleFired)] == [WALL + 6 * HOUR]


def test_it_is_skipped_while_the_one_before_has_not_ended() -> None:
    house = SmallHouse()
    add(house)
    house.boot()
    pass_time(house, MINUTE)
    pass_time(house, MINUTE)
    [skipped] = house.of(ScheduleSkipped)
    assert house.of(ScheduleFired)[0].job in skipped.why
    assert shown(house)["why"] == skipped.why
    work(house)
    pass_time(house, MINUTE)
    assert len(house.of(ScheduleFired)) == 2
    assert shown(house)["why"] == ""


def test_two_run_beside_each_other_where_that_is_wanted() -> None:
    house = SmallHouse()
    add(house, overlap="allow")
    pass_time(house, MINUTE)
    pass_time(house, MINUTE)
    assert len(house.of(JobSubmitted)) == 2


def test_a_clock_that_is_set_back_fires_nothing_twice() -> None:
    house = SmallHouse()
    add(house, overlap="allow")
    pass_time(house, MINUTE)
    house.wall -= HOUR
    pass_time(house, HOUR)
    assert len(house.of(ScheduleFired)) == 1
    pass_time(house, MINUTE)
    assert len(house.of(ScheduleFired)) == 2


def test_nothing_comes_while_it_is_paused_and_nothing_is_made_up_for() -> None:
    house = SmallHouse()
    add(house)
    house.request(PauseSchedule(schedule="nightly"))
    assert house.request(PauseSchedule(schedule="nightly")).error.code == "already_paused"  # type: ignore[union-attr]
    pass_time(house, 10 * MINUTE)
    assert shown(house)["next"] is None
    house.request(ResumeSchedule(schedule="nightly"))
    assert house.of(ScheduleFired) == []
    pass_time(house, MINUTE)
    assert len(house.of(ScheduleFired)) == 1


def test_somebody_who_does_not_wait_changes_nothing_about_the_next_time() -> None:
    house = SmallHouse()
    add(house, "0 * * * *")
    before = shown(house)["next"]
    reply = house.request(RunSchedule(schedule="nightly"), "olga")
    [fired] = house.of(ScheduleFired)
    assert (reply.result["job"], fired.by) == (fired.job, "olga")
    # For whoever made it, not for who was impatient.
    assert house.of(JobSubmitted)[0].submitter == "cli"
    assert shown(house)["next"] == before


def test_a_removed_schedule_is_gone_and_its_name_is_free() -> None:
    house = SmallHouse()
    add(house)
    house.request(RemoveSchedule(schedule="nightly"))
    assert house.request(ReadSchedules()).result["schedules"] == []
    assert house.request(RunSchedule(schedule="nightly")).error.code == "unknown_schedule"  # type: ignore[union-attr]
    pass_time(house, HOUR)
    house.restart()
    pass_time(house, HOUR)
    assert house.of(ScheduleFired) == []
    add(house, "0 * * * *")
    pass_time(house, HOUR)
    assert len(house.of(ScheduleFired)) == 1


def test_a_sweep_is_submitted_and_not_again_while_it_runs() -> None:
    house = SmallHouse()
    sweep = SweepSpec(spec(), {"x": Fixed(1)}, trials=2)
    reply = house.request(AddSchedule(schedule=ScheduleSpec("nightly", "* * * * *", sweep=sweep)))
    assert reply.ok
    pass_time(house, MINUTE)
    [submitted] = house.of(SweepSubmitted)
    pass_time(house, MINUTE)
    assert len(house.of(ScheduleSkipped)) == 1
    house.request(CancelSweep(sweep=submitted.sweep))
    pass_time(house, MINUTE)
    assert len(house.of(SweepSubmitted)) == 2


def test_a_pipeline_is_submitted_as_a_whole_and_not_again_while_a_step_lives() -> None:
    house = SmallHouse()
    steps = (Step("prepare", spec()), Step("train", spec(params={"x": "result://prepare/accuracy"})))
    wanted = ScheduleSpec("nightly", "* * * * *", pipeline=PipelineSpec(steps))
    assert house.request(AddSchedule(schedule=wanted)).ok
    pass_time(house, MINUTE)
    [submitted] = house.of(PipelineSubmitted)
    assert [event.pipeline for event in house.of(ScheduleFired)] == [submitted.pipeline]
    assert shown(house)["pipeline"] == submitted.pipeline
    assert shown(house)["what"] == "pipeline prepare, train"
    pass_time(house, MINUTE)
    assert submitted.pipeline in house.of(ScheduleSkipped)[-1].why
    house.request(CancelPipeline(pipeline=submitted.pipeline))
    pass_time(house, MINUTE)
    assert len(house.of(PipelineSubmitted)) == 2


def test_a_pipeline_that_makes_no_sense_is_no_schedule() -> None:
    house = SmallHouse()
    circle = PipelineSpec((Step("a", spec(), after=("b",)), Step("b", spec(), after=("a",))))
    late = PipelineSpec((Step("a", spec(not_before=5)),))
    for steps, code in ((circle, "cycle"), (late, "bad_spec")):
        reply = house.request(AddSchedule(schedule=ScheduleSpec("x", "* * * * *", pipeline=steps)))
        assert reply.error is not None
        assert reply.error.code == code
    both = ScheduleSpec("x", "* * * * *", spec(), pipeline=PipelineSpec((Step("a", spec()),)))
    assert not house.request(AddSchedule(schedule=both)).ok


@pytest.mark.parametrize(
    "given",
    [
        ScheduleSpec("x", "* * * * *"),
        ScheduleSpec("x", "* * * * *", spec(), SweepSpec(spec(), {"x": Fixed(1)})),
        ScheduleSpec("x", "* * * *", spec()),
        ScheduleSpec("x", "* * * * * *", spec()),
        ScheduleSpec("x", "61 * * * *", spec()),
        ScheduleSpec("x", "0 0 30 2 *", spec()),
        ScheduleSpec("x", "@daily", spec()),
        ScheduleSpec("x", "*/0 * * * *", spec()),
        ScheduleSpec("x", "0 0 * * *", spec(), zone="Europe/Atlantis"),
        ScheduleSpec("x", "0 0 * * *", spec(), zone="../../etc/passwd"),
        ScheduleSpec("x", "0 0 * * *", spec(), zone="\0"),
        ScheduleSpec("x", "0 0 * * *", spec(expires=5.0)),
        ScheduleSpec("x", "0 0 * * *", spec(after=("jabcdefghijkl",))),
    ],
)
def test_what_cannot_be_a_schedule_is_refused_with_a_reason(given: ScheduleSpec) -> None:
    house = SmallHouse()
    reply = house.request(AddSchedule(schedule=given))
    assert reply.error is not None
    assert reply.error.code == "bad_spec"
    assert house.authority.state.schedules == {}


def test_a_secret_that_there_is_not_is_found_out_at_once() -> None:
    house = SmallHouse()
    reply = house.request(AddSchedule(schedule=schedule(job=spec(secrets=("KEY",)))))
    assert reply.error is not None
    assert reply.error.code == "unknown_secret"


def test_the_same_request_twice_is_one_schedule() -> None:
    house = SmallHouse()
    first = house.request(AddSchedule(schedule=schedule(), key="k"))
    pass_time(house, MINUTE)
    assert house.request(AddSchedule(schedule=schedule(), key="k")).result == first.result
    assert shown(house)["fired"] == 1


# --- when -------------------------------------------------------------------------------------

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")


def dues(cron: str, begin: str, count: int, zone: str = "Europe/Berlin") -> list[str]:
    """Return the next times as UTC."""
    given = ScheduleSpec("x", cron, zone=zone)
    moment: float | None = datetime.datetime.fromisoformat(begin).replace(tzinfo=BERLIN).timestamp()
    found = []
    for _ in range(count):
        assert moment is not None
        moment = next_due(given, moment)
        assert moment is not None
        found.append(datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime("%m-%d %H:%M"))
    return found


@pytest.mark.parametrize(
    ("cron", "begin", "expected"),
    [
        # 2026-03-29: 02:00 becomes 03:00. What is due at 02:30 comes right after.
        ("30 2 * * *", "2026-03-28T00:00", ["03-28 01:30", "03-29 01:00", "03-30 00:30"]),
        ("15,45 2 * * *", "2026-03-28T12:00", ["03-29 01:00", "03-30 00:15", "03-30 00:45"]),
        ("0 * * * *", "2026-03-29T00:30", ["03-29 00:00", "03-29 01:00", "03-29 02:00"]),
        # 2026-10-25: 03:00 becomes 02:00. What is due at 02:30 comes once.
        ("30 2 * * *", "2026-10-24T12:00", ["10-25 00:30", "10-26 01:30"]),
        ("0,30 2 * * *", "2026-10-24T12:00", ["10-25 00:00", "10-25 00:30", "10-26 01:00"]),
        ("0 * * * *", "2026-10-25T01:30", ["10-25 00:00", "10-25 01:00", "10-25 02:00"]),
        ("30 2 * * MON-FRI", "2026-11-20T12:00", ["11-23 01:30", "11-24 01:30"]),
        ("0 0 29 2 *", "2026-11-20T12:00", ["02-28 23:00"]),
    ],
)
def test_summer_time_leaves_out_nothing_and_doubles_nothing(
    cron: str, begin: str, expected: list[str]
) -> None:
    assert dues(cron, begin, len(expected)) == expected


@pytest.mark.parametrize(
    "zone", ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]
)
@pytest.mark.parametrize("cron", ["30 2 * * *", "*/20 1-3 * * *", "59 23 L * *", "7 * * * SUN#2"])
def test_times_only_go_forward_and_the_last_is_the_one_before_the_next(zone: str, cron: str) -> None:
    given = ScheduleSpec("x", cron, zone=zone)
    # A spring and an autumn of both halves of the world.
    for begin in (1_774_500_000.0, 1_792_700_000.0, 1_806_000_000.0):
        moment = begin
        for _ in range(12):
            due = next_due(given, moment)
            assert due is not None
            assert due > moment
            assert next_due(given, due - 1) == due
            moment = due
        last = last_due(given, moment)
        assert last is not None
        assert begin - 40 * DAY < last <= moment
    assert count_due(given, begin, begin) == 0


def test_many_missed_times_are_counted_up_to_a_bound() -> None:
    assert count_due(ScheduleSpec("x", "* * * * *"), WALL, WALL + 365 * DAY) == 100
    with pytest.raises(TimesUnusable, match="Bad day-of-month"):
        check_times(ScheduleSpec("x", "0 0 31 2,4 *"), WALL)
