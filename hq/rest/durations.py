"""How long a script took before, from its newest results, as far as they are looked through."""

from statistics import median

from msgspec import Struct

from hq.rest.database import QUERY_MS, Database, Document, plain, stored

#: Results are in no order by script: so many of the newest are looked through.
_LOOKED_AT = 5_000
_RUNS = 60


class Taken(Struct, frozen=True):
    """How long a script took, in seconds: in the middle, and on each machine."""

    runs: int = 0
    seconds: float = 0.0
    by_machine: dict[str, float] = {}


async def read_durations(database: Database, script: str) -> Taken:
    """Return how long the newest runs of a script that succeeded took; of 0 runs when there are none."""
    pipeline: list[Document] = [
        {"$match": {"verdict": "accepted"}},
        {"$sort": {"position": -1, "_id": 1}},
        {"$limit": _LOOKED_AT},
        {"$match": {"script": script, "result.outcome": "succeeded"}},
        {"$limit": _RUNS},
        {"$project": {"_id": 0, "agent": 1, "seconds": "$result.duration_seconds"}},
    ]
    cursor = await stored(database, "results").aggregate(pipeline, maxTimeMS=QUERY_MS)
    found: dict[str, list[float]] = {}
    for row in map(plain, await cursor.to_list()):
        if row.get("seconds") is not None:
            found.setdefault(str(row["agent"]), []).append(float(row["seconds"]))
    every = [one for seconds in found.values() for one in seconds]
    if not every:
        return Taken()
    return Taken(len(every), median(every), {agent: median(seconds) for agent, seconds in found.items()})
