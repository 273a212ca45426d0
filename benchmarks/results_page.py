"""The table of results over a million of them: how soon its parts come from the database.

What has an index is to have its first rows within 300 ms; the rest reads every
result, and the page says so. Read by the functions that the page and REST read by.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

from pymongo import MongoClient

from benchmarks.figures import Figure
from benchmarks.setting import Effort, running_house
from benchmarks.timed_reads import Read, time_reads
from hq.read_models.indexes import ensure_indexes
from hq.rest import table
from hq.rest.conditions import parse_conditions
from hq.rest.database import Database
from hq.rest.table import Selection
from idlehands.house.furnish import database_uri_file

_RESULTS = 1_000_000
_BATCH = 5_000
_COLUMNS = ["params.learning_rate", "params.layers", "result.accuracy", "result.loss", "machine", "seconds"]
_SWEEPS = 500
_GOAL = "under 300 ms"
_SCANS = "says that it scans"


def measure(effort: Effort) -> list[Figure]:
    """Return how long each part of the page takes to read."""
    count = effort.jobs(_RESULTS)
    with running_house(agents=0) as house:
        # Beside the house's own database: HQ must not take this for its results.
        uri = database_uri_file(house.home).read_text().strip()
        name = "idlehands_results"
        with MongoClient[dict[str, Any]](uri) as mongo:
            database = mongo[name]
            try:
                _fill(database["results"], count)
                ensure_indexes(database)
                return asyncio.run(time_reads(uri, name, "results", _reads, effort.repeats * 4, _GOAL))
            finally:
                mongo.drop_database(name)


def _fill(results: Any, count: int) -> None:
    chance = random.Random(7)
    for first in range(0, count, _BATCH):
        rows = [_stored(at, chance) for at in range(first, min(first + _BATCH, count))]
        results.insert_many(rows, ordered=False)


def _stored(at: int, chance: random.Random) -> dict[str, Any]:
    job = "j" + "".join("abcdefghijklmnopqrstuvwxyz234567"[at >> 5 * place & 31] for place in range(12))
    rate = 10 ** chance.uniform(-4, -1)
    printed = {"accuracy": chance.random(), "loss": chance.random(), "parameters": at % 7 * 4160}
    return {
        "_id": {"job": job, "token": 1},
        "job": job,
        "token": 1,
        "agent": f"machine-{at % 100:03d}",
        "verdict": "accepted",
        "position": at,
        "at": 1.7e9 + at,
        "params": {"learning_rate": rate, "layers": at % 6 + 1, "optimizer": ("adam", "sgd")[at % 2]},
        "script": "train_digits",
        "sweep": f"s{at % _SWEEPS:0>12}",
        "trial": at // _SWEEPS,
        "result": {"outcome": "succeeded", "duration_seconds": chance.uniform(1, 60), "result": printed},
    }


def _reads(database: Database) -> list[Read]:
    everything, sweep = Selection(), Selection(sweep=f"s{7:0>12}")
    filtered = Selection(where=parse_conditions("accuracy >= 0.999"))

    def rows(selection: Selection, sort: str, skip: int = 0) -> Callable[[], Awaitable[Any]]:
        async def read() -> Any:
            match = await table.match_of(database, selection)
            return await table.read_rows(database, match, _COLUMNS, sort=sort, skip=skip, limit=101)

        return read

    def of(what: Callable[[dict[str, Any]], Awaitable[Any]]) -> Callable[[], Awaitable[Any]]:
        async def read() -> Any:
            return await what(await table.match_of(database, everything))

        return read

    return [
        ("first rows, newest", _GOAL, rows(everything, "-at")),
        ("first rows, oldest", _GOAL, rows(everything, "at")),
        ("rows 50,000 further on", _GOAL, rows(everything, "-at", 50_000)),
        ("first rows of one sweep", _GOAL, rows(sweep, "-at")),
        ("columns", _GOAL, of(lambda match: table.read_columns(database, match))),
        ("how many", _GOAL, of(lambda match: table.count(database, match))),
        (
            "5,000 points",
            _GOAL,
            of(lambda match: table.read_points(database, match, _COLUMNS[:2])),
        ),
        (
            "groups",
            "under 1 s",
            of(lambda match: table.read_groups(database, match, "params.layers", "result.accuracy")),
        ),
        ("first rows by accuracy", _SCANS, rows(everything, "-result.accuracy")),
        ("first rows, one in 1,000 filtered", _SCANS, rows(filtered, "-at")),
        ("the same by accuracy", _SCANS, rows(filtered, "-result.accuracy")),
    ]
