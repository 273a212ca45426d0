"""Retention: what is too old goes, by decisions of HQ; what is wanted, running or unclear stays."""

import queue
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pymongo.database import Database
from pymongo.write_concern import WriteConcern

from hq.housekeeping.ageing import delete_old_records, find_old_jobs, find_old_sweeps
from hq.housekeeping.housekeeper import Housekeeper
from hq.housekeeping.settings import Keeping, SettingsUnusable, read_settings

DAY = 24 * 3600.0
Database_ = Database[dict[str, Any]]


def store(database: Database_, name: str, *documents: dict[str, Any]) -> None:
    collection = database.get_collection(name, write_concern=WriteConcern(w="majority", j=True))
    collection.insert_many(list(documents))


def job(name: str, days: float, status: str = "succeeded", **spec: Any) -> dict[str, Any]:
    return {"_id": name, "status": status, "ended_at": time.time() - days * DAY, "spec": spec}


def test_only_jobs_that_ended_long_ago_are_too_old_and_no_trial_of_a_running_sweep(
    database: Database_,
) -> None:
    store(database, "jobs", job("j1", 10.01), job("j2", 9.99), job("j3", 30, "running"))
    store(database, "jobs", job("j4", 30, sweep="s1"), job("j5", 30, sweep="s2"))
    store(database, "sweeps", {"_id": "s1", "status": "running"}, {"_id": "s2", "status": "finished"})

    assert sorted(find_old_jobs(database, 10, 100)) == ["j1", "j5"]


def test_a_sweep_goes_when_its_jobs_are_gone(database: Database_) -> None:
    ended = {"status": "finished", "ended_at": time.time() - 20 * DAY}
    store(
        database, "sweeps", {"_id": "s1", **ended}, {"_id": "s2", **ended}, {"_id": "s3", "status": "running"}
    )
    store(database, "jobs", job("j1", 5, sweep="s1"))

    assert find_old_sweeps(database, 10, 100) == ("s2",)


def test_old_lines_and_points_go(database: Database_) -> None:
    now = time.time()
    ages = [30, 20, 11, 9, 1]
    store(database, "logs", *({"_id": n, "job": "j", "stored": now - d * DAY} for n, d in enumerate(ages)))
    points = [
        {"_id": {"job": "j", "token": 1, "seq": n}, "stored": now - d * DAY} for n, d in enumerate(ages)
    ]
    store(database, "progress", *points)

    assert delete_old_records(database, 10, dry_run=True) == 6
    assert delete_old_records(database, 10) == 6
    assert [row["_id"] for row in database.logs.find()] == [3, 4]
    assert database.progress.count_documents({}) == 2


def test_the_housekeeper_names_old_jobs_to_hq_until_they_are_gone(
    database: Database_, tmp_path: Path
) -> None:
    file = tmp_path / "retention.json"
    file.write_text('{"finished_jobs_days": 10}')
    store(database, "jobs", job("j1", 20), job("j2", 1))
    store(database, "sweeps", {"_id": "s1", "status": "cancelled", "ended_at": time.time() - 20 * DAY})
    fatal: queue.SimpleQueue[Exception] = queue.SimpleQueue()
    asked: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
    done: queue.SimpleQueue[None] = queue.SimpleQueue()

    def delete(jobs: tuple[str, ...], sweeps: tuple[str, ...]) -> None:
        asked.append((jobs, sweeps))
        durable = database.with_options(write_concern=WriteConcern(w="majority", j=True))
        durable.jobs.delete_many({"_id": {"$in": jobs}})
        durable.sweeps.delete_many({"_id": {"$in": sweeps}})
        if sweeps:
            done.put(None)

    keeper = Housekeeper(database, delete, on_fatal=fatal.put, retention_file=file, first_seconds=0)
    keeper.start()
    done.get(timeout=60)

    assert keeper.stop()
    assert asked == [(("j1",), ()), ((), ("s1",))]
    assert fatal.empty()


def test_without_a_file_everything_is_kept(tmp_path: Path) -> None:
    assert read_settings(tmp_path / "retention.json") == Keeping()
    assert Keeping().finished_jobs_days is None
    assert Keeping().compact_above_mb is None


@pytest.mark.parametrize(
    "text", ["{", '{"finished_job_days": 3}', '{"logs_days": -1}', '{"blobs_grace_hours": 0}', "[]"]
)
def test_a_file_that_makes_no_sense_is_refused_with_what_it_may_set(tmp_path: Path, text: str) -> None:
    file = tmp_path / "retention.json"
    file.write_text(text)

    with pytest.raises(SettingsUnusable, match="finished_jobs_days"):
        read_settings(file)


def test_the_settings_read_back_what_they_write() -> None:
    keeping = Keeping(finished_jobs_days=90, logs_days=30)

    assert msgspec.json.decode(msgspec.json.encode(keeping), type=Keeping) == keeping
