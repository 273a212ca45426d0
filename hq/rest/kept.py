"""The files that jobs kept, of several jobs at once."""

from collections.abc import Sequence
from typing import Any

from hq.rest.database import Database, find


async def read_kept(database: Database, jobs: Sequence[str]) -> dict[str, tuple[int, list[dict[str, Any]]]]:
    """Return for each job the token and the files of the result that counts; those without are left out."""
    rows = await find(
        database,
        "results",
        {"job": {"$in": list(jobs)}, "verdict": "accepted"},
        sort=[("position", 1)],
        limit=4 * len(jobs) or 1,
        without=("result.series", "result.stdout", "result.notes"),
    )
    return {
        row["job"]: (int(row["token"]), list(row["result"].get("artifacts") or ()))
        for row in rows
        if row["result"].get("artifacts")
    }
