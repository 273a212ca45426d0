"""Results as one table: columns, rows by pages, groups and points, all read by the database.

Nothing here holds more than one page. What has no index is said by `scans`.
"""

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from hq.rest.conditions import (
    EARLY,
    EARLY_FIELD,
    NAME,
    OUTCOME,
    OWN,
    PARAMS,
    PRINTED,
    PRUNED,
    Condition,
    fields_of,
    query_of,
    test_of,
)
from hq.rest.database import SCAN_MS, Database, Document, find, plain, stored
from hq.rest.problems import Problem
from schemas.calls import OURS

#: Beyond this an offset costs too much: filter.
MOST_SKIPPED = 100_000
MOST_COUNTED = 100_000
MOST_POINTS = 5_000
MOST_GROUPS = 60
MOST_CELLS = 3_000
#: Groups are of the newest so many: a mean over a million would keep a page waiting for seconds.
MOST_GROUPED = 20_000
NEWEST = "-at"
_NAMED_JOBS = 10_000
_EXPORT_MS = 60_000
_LOOKED_AT = 200
_CARRIED = {"params": 1, "result.result": 1, "position": 1} | dict.fromkeys(
    ("token", EARLY_FIELD, *OWN.values()), 1
)
_JOB_ID = re.compile(r"j[a-z2-7]{12}")


@dataclass(frozen=True)
class Selection:
    """Which results: of a sweep, of jobs, and those that meet all conditions. Only accepted ones count."""

    sweep: str | None = None
    jobs: tuple[str, ...] = ()
    where: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class Column:
    """A column that results have, by its full name."""

    name: str
    #: Of all values that were looked at.
    is_number: bool
    #: Whether there are two different ones among them.
    varies: bool = True


async def match_of(database: Database, selection: Selection) -> Document:
    """Return the selection as a query of stored results.

    Raises:
        Problem: 422 when there can be no such column.
    """
    query: Document = {"verdict": "accepted"}
    if selection.sweep is not None:
        query["sweep"] = selection.sweep
    if selection.jobs:
        query["job"] = {"$in": list(selection.jobs)}
    tests = [query_of(one) for one in selection.where if one.name != NAME]
    for one in selection.where:
        if one.name == NAME:
            jobs = await find(
                database,
                "jobs",
                {"spec.name": test_of(one)},
                sort=[("order", -1)],
                limit=_NAMED_JOBS,
                without=("attempts", "spec"),
            )
            tests.append({"job": {"$in": [job["_id"] for job in jobs]}})
    if tests:
        query["$and"] = tests
    return query


def scans(selection: Selection, sort: str) -> bool:
    """Tell whether every result of the selection is read for one page of it."""
    return bool(selection.where) or sort.lstrip("-") != "at"


async def count(database: Database, match: Document) -> int:
    """Return how many results match, counting no further than one beyond `MOST_COUNTED`."""
    return await _count(database, match, MOST_COUNTED + 1)


async def _count(database: Database, match: Document, most: int) -> int:
    if not most:
        return 0
    # The command, which walks the index alone: as an aggregation the same takes four times as long.
    found = await database.command(
        "count",
        "results",
        query=match,
        limit=most,
        maxTimeMS=SCAN_MS,
        readConcern={"level": "majority"},
    )
    return int(found["n"])


async def read_columns(database: Database, match: Document) -> list[Column]:
    """Return the columns of the newest results that match, parameters first, then what was printed."""
    rows = await _aggregate(
        database,
        [
            {"$match": match},
            {"$sort": {"position": -1, "_id": 1}},
            {"$limit": _LOOKED_AT},
            {
                "$project": {
                    "params": 1,
                    "printed": "$result.result",
                    "own": {name: f"${OWN[name]}" for name in OWN},
                }
            },
        ],
    )
    seen: dict[str, list[Any]] = {}
    for group, key in ((PARAMS, "params"), (PRINTED, "printed")):
        for row in rows:
            for name, value in (row.get(key) or {}).items():
                if name not in OURS and _may_be_asked_for(group + name):
                    seen.setdefault(group + name, []).append(value)
    for name in OWN:
        values = [row["own"][name] for row in rows if row.get("own", {}).get(name) is not None]
        if values and name not in ("job", "outcome"):
            seen[name] = values
    return [
        Column(name, all(map(_is_number, values)), any(value != values[0] for value in values))
        for name, values in seen.items()
    ]


async def read_rows(
    database: Database, match: Document, columns: Sequence[str], *, sort: str, skip: int, limit: int
) -> list[Document]:
    """Return rows `{"job", "values": [one for each column]}` in order; rows without a value come last.

    Raises:
        Problem: 422 when there can be no such column.
    """
    skip = min(skip, MOST_SKIPPED)
    if not sort.startswith("-") and sort != "at" and len(places := fields_of(sort)) == 1:
        return await _read_upwards(database, match, columns, places[0], skip, limit)
    paging = [{"$skip": skip}, {"$limit": limit}]
    return await _aggregate(database, [*_sorted(match, sort), *paging, _projected(columns)])


async def _read_upwards(
    database: Database, match: Document, columns: Sequence[str], place: str, skip: int, limit: int
) -> list[Document]:
    """Return rows by the database's own order, which has what has no value first: that is read apart."""

    async def read(part: Document, order: Document, skip: int, limit: int) -> list[Document]:
        of_these: list[Document] = [{"$match": {"$and": [match, part]}}, {"$sort": order}]
        paging: list[Document] = [{"$skip": skip}, {"$limit": limit}]
        return await _aggregate(database, [*of_these, *paging, _projected(columns)])

    there: Document = {place: {"$ne": None}}
    rows = await read(there, {place: 1, "position": 1, "_id": 1}, skip, limit)
    if len(rows) == limit:
        return rows
    before = 0 if rows else skip - await _count(database, {"$and": [match, there]}, skip)
    rest = await read({place: None}, {"position": 1, "_id": 1}, before, limit - len(rows))
    return [*rows, *rest]


