"""Results as a table: filtered, sorted by any number in them, as JSON or CSV."""

import csv
import io
import json
import re
from typing import Any

from hq.rest.conditions import EARLY, PRUNED, parse_conditions
from hq.rest.database import QUERY_MS, Database, Document, find_by_id, plain, stored
from hq.rest.paging import make_cursor, read_cursor
from hq.rest.problems import Problem
from hq.rest.table import Selection, match_of

#: Columns that a result has whatever its script printed.
_OWN = {
    "job": "job",
    "trial": "trial",
    "agent": "agent",
    "script": "script",
    "at": "at",
    "position": "position",
    "seconds": "result.duration_seconds",
    "outcome": "result.outcome",
    "kwh": "result.energy.kwh",
    "cost": "result.energy.cost",
}
#: Whether a trial was pruned its job says, whatever its script made of that.
_WITH_JOB = {
    "$lookup": {
        "from": "jobs",
        "localField": "job",
        "foreignField": "_id",
        "pipeline": [{"$project": {"_id": 0, "status": 1}}],
        "as": "__job",
    }
}
_SORT = re.compile(r"(-?)((?:params|result)\.)?([A-Za-z0-9_](?:[A-Za-z0-9_ -]{0,62}[A-Za-z0-9_])?)")


async def read_results(
    database: Database,
    *,
    limit: int,
    after: str | None = None,
    sweep: str | None = None,
    job: str | None = None,
    sort: str | None = None,
    every: bool = False,
    where: str = "",
) -> Document:
    """Return results: `{"results": [...], "sort": ..., "next": cursor or None}`.

    Args:
        sort: `accuracy`, `-accuracy` (largest first), `params.layers`, `at`, ... Without it the
            best first by a sweep's own metric, else the newest first. Rows without a number come last.
        every: Also results that do not count: superseded and failed ones that were tried again.
        where: Conditions as people write them, such as `accuracy >= 0.9, machine = attic`.
    """
    query = await match_of(database, Selection(where=parse_conditions(where)))
    if sweep is not None:
        query["sweep"] = sweep
    if job is not None:
        query["job"] = job
    if every:
        del query["verdict"]
    sort = sort or await _usual_sort(database, sweep)
    field, direction = parse_sort(sort)
    # The offset moves when results arrive in between; a page of a sorted table is of its moment.
    skip = read_cursor("results", after) or 0
    pipeline: list[dict[str, Any]] = [{"$match": query}]
    if field == "position":
        # No computed rank, so that an index serves the newest page.
        pipeline.append({"$sort": {"position": direction, "_id": 1}})
    else:
        rank = {"$cond": [{"$in": [{"$type": f"${field}"}, ["missing", "null"]]}, 1, 0]}
        pipeline += [
            {"$unset": "result.series"},
            {"$addFields": {"__rank": rank}},
            {"$sort": {"__rank": 1, field: direction, "position": 1, "_id": 1}},
        ]
    pipeline += [{"$skip": skip}, {"$limit": limit + 1}, {"$unset": ["__rank", "result.series"]}, _WITH_JOB]
    cursor = await stored(database, "results").aggregate(pipeline, maxTimeMS=QUERY_MS)
    rows = [plain(raw) for raw in await cursor.to_list()]
    for row in rows:
        row.pop("_id", None)
        row["outcome"] = _outcome_of(row, row.pop("__job", []))
    more = len(rows) > limit
    return {
        "results": rows[:limit],
        "sort": sort,
        "next": make_cursor("results", skip + limit) if more else None,
    }


def _outcome_of(row: Document, jobs: list[Document]) -> str | None:
    result = row["result"] or {}
    is_early = (result.get("failure") or {}).get("kind") == EARLY
    # A result that does not count says nothing of how its job ended.
    is_pruned = row.get("verdict") == "accepted" and any(job.get("status") == PRUNED for job in jobs)
    return PRUNED if is_early or is_pruned else result.get("outcome")


async def _usual_sort(database: Database, sweep: str | None) -> str:
    found = await find_by_id(database, "sweeps", sweep) if sweep else None
    metric = found["spec"].get("metric") if found else None
    if not found or not metric:
        return "-position"
    sign = "" if found["spec"].get("direction", "maximize") == "minimize" else "-"
    wanted = f"{sign}{metric}"
    return wanted if _SORT.fullmatch(wanted) else "-position"


def parse_sort(sort: str) -> tuple[str, int]:
    """Return the document's field and 1 (smallest first) or -1.

    Raises:
        Problem: If it cannot be sorted by.
    """
    found = _SORT.fullmatch(sort)
    if found is None:
        raise Problem(
            422, "bad_sort", "sort: name a column such as accuracy, -accuracy, params.layers, at or seconds."
        )
    minus, group, name = found.groups()
    direction = -1 if minus else 1
    if group == "params.":
        return f"params.{name}", direction
    if group is None and name in _OWN:
        return _OWN[name], direction
    return f"result.result.{name}", direction


def to_csv(rows: list[Document]) -> str:
    """Return results as CSV with one column per parameter and per value that a script printed.

    Text that a spreadsheet would run as a formula gets an apostrophe before it.
    """
    params = sorted({key for row in rows for key in row["params"]})
    values = sorted({key for row in rows for key in _printed(row)})
    out = io.StringIO()
    writer = csv.writer(out)
    header = [
        "job",
        "sweep",
        "trial",
        "script",
        "agent",
        "verdict",
        "at",
        "outcome",
        "seconds",
        "kwh",
        "cost",
    ]
    writer.writerow(
        [
            *header,
            *(spreadsheet_cell(f"params.{key}") for key in params),
            *(spreadsheet_cell(key) for key in values),
        ]
    )
    for row in rows:
        result, printed = row["result"] or {}, _printed(row)
        first = [row.get(key) for key in header[:7]]
        energy = result.get("energy") or {}
        first += [
            row.get("outcome"),
            result.get("duration_seconds", 0),
            energy.get("kwh"),
            energy.get("cost"),
        ]
        cells = [*first, *(row["params"].get(key) for key in params), *(printed.get(key) for key in values)]
        writer.writerow([spreadsheet_cell(value) for value in cells])
    return out.getvalue()


def _printed(row: Document) -> Document:
    return (row["result"] or {}).get("result") or {}


def spreadsheet_cell(value: object) -> object:
    """Return a value for CSV; text that a spreadsheet would run as a formula gets an apostrophe before it."""
    if isinstance(value, dict | list):
        value = json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return value
