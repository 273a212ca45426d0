"""The recorder: progress and logs, best effort, bounded, in order."""

import queue
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pymongo.database import Database

from hq.read_models.recorder import Recorder
from hq.read_models.retention import Retention
from schemas.facts import MetricPoint
from schemas.messages import JobLog, JobProgress, LogLines, Progress

JOB, OTHER = "jaaaaaaaaaaaa", "jbbbbbbbbbbbb"
TOKEN = 2**40
Build = Callable[..., Recorder]


@pytest.fixture
def build(database: Database[dict[str, Any]]) -> Iterator[Build]:
    built: list[Recorder] = []
    fatal: queue.SimpleQueue[Exception] = queue.SimpleQueue()

    def build(epoch: int = 1, retention: Retention | None = None) -> Recorder:
        recorder = Recorder(database, epoch=epoch, on_fatal=fatal.put, retention=retention)
        built.append(recorder)
        return recorder

    yield build
    for recorder in built:
        assert recorder.stop()
    assert fatal.empty()


def point(seq: int, job: str = JOB) -> JobProgress:
    points = (MetricPoint(seq, 1.5, {"loss.a": 0.5, "$x": None}, step=seq),)
    return JobProgress("attic", Progress(job, TOKEN, 50.0, points))


def lines(seq: int, job: str = JOB) -> JobLog:
    return JobLog("attic", LogLines(job, TOKEN, seq, (f"line {seq}",)))


def record(recorder: Recorder, *items: JobProgress | JobLog) -> None:
    for item in items:
        recorder.submit(item)
    recorder.start()
    assert recorder.stop(15)


def test_metric_points_are_stored_once_however_often_they_arrive(
    database: Database[dict[str, Any]], build: Build
) -> None:
    record(build(), point(1), point(2), point(2), point(1))

    stored = list(database.progress.find({}).sort("_id.seq"))

    assert [one["_id"] for one in stored] == [{"job": JOB, "token": TOKEN, "seq": seq} for seq in (1, 2)]
    assert stored[0]["metrics"] == {"loss.a": 0.5, "~$x": None}
    assert stored[1]["step"] == 2
    assert stored[0]["agent"] == "attic"


def test_log_lines_keep_their_order_over_restarts_of_hq(
    database: Database[dict[str, Any]], build: Build
) -> None:
    record(build(epoch=5), lines(0), lines(1))
    record(build(epoch=6), lines(2), lines(3))

    stored = list(database.logs.find({"job": JOB}).sort("_id"))

    assert [line for one in stored for line in one["lines"]] == [f"line {seq}" for seq in range(4)]


def test_of_each_job_the_newest_are_kept(database: Database[dict[str, Any]], build: Build) -> None:
    recorder = build(retention=Retention(logs_per_job=100, progress_per_job=50))
    record(recorder, *[lines(seq) for seq in range(1200)], *[point(seq) for seq in range(600)])
    record(build(epoch=2), lines(0, OTHER), point(0, OTHER))

    kept = [one["seq"] for one in database.logs.find({"job": JOB}).sort("_id")]
    assert 100 <= len(kept) <= 110
    assert kept == list(range(1200 - len(kept), 1200))
    assert 50 <= database.progress.count_documents({"_id.job": JOB}) <= 55
    assert database.progress.find_one({"_id.job": JOB, "_id.seq": 599})
    assert database.logs.count_documents({"job": OTHER}) == 1


def test_all_jobs_together_are_bounded_too(database: Database[dict[str, Any]], build: Build) -> None:
    retention = Retention(logs_in_all=200, progress_in_all=200)
    jobs = [f"j{index:a>12}".replace("0", "a").replace("1", "b") for index in ("2", "3", "4", "5")]
    record(
        build(retention=retention),
        *[make(seq, job) for seq in range(700) for job in jobs for make in (lines, point)],
    )

    assert database.logs.count_documents({}) <= 220
    assert database.progress.count_documents({}) <= 220
    assert database.logs.find_one({"seq": 699})


def test_what_does_not_fit_the_queue_is_dropped_and_counted(
    database: Database[dict[str, Any]], build: Build
) -> None:
    recorder = build(retention=Retention(waiting=10))

    record(recorder, *[lines(seq) for seq in range(25)])

    assert recorder.dropped == {"overloaded": 15}
    assert database.logs.count_documents({}) == 10
