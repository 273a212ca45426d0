"""What the read models say: jobs, sweeps, agents, logs, progress and the position they reflect.

REST and page read through the same functions. Each takes the database and
plain arguments and returns plain dictionaries; none changes anything. Results
are in `hq.rest.results`, events in `hq.rest.history`.
"""

import asyncio
from typing import Any

from hq.read_models.deletion import DELETED
from hq.rest.database import Database, Document, find, find_by_id, named
from hq.rest.paging import make_cursor, read_cursor
from hq.rest.problems import Problem
from hq.rest.remarks import LOOKED_AT, is_suspicious, remark
from hq.rest.weighing import weigh_trials
from schemas.resources import MEMORY

CHECKPOINT = "read_models"
CATCH_UP_SECONDS = 5.0
_CATCH_UP_STEP_SECONDS = 0.02
#: Of a job's attempts, a list shows where the last one was; the rest is for the job's own page.
_OF_ATTEMPTS = tuple(f"attempts.{field}" for field in ("token", "boot", "nonce", "state", "claimed_at"))


async def read_position(database: Database) -> int:
    """Return the log position that the read models reflect; 0 when there is nothing yet."""
    found = await find_by_id(database, "checkpoints", CHECKPOINT)
    return int(found["position"]) if found else 0


async def catch_up(database: Database, at_least: int | None, seconds: float = CATCH_UP_SECONDS) -> None:
    """Wait until the read models reflect `at_least`.

    Raises:
        Problem: 503 when they do not within `seconds`.
    """
    if at_least is None:
        return
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while (position := await read_position(database)) < at_least:
        if loop.time() >= end:
            raise Problem(
                503,
                "not_caught_up",
                f"The read models stand at position {position}, not yet at {at_least}. Ask again, or without "
                "at_least for what is known now.",
                {"retry-after": "1"},
            )
        await asyncio.sleep(_CATCH_UP_STEP_SECONDS)


async def await_deletion(database: Database, identity: str, seconds: float = CATCH_UP_SECONDS) -> None:
    """Wait until the documents of what was deleted are gone, so that it is not found a moment later.

    It counts as deleted all the same when that takes longer: nothing is raised.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while loop.time() < end:
        # The documents go after the checkpoint has passed the deletion.
        tombstone = await find_by_id(database, DELETED, identity)
        if tombstone is not None and tombstone["done"]:
            return
        await asyncio.sleep(_CATCH_UP_STEP_SECONDS)


async def read_jobs(
    database: Database,
    *,
    limit: int,
    after: str | None = None,
    status: str | None = None,
    sweep: str | None = None,
    submitter: str | None = None,
    agent: str | None = None,
    project: str | None = None,
    tag: str | None = None,
    words: str = "",
) -> Document:
    """Return jobs, newest first: `{"jobs": [...], "next": cursor or None}`. `words` must all be in one."""
    query: dict[str, Any] = {
        field: value
        for field, value in (
            ("status", status),
            ("spec.sweep", sweep),
            ("submitter", submitter),
            ("agent", agent),
            ("project", project),
            ("tags", tag),
        )
        if value is not None
    }
    query |= with_words(words)
    before = read_cursor("jobs", after)
    if before is not None:
        query["order"] = {"$lt": before}
    rows = await find(database, "jobs", query, sort=[("order", -1)], limit=limit + 1, without=_OF_ATTEMPTS)
    more = len(rows) > limit
    rows = rows[:limit]
    return {
        "jobs": [_in_a_list(row) for row in rows],
        "next": make_cursor("jobs", rows[-1]["order"]) if more else None,
    }


def with_words(words: str) -> dict[str, Any]:
    """Return the part of a query that is for documents with all of these words; nothing for none."""
    quoted = " ".join(f'"{word}"' for word in words.replace('"', " ").split())
    return {"$text": {"$search": quoted}} if quoted else {}


def _in_a_list(row: Document) -> Document:
    """Name the machine of a job that has ended as well: the one of its last attempt."""
    attempts = row.pop("attempts", None)
    if attempts and not row.get("agent"):
        row["agent"] = attempts[-1]["agent"]
    return named(row, "id")


async def read_job(database: Database, job: str) -> Document | None:
    """Return one job with all its attempts' results, superseded ones included; None if there is none."""
    found = await find_by_id(database, "jobs", job)
    if found is None:
        return None
    results = await find(database, "results", {"job": job}, sort=[("position", 1)], limit=100)
    for result in results:
        result.pop("_id", None)
    return {**named(found, "id"), "results": results}


async def read_progress(
    database: Database, job: str, *, limit: int, after: int | None = None, resources: bool = False
) -> Document:
    """Return a job's metric points of its latest attempt that has any, in order of their number.

    With `resources`, only those that say what the attempt used of its machine.
    """
    newest = await find(database, "progress", {"_id.job": job}, sort=[("_id.token", -1)], limit=1)
    if not newest:
        return {"job": job, "token": None, "points": [], "next": None}
    token = newest[0]["_id"]["token"]
    query: dict[str, Any] = {"_id.job": job, "_id.token": token}
    if after is not None:
        query["_id.seq"] = {"$gt": after}
    if resources:
        query[f"metrics.{MEMORY}"] = {"$exists": True}
    rows = await find(database, "progress", query, sort=[("_id.seq", 1)], limit=limit)
    points = [{"seq": row["_id"]["seq"], **{key: row[key] for key in row if key != "_id"}} for row in rows]
    return {
        "job": job,
        "token": token,
        "points": points,
        "next": points[-1]["seq"] if len(points) == limit else None,
    }


