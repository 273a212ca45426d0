"""What has become too old: jobs and sweeps that ended long ago, log lines and metric points."""

import time
from typing import Any

from pymongo.database import Database
from pymongo.read_concern import ReadConcern

from hq.read_models.models import JOBS, SWEEPS
from schemas.states import FINAL_STATUSES, SweepStatus

_AT_ONCE = 1000
_ENDED_SWEEPS = [status.value for status in SweepStatus if status.is_final]


def find_old_jobs(database: Database[dict[str, Any]], days: float, limit: int) -> tuple[str, ...]:
    """Return jobs that ended longer ago than that, trials of running sweeps left out."""
    running = [row["_id"] for row in database[SWEEPS].find({"status": {"$nin": _ENDED_SWEEPS}}, {"_id": 1})]
    query: dict[str, Any] = {
        "status": {"$in": sorted(status.value for status in FINAL_STATUSES)},
        "ended_at": {"$lt": _days_ago(days)},
    }
    if running:
        query["spec.sweep"] = {"$nin": running}
    jobs = database.get_collection(JOBS, read_concern=ReadConcern("majority"))
    return tuple(str(row["_id"]) for row in jobs.find(query, {"_id": 1}).limit(limit))


def find_old_sweeps(database: Database[dict[str, Any]], days: float, limit: int) -> tuple[str, ...]:
    """Return sweeps that ended longer ago than that and have no job left."""
    query = {"status": {"$in": _ENDED_SWEEPS}, "ended_at": {"$lt": _days_ago(days)}}
    jobs = database.get_collection(JOBS, read_concern=ReadConcern("majority"))
    found: list[str] = []
    for row in database[SWEEPS].find(query, {"_id": 1}):
        if len(found) == limit:
            break
        if jobs.find_one({"spec.sweep": row["_id"]}, {"_id": 1}) is None:
            found.append(str(row["_id"]))
    return tuple(found)


def delete_old_records(database: Database[dict[str, Any]], days: float, *, dry_run: bool = False) -> int:
    """Delete log lines and metric points that were stored longer ago than that; return how many documents."""
    before = _days_ago(days)
    if dry_run:
        return sum(
            database[name].count_documents({"stored": {"$lt": before}}) for name in ("logs", "progress")
        )
    points = database["progress"].delete_many({"stored": {"$lt": before}}).deleted_count
    return points + _delete_old_logs(database, before)


def _delete_old_logs(database: Database[dict[str, Any]], before: float) -> int:
    # Their numbers grow with time, so the oldest come first and the first young one ends it.
    deleted = 0
    while True:
        oldest = list(database["logs"].find({}, {"stored": 1}).sort("_id", 1).limit(_AT_ONCE))
        old = [row["_id"] for row in oldest if row["stored"] < before]
        if old:
            deleted += database["logs"].delete_many({"_id": {"$in": old}}).deleted_count
        if len(old) < _AT_ONCE:
            return deleted


def _days_ago(days: float) -> float:
    return time.time() - days * 24 * 3600.0