async def each_row(
    database: Database, match: Document, columns: Sequence[str], *, sort: str
) -> AsyncIterator[Document]:
    """Yield all rows in order, of which only some are in memory; no more than `MOST_SKIPPED`.

    Raises:
        Problem: 422 when there can be no such column.
    """
    pipeline = [*_sorted(match, sort), {"$limit": MOST_SKIPPED}, _projected(columns)]
    results = stored(database, "results")
    async with await results.aggregate(pipeline, maxTimeMS=_EXPORT_MS, allowDiskUse=True) as cursor:
        async for raw in cursor:
            yield plain(raw)


_OPERATORS = {"mean": "$avg", "std": "$stdDevSamp", "min": "$min", "max": "$max", "sum": "$sum"}


async def read_groups(database: Database, match: Document, by: str, of: str) -> list[Document]:
    """Return for each value of `by` what the numbers in `of` are: value, count, mean, std, min, max.

    Of the newest `MOST_GROUPED` results that match. `std` is that of a sample, None of a single one.
    At most `MOST_GROUPS` and one.

    Raises:
        Problem: 422 when there can be no such column.
    """
    number = {"$cond": [{"$isNumber": _first(of)}, _first(of), None]}
    group = {
        "_id": _first(by),
        "count": {"$sum": {"$cond": [{"$isNumber": _first(of)}, 1, 0]}},
        "mean": {"$avg": number},
        "std": {"$stdDevSamp": number},
        "min": {"$min": number},
        "max": {"$max": number},
    }
    rows = await _aggregate(
        database,
        [
            *_sorted(match, NEWEST),
            {"$limit": MOST_GROUPED},
            {"$group": group},
            {"$sort": {"_id": 1}},
            {"$limit": MOST_GROUPS + 1},
        ],
    )
    return [{"value": row.pop("_id", None), **row} for row in rows]


async def read_pivot(database: Database, match: Document, by: str, across: str, of: str) -> list[Document]:
    """Return for each pair of values what the numbers in `of` are.

    Each has `row`, `column`, count, mean, std (of a sample), min, max and sum.

    Of the newest `MOST_GROUPED` results that match, those with a number there. At most `MOST_CELLS` and one.

    Raises:
        Problem: 422 when there can be no such column.
    """
    group = {
        "_id": {"row": _first(by), "column": _first(across)},
        "count": {"$sum": 1},
        **{name: {operator: _first(of)} for name, operator in _OPERATORS.items()},
    }
    rows = await _aggregate(
        database,
        [
            *_sorted(match, NEWEST),
            {"$limit": MOST_GROUPED},
            {"$match": {"$expr": {"$isNumber": _first(of)}}},
            {"$group": group},
            {"$limit": MOST_CELLS + 1},
        ],
    )
    return [{**row.pop("_id"), **row} for row in rows]


async def read_points(
    database: Database, match: Document, columns: Sequence[str], limit: int = MOST_POINTS
) -> list[Document]:
    """Return `{"job", "values"}` of the newest results that match, for a figure.

    Raises:
        Problem: 422 when there can be no such column.
    """
    return await read_rows(database, match, columns, sort=NEWEST, skip=0, limit=limit)


def _sorted(match: Document, sort: str) -> list[Document]:
    name, direction = sort.lstrip("-"), -1 if sort.startswith("-") else 1
    if name == "at":
        # By the log's order, which an index has.
        return [{"$match": match}, {"$sort": {"position": direction, "_id": -direction}}]
    places = fields_of(name)
    if direction < 0 and len(places) == 1 and name != OUTCOME:
        # The database's own order: what has no value comes last of itself. Several times quicker than by
        # an expression, which only the other way, or a name that may be in two places, needs.
        return [{"$match": match}, {"$sort": {places[0]: -1, "position": 1, "_id": 1}}]
    value = _first(name)
    rank = {"$cond": [{"$in": [{"$type": value}, ["missing", "null"]]}, 1, 0]}
    return [
        {"$match": match},
        # What is not carried through the order costs nothing there.
        {"$project": _CARRIED},
        {"$addFields": {"__rank": rank, "__by": value}},
        {"$sort": {"__rank": 1, "__by": direction, "position": 1, "_id": 1}},
    ]


def _projected(columns: Sequence[str]) -> Document:
    values: list[Any] = [{"$ifNull": [_first(name), None]} for name in columns]
    return {"$project": {"job": 1, "token": 1, "values": values, "_id": 0}}


def are_jobs(words: Sequence[str]) -> bool:
    """Tell whether all of these can be ids of jobs."""
    return all(_JOB_ID.fullmatch(word) for word in words)


def _first(name: str) -> Any:
    """Return the expression of a column's value: of two places, that where it is."""
    if name == OUTCOME:
        return {"$cond": [{"$eq": [f"${EARLY_FIELD}", EARLY]}, PRUNED, f"${OWN[OUTCOME]}"]}
    places = [f"${field}" for field in fields_of(name)]
    return places[0] if len(places) == 1 else {"$ifNull": places}


def _may_be_asked_for(name: str) -> bool:
    try:
        fields_of(name)
    except Problem:
        return False
    return True


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


async def _aggregate(database: Database, pipeline: list[Document]) -> list[Document]:
    cursor = await stored(database, "results").aggregate(pipeline, maxTimeMS=SCAN_MS, allowDiskUse=True)
    return [plain(raw) for raw in await cursor.to_list()]
