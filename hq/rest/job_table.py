"""Jobs as one table: filtered, sorted and grouped by the database, a page at a time.

Knows where each column lies in a stored job, and which orders have an index. What has none is
said by `scans`.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from hq.rest.conditions import Condition, part_of, test_of
from hq.rest.database import QUERY_MS, Database, Document, find, named, plain, stored
from hq.rest.problems import Problem
from schemas.states import FINAL_STATUSES, JobStatus

#: Beyond this an offset costs too much: filter.
MOST_SKIPPED = 20_000
MOST_COUNTED = 1_000_000
#: Groups are of so many jobs, the newest.
MOST_GROUPED = 200_000
MOST_GROUPS = 100
NEWEST = "-submitted"
_TOOK = {"$subtract": ["$ended_at", "$claimed_at"]}
#: Where a column is; of two places, either.
_PLACES: dict[str, tuple[str, ...]] = {
    "id": ("_id",),
    "status": ("status",),
    "name": ("spec.name", "spec.script.name"),
    "script": ("spec.script.name", "spec.script.entry"),
    "machine": ("attempts.agent",),
    "submitter": ("submitter",),
    "sweep": ("spec.sweep",),
    "trial": ("spec.trial",),
    "priority": ("spec.priority",),
    "attempts": ("token",),
    "why": ("why",),
}
#: What there is an order by, and the place that it is by.
SORTS = {
    "submitted": "order",
    "status": "status",
    "submitter": "submitter",
    "name": "spec.name",
    "script": "spec.script.name",
    "machine": "agent",
    "priority": "spec.priority",
    "sweep": "spec.sweep",
    "seconds": "took",
}
#: The orders that have an index, whatever their status.
INDEXED = ("submitted", "status", "submitter", "machine")
#: Equal to one of these, jobs are found by an index, the newest first.
_FOUND_BY_INDEX = ("id", "submitter", "sweep")
GROUPS: dict[str, Any] = {
    "script": {"$ifNull": ["$spec.script.name", "$spec.script.entry"]},
    "sweep": "$spec.sweep",
    "status": "$status",
    "machine": {"$ifNull": ["$agent", {"$last": "$attempts.agent"}]},
    "submitter": "$submitter",
}
_PARAMS = "params."


@dataclass(frozen=True)
class Wanted:
    """Which jobs: of a status, of these ids, with these labels, and those that meet all conditions."""

    status: str | None = None
    where: tuple[Condition, ...] = ()
    jobs: tuple[str, ...] | None = None
    #: Empty: any or none.
    project: str = ""
    tag: str = ""

    @property
    def is_filtered(self) -> bool:
        """Tell whether only the database knows which jobs these are."""
        return bool(self.where or self.project or self.tag)


def check_column(name: str) -> None:
    """Make sure that jobs can be asked for by this column.

    Raises:
        Problem: 422 with those that there are.
    """
    if name not in _PLACES and name != "seconds":
        part_of(name.removeprefix(_PARAMS))


def match_of(wanted: Wanted) -> Document:
    """Return what is wanted as a query of stored jobs.

    Raises:
        Problem: 422 when there can be no such column.
    """
    query: Document = {} if wanted.status is None else {"status": wanted.status}
    query |= {field: one for field, one in (("project", wanted.project), ("tags", wanted.tag)) if one}
    if wanted.jobs is not None:
        query["_id"] = {"$in": list(wanted.jobs)}
    if wanted.where:
        query["$and"] = [_query_of(one) for one in wanted.where]
    return query


def scans(wanted: Wanted, sort: str) -> bool:
    """Tell whether more jobs may be read for a page of this than it shows."""
    name = sort.lstrip("-")
    labels = [one for one in (wanted.project, wanted.tag) if one]
    filters = len(wanted.where) + len(labels) + (wanted.status is not None)
    if wanted.jobs is not None or not filters:
        return wanted.jobs is None and name not in INDEXED
    if filters > 1:
        return True
    if wanted.status is not None:
        return name not in ("submitted", "status")
    is_found = bool(labels) or (wanted.where[0].sign == "=" and wanted.where[0].name in _FOUND_BY_INDEX)
    return not is_found or name != "submitted"


async def read_page(
    database: Database, match: Document, *, sort: str, skip: int, limit: int, within_ms: int = QUERY_MS
) -> list[Document]:
    """Return jobs in order, attempts included; of equals the newest first.

    Raises:
        ExecutionTimeout: If the database took longer than `within_ms`, and gave it up.
    """
    name, direction = sort.lstrip("-"), -1 if sort.startswith("-") else 1
    # The other way round too: an index of a status and the newest first serves both.
    order = [(SORTS[name], direction), ("order", direction if name == "submitted" else -direction)]
    by = order[:1] if name == "submitted" else order
    skip = min(skip, MOST_SKIPPED)
    if name != "seconds":
        rows = await find(database, "jobs", match, sort=by, skip=skip, limit=limit, within_ms=within_ms)
        return [named(row, "id") for row in rows]
    pipeline: list[Document] = [
        {"$match": {**match, "ended_at": {"$ne": None}, "claimed_at": {"$ne": None}}},
        {"$addFields": {"took": _TOOK}},
        {"$sort": dict(by)},
        {"$skip": skip},
        {"$limit": limit},
    ]
    cursor = await stored(database, "jobs").aggregate(pipeline, maxTimeMS=within_ms, allowDiskUse=True)
    return [named(plain(raw), "id") for raw in await cursor.to_list()]


async def count(database: Database, match: Document) -> int:
    """Return how many jobs match, counting no further than `MOST_COUNTED`."""
    jobs = stored(database, "jobs")
    return int(await jobs.count_documents(match, limit=MOST_COUNTED, maxTimeMS=QUERY_MS))


async def read_groups(
    database: Database, match: Document, by: str, within_ms: int = QUERY_MS
) -> list[Document]:
    """Return the groups of the newest jobs that match, the one with the newest job first.

    Each is `{"value", "count", "statuses": {status: count}}`; no more than `MOST_GROUPS`.

    Raises:
        ExecutionTimeout: If the database took longer than `within_ms`, and gave it up.
    """
    pipeline: list[Document] = [
        {"$match": match},
        {"$sort": {"order": -1}},
        {"$limit": MOST_GROUPED},
        {
            "$group": {
                "_id": {"by": GROUPS[by], "status": "$status"},
                "n": {"$sum": 1},
                "at": {"$max": "$order"},
            }
        },
        {
            "$group": {
                "_id": "$_id.by",
                "count": {"$sum": "$n"},
                "at": {"$max": "$at"},
                "statuses": {"$push": {"k": "$_id.status", "v": "$n"}},
            }
        },
        {"$sort": {"at": -1}},
        {"$limit": MOST_GROUPS},
    ]
    cursor = await stored(database, "jobs").aggregate(pipeline, maxTimeMS=within_ms, allowDiskUse=True)
    return [
        {
            "value": row.get("_id"),
            "count": row["count"],
            "statuses": {one["k"]: one["v"] for one in row["statuses"]},
        }
        for row in map(plain, await cursor.to_list())
    ]


def that_end(match: Document, verb: str) -> Document:
    """Return a query of those of these jobs that can be cancelled, or retried."""
    final = sorted(str(status) for status in FINAL_STATUSES)
    able = final if verb == "retry" else sorted(str(one) for one in JobStatus if str(one) not in final)
    return {"$and": [match, {"status": {"$in": able}}]}


async def each_id(database: Database, match: Document, most: int) -> AsyncIterator[str]:
    """Yield the ids of jobs that match, the newest first."""
    cursor = stored(database, "jobs").find(match, {"_id": 1}, sort=[("order", -1)], limit=most)
    async for raw in cursor:
        yield str(plain(raw)["_id"])


def _query_of(condition: Condition) -> Document:
    if condition.name == "seconds":
        if condition.sign not in ("<", "<=", ">", ">="):
            raise Problem(422, "bad_condition", "seconds is compared with < <= > or >=.")
        ((sign, value),) = test_of(condition).items()
        ended = {"ended_at": {"$ne": None}, "claimed_at": {"$ne": None}}
        return {**ended, "$expr": {sign: [_TOOK, value]}}
    places = _places_of(condition.name)
    test = test_of(condition)
    if len(places) == 1:
        return {places[0]: test}
    return {"$and" if condition.sign == "!=" else "$or": [{place: test} for place in places]}


def _places_of(name: str) -> Sequence[str]:
    if name in _PLACES:
        return _PLACES[name]
    return ["spec.params." + part_of(name.removeprefix(_PARAMS))]
