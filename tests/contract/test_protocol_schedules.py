"""docs/protocol.md, schedules: each time is one event."""

from schemas.events import JobSubmitted, ScheduleFired, ScheduleSkipped
from tests.contract.protocol_house import WireHq, proves

SCHEDULE = {"name": "nightly", "cron": "0 * * * *", "job": {"script": {"bundle": "0" * 64, "entry": "a.py"}}}
HOUR = 3600.0


@proves("P100")
def test_each_time_that_is_due_is_one_event_with_what_it_submits() -> None:
    hq = WireHq()
    began = hq.wall
    assert hq.ask("add_schedule", schedule=SCHEDULE)["result"]["next"] == began + HOUR
    hq.wall += 3.5 * HOUR
    hq.step()
    [fired] = hq.events(ScheduleFired)
    [submitted] = hq.events(JobSubmitted)
    assert (fired.due, fired.missed, fired.job) == (began + 3 * HOUR, 2, submitted.job)
    hq.wall += HOUR
    hq.step()
    [skipped] = hq.events(ScheduleSkipped)
    assert submitted.job in skipped.why
    result = hq.ask("run_schedule", schedule="nightly")["result"]
    assert hq.events(ScheduleFired)[-1].by == "olga"
    assert result["job"] == hq.events(JobSubmitted)[-1].job
    [shown] = hq.ask("read_schedules")["result"]["schedules"]
    assert (shown["next"], shown["fired"], shown["skipped"]) == (began + 5 * HOUR, 2, 1)