async def read_logs(database: Database, job: str, *, limit: int, after: str | None = None) -> Document:
    """Return log lines of a job, oldest first, with a cursor to ask for what comes after.

    The cursor is there also when nothing follows yet: asking again with it follows the log.
    """
    query: dict[str, Any] = {"job": job}
    last = read_cursor("logs", after)
    if last is not None:
        query["_id"] = {"$gt": last}
    rows = await find(database, "logs", query, sort=[("_id", 1)], limit=limit)
    end = rows[-1]["_id"] if rows else last
    lines = [{key: row[key] for key in row if key not in ("_id", "job")} for row in rows]
    return {"job": job, "logs": lines, "next": None if end is None else make_cursor("logs", end)}


async def read_sweeps(
    database: Database,
    *,
    limit: int,
    after: str | None = None,
    status: str | None = None,
    project: str | None = None,
    tag: str | None = None,
    words: str = "",
) -> Document:
    """Return sweeps, newest first: `{"sweeps": [...], "next": cursor or None}`. As `read_jobs`."""
    skip = read_cursor("sweeps", after) or 0
    filters = (("status", status), ("project", project), ("tags", tag))
    query: dict[str, Any] = {field: value for field, value in filters if value is not None}
    query |= with_words(words)
    # Sweeps are few: an offset is good enough, and needs no order that is unique.
    rows = await find(
        database, "sweeps", query, sort=[("submitted_at", -1), ("_id", 1)], limit=skip + limit + 1
    )
    return {
        "sweeps": [_as_sweep(row) for row in rows[skip : skip + limit]],
        "next": make_cursor("sweeps", skip + limit) if len(rows) > skip + limit else None,
    }


async def read_sweep(database: Database, sweep: str) -> Document | None:
    """Return one sweep, or None if there is none."""
    found = await find_by_id(database, "sweeps", sweep)
    if found is None:
        return None
    if not is_suspicious(found):
        return _as_sweep(found)
    some = await read_trials(database, sweep, limit=LOOKED_AT)
    return {**_as_sweep(found), "remarks": remark(found, some["trials"])}


def _as_sweep(row: Document) -> Document:
    """Add whether its trials can be compared as they run, in a word and, where that helps, in more."""
    spec = row["spec"]
    measured, unmeasured = row.get("measured", 0), row.get("unmeasured", 0)
    state, why = "none", ""
    if spec.get("pruner"):
        state = "active" if measured else "metric_missing" if unmeasured else "waiting"
    if state == "metric_missing":
        metric = spec.get("metric", "")
        why = (
            f"no trial is ended early: none of {unmeasured} that ended has reported {metric} as it ran. "
            f'Print it with a step, as {{"epoch": 1, "{metric}": 0.5}}'
        )
    return {**named(row, "id"), "early_stopping": {"state": state, "why": why}, "remarks": []}


async def read_trials(database: Database, sweep: str, *, limit: int, after: str | None = None) -> Document:
    """Return a sweep's trials in order, each with its parameters, status, result and what it is worth.

    A trial that succeeded without a value says under `why` what its result lacks.
    """
    query: dict[str, Any] = {"spec.sweep": sweep}
    last = read_cursor("trials", after)
    if last is not None:
        query["spec.trial"] = {"$gt": last}
    jobs = await find(database, "jobs", query, sort=[("spec.trial", 1)], limit=limit + 1)
    more = len(jobs) > limit
    jobs = jobs[:limit]
    accepted = await find(
        database,
        "results",
        {"job": {"$in": [job["_id"] for job in jobs]}, "verdict": "accepted"},
        sort=[("position", 1)],
        limit=limit,
        without=("result.series",),
    )
    results = {result["job"]: result for result in accepted}
    searched = await find_by_id(database, "sweeps", sweep)
    weighed = weigh_trials(searched["spec"], jobs, results) if searched is not None else {}
    trials = [
        {
            "trial": job["spec"].get("trial"),
            "job": job["_id"],
            "status": job["status"],
            # Who runs it, or ran it: an ended job is on no machine any more.
            "agent": job.get("agent") or results.get(job["_id"], {}).get("agent"),
            "why": job.get("why", "") or weighed.get(job["_id"], {}).get("why", ""),
            "values": weighed.get(job["_id"], {}).get("values", ()),
            "violations": weighed.get(job["_id"], {}).get("violations", ()),
            "started": job.get("claimed_at"),
            "ended": job.get("ended_at"),
            "params": job["spec"].get("params", {}),
            # Of a population: which member it is, and from which trial it went on.
            **_lineage(job["spec"]),
            "result": results.get(job["_id"], {}).get("result"),
        }
        for job in jobs
    ]
    return {
        "sweep": sweep,
        "trials": trials,
        "next": make_cursor("trials", trials[-1]["trial"]) if more else None,
    }


def _lineage(spec: Document) -> Document:
    lineage = spec.get("lineage")
    if lineage is None:
        return {}
    shown = {"member": lineage["member"], "generation": lineage.get("generation", 0)}
    return {"lineage": {**shown, "parent": lineage.get("parent")}}


async def read_agents(database: Database) -> list[Document]:
    """Return what every agent said of itself at its latest boot, by name."""
    rows = await find(database, "agents", {}, sort=[("_id", 1)], limit=10_000)
    return [named(row, "name") for row in rows]
