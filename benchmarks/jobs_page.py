"""The list of jobs over a million of them: how soon its first rows come, order by order and filter by filter.

What has an index is to have its first rows within 300 ms; the rest reads every job, and
the page says so. Read by the functions that the page reads by.
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
from hq.rest import board, job_table
from hq.rest.conditions import parse_conditions
from hq.rest.database import QUERY_MS, SCAN_MS, Database
from hq.rest.job_table import NEWEST, SORTS, Wanted
from idlehands.house.furnish import database_uri_file

_JOBS = 1_000_000
_BATCH = 5_000
_ROWS = 500
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_GOAL = "under 300 ms"
_SCANS = "says that it scans"
_SWEEPS = 500
#: Each with what is wanted, and in which order.
_FILTERS = (
    ("one status, few have it", Wanted("running"), NEWEST),
    ("one status, nearly all have it", Wanted("succeeded"), NEWEST),
    ("one project", Wanted(project="digits"), NEWEST),
    ("one tag", Wanted(tag="night"), NEWEST),
    ("where sweep", Wanted(where=parse_conditions(f"sweep = s{7:0>12}", job_table.check_column)), NEWEST),
    ("where submitter", Wanted(where=parse_conditions("submitter = olga", job_table.check_column)), NEWEST),
    ("where lr < 0.001", Wanted(where=parse_conditions("lr < 0.001", job_table.check_column)), NEWEST),
    ("where lr < 0, which none is", Wanted(where=parse_conditions("lr < 0", job_table.check_column)), NEWEST),
    ("where seconds > 59", Wanted(where=parse_conditions("seconds > 59", job_table.check_column)), NEWEST),
)


def measure(effort: Effort) -> list[Figure]:
    """Return how long each order and filter takes to read, and counts and groups."""
    count = effort.jobs(_JOBS)
    with running_house(agents=0) as house:
        # Beside the house's own database: HQ must not take this for its jobs.
        uri = database_uri_file(house.home).read_text().strip()
        name = "idlehands_jobs"
        with MongoClient[dict[str, Any]](uri) as mongo:
            try:
                ensure_indexes(mongo[name])
                _fill(mongo[name]["jobs"], count)
                return asyncio.run(time_reads(uri, name, "jobs", _reads, effort.repeats * 4, _GOAL))
            finally:
                mongo.drop_database(name)


def _fill(jobs: Any, count: int) -> None:
    chance = random.Random(7)
    for first in range(0, count, _BATCH):
        rows = [_stored(at, chance) for at in range(first, min(first + _BATCH, count))]
        jobs.insert_many(rows, ordered=False)


def _stored(at: int, chance: random.Random) -> dict[str, Any]:
    status = "running" if at % 5000 == 0 else "failed" if at % 50 == 1 else "succeeded"
    agent = f"machine-{at % 100:03d}"
    claimed = 1.7e9 + at
    spec: dict[str, Any] = {
        "script": {"bundle": f"{at % 40:064x}", "entry": "train.py", "name": f"train-{at % 40}"},
        "params": {"lr": 10 ** chance.uniform(-4, -1), "layers": at % 6 + 1},
        "name": f"fold {at % 1000}",
        "priority": at % 3,
    }
    if at % 2:
        spec |= {"sweep": f"s{at % _SWEEPS:0>12}", "trial": at // _SWEEPS}
    labels = {"project": "digits", "tags": ["night", "gpu"]} if at % 20 == 0 else {}
    return {
        "_id": "j" + "".join(_LETTERS[at >> 5 * place & 31] for place in range(12)),
        "spec": spec,
        "status": status,
        "submitter": ("olga", "owner", "cli")[at % 3],
        "order": at,
        "position": at,
        "revision": 3,
        "token": 1,
        "agent": agent if status == "running" else None,
        "submitted_at": claimed - 5,
        "claimed_at": claimed,
        "ended_at": None if status == "running" else claimed + chance.uniform(1, 60),
        "attempts": [{"agent": agent, "token": 1, "claimed_at": claimed}],
        **labels,
    }


def _reads(database: Database) -> list[Read]:
    def rows(wanted: Wanted, sort: str, skip: int = 0) -> tuple[str, Callable[[], Awaitable[Any]]]:
        scans = job_table.scans(wanted, sort)

        async def read() -> Any:
            within = SCAN_MS if scans else QUERY_MS
            match = job_table.match_of(wanted)
            return await job_table.read_page(
                database, match, sort=sort, skip=skip, limit=_ROWS, within_ms=within
            )

        return (_SCANS if scans else _GOAL), read

    reads: list[Read] = []
    for sort in [way + name for name in SORTS for way in ("-", "")]:
        reads.append((f"first rows by {sort}", *rows(Wanted(), sort)))
    for title, wanted, sort in _FILTERS:
        reads.append((f"first rows, {title}", *rows(wanted, sort)))
    reads.append(("rows 20,000 further on, by submitter", "", rows(Wanted(), "submitter", 20_000)[1]))
    reads.append(("how many of each status", "", lambda: board.count_jobs(database)))
    for by in ("script", "status", "machine"):
        reads.append((f"groups by {by}", "", _groups(database, by)))
    return reads


def _groups(database: Database, by: str) -> Callable[[], Awaitable[Any]]:
    return lambda: job_table.read_groups(database, {}, by, SCAN_MS)
