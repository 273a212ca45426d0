"""Reads for lists that are looked at live: some jobs by id, what runs where, how many wait, ends of logs."""

from collections.abc import Iterable, Sequence
from typing import Any

from hq.rest.database import QUERY_MS, Database, Document, find, named, plain, stored

#: As many as a page shows in one go; older ones are a page further on.
MOST_ROWS = 500
_RESULTS_LOOKED_AT = 20_000


async def read_jobs_by_id(
    database: Database, jobs: Iterable[str], match: Document | None = None
) -> list[Document]:
    """Return these jobs, attempts included, in no order; those that there are not are left out.

    So are those that do not match, where a query is given.
    """
    wanted = list(jobs)
    query: Document = {"_id": {"$in": wanted}}
    query = query if match is None else {"$and": [query, match]}
    rows = await find(database, "jobs", query, sort=[("_id", 1)], limit=len(wanted) or 1)
    return [named(row, "id") for row in rows]


async def read_running(database: Database, agents: Sequence[str] | None = None) -> list[Document]:
    """Return what runs, the newest first; on these agents only when given."""
    query: dict[str, Any] = {"status": "running"}
    if agents is not None:
        query["agent"] = {"$in": list(agents)}
    rows = await find(database, "jobs", query, sort=[("order", -1)], limit=MOST_ROWS, without=("attempts",))
    return [named(row, "id") for row in rows]


async def read_newest(
    database: Database, *, status: str | None, before: int | None = None, limit: int = MOST_ROWS
) -> list[Document]:
    """Return the newest jobs, attempts included, of one status and before an order number when given."""
    query: dict[str, Any] = {} if status is None else {"status": status}
    if before is not None:
        query["order"] = {"$lt": before}
    rows = await find(database, "jobs", query, sort=[("order", -1)], limit=limit)
    return [named(row, "id") for row in rows]


async def count_jobs(database: Database, within_ms: int = QUERY_MS) -> dict[str, int]:
    """Return how many jobs there are by status; a status that no job has is left out.

    Raises:
        ExecutionTimeout: If the database took longer than `within_ms`, and gave it up.
    """
    pipeline = [{"$group": {"_id": "$status", "count": {"$sum": 1}}}]
    cursor = await stored(database, "jobs").aggregate(pipeline, maxTimeMS=within_ms, hint="by_status")
    return {row["_id"]: row["count"] for row in map(plain, await cursor.to_list())}


async def read_log_end(database: Database, job: str, pieces: int) -> list[Document]:
    """Return the last stored pieces of a job's log, oldest first."""
    rows = await find(database, "logs", {"job": job}, sort=[("_id", -1)], limit=pieces)
    return rows[::-1]


async def read_users(database: Database, dataset: str, limit: int = 30) -> list[Document]:
    """Return the newest results that used a dataset: `{job, script, at}`. No index: so many are looked at."""
    used = {"$getField": {"field": dataset, "input": {"$ifNull": ["$result.datasets", {}]}}}
    pipeline: list[Document] = [
        {"$sort": {"position": -1, "_id": 1}},
        {"$limit": _RESULTS_LOOKED_AT},
        {"$match": {"$expr": {"$ne": [{"$type": used}, "missing"]}}},
        {"$limit": limit},
        {"$project": {"_id": 0, "job": 1, "script": 1, "at": 1}},
    ]
    cursor = await stored(database, "results").aggregate(pipeline, maxTimeMS=QUERY_MS)
    return [plain(raw) for raw in await cursor.to_list()]


async def read_points(database: Database, jobs: Sequence[str], limit: int) -> list[Document]:
    """Return stored metric points of these jobs: `{job, token, seq, at, step, metrics}`, in order."""
    if not jobs:
        return []
    rows = await find(
        database,
        "progress",
        {"_id.job": {"$in": list(jobs)}},
        sort=[("_id.job", 1), ("_id.token", 1), ("_id.seq", 1)],
        limit=limit,
    )
    return [{**row["_id"], **{key: row[key] for key in row if key != "_id"}} for row in rows]
