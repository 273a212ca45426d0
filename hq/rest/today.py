"""What the house did since midnight, by machine, and when its queue will be empty.

The queue's end is an estimate: waiting jobs as long as their script took in the mean of late, on the slots
that take work now. Needs of single jobs are not looked at.
"""

import datetime
import math
from typing import Any

from hq.rest.database import QUERY_MS, Database, Document, plain, stored
from hq.rest.house import House
from hq.rest.replaying import find_position

_QUEUED_LOOKED_AT = 20_000
_RESULTS_LOOKED_AT = 5_000
#: More results of one day than this are not added up.
_TODAY_LOOKED_AT = 100_000


async def read_today(house: House, now: float) -> Document:
    """Return what machines did since midnight of the server's zone, and what waits."""
    midnight = midnight_before(now)
    machines = await _read_machines(house.database, midnight)
    return {"since": midnight, "machines": machines, "queue": await read_queue(house)}


def midnight_before(now: float) -> float:
    """Return the last midnight in the zone of this machine, as Unix seconds."""
    return datetime.datetime.fromtimestamp(now).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()


async def read_queue(house: House) -> Document:
    """Return how many jobs wait, how much work they are, and how long until none waits."""
    waiting = await _read_waiting(house.database)
    paces = await _read_paces(house.database) if waiting else {}
    return outlook(waiting, paces, open_slots(house))


def open_slots(house: House) -> int:
    """Return the slots of all machines that are there and take work."""
    found = 0
    for name in house.live.names():
        agent = house.live.agent(name)
        heard = agent["heard"]
        if agent["online"] and not heard["degraded"] and heard["guest"]["accepting"]:
            found += int(heard["slots"])
    return found


def outlook(waiting: dict[str, int], paces: dict[str, float], slots: int) -> Document:
    """Return the queue in numbers.

    Args:
        waiting: Waiting jobs by script.
        paces: Seconds that one run of a script takes, of those that ran.
        slots: What takes work now.
    """
    queued = sum(waiting.values())
    known = sum(count for script, count in waiting.items() if script in paces)
    work = sum(count * paces[script] for script, count in waiting.items() if script in paces)
    seconds = None
    if not queued:
        seconds = 0.0
    elif slots and known:
        # Of scripts that have not run yet nothing is known: as the others, in the mean.
        work *= queued / known
        longest = max(paces[script] for script in waiting if script in paces)
        seconds = max(longest, math.ceil(queued / slots) * work / queued)
    return {"queued": queued, "known": known, "work_seconds": work, "slots": slots, "seconds": seconds}


async def _read_machines(database: Database, since: float) -> list[Document]:
    position = await find_position(database, since)
    energy = "$result.energy"
    pipeline: list[Document] = [
        {"$match": {"position": {"$gte": position}}},
        {"$sort": {"position": -1, "_id": 1}},
        {"$limit": _TODAY_LOOKED_AT},
        {
            "$group": {
                "_id": {"agent": "$agent", "currency": {"$ifNull": [f"{energy}.currency", ""]}},
                "attempts": {"$sum": 1},
                "seconds": {"$sum": "$result.duration_seconds"},
                "kwh": {"$sum": f"{energy}.kwh"},
                "sources": {"$addToSet": f"{energy}.source"},
                "cost": {"$sum": f"{energy}.cost"},
            }
        },
    ]
    cursor = await stored(database, "results").aggregate(pipeline, maxTimeMS=QUERY_MS)
    found: dict[str, Document] = {}
    for row in map(plain, await cursor.to_list()):
        name, currency = str(row["_id"].get("agent") or ""), str(row["_id"].get("currency") or "")
        one = found.setdefault(
            name, {"name": name, "attempts": 0, "seconds": 0.0, "kwh": 0.0, "sources": set(), "costs": {}}
        )
        for field in ("attempts", "seconds", "kwh"):
            one[field] += row[field]
        one["sources"] |= set(row["sources"])
        if row["cost"] or currency:
            one["costs"][currency] = one["costs"].get(currency, 0.0) + row["cost"]
    return [{**found[name], "sources": sorted(found[name]["sources"])} for name in sorted(found) if name]


async def _read_waiting(database: Database) -> dict[str, int]:
    pipeline: list[Document] = [
        {"$match": {"status": "queued"}},
        {"$limit": _QUEUED_LOOKED_AT},
        # Workers of services wait as well, and never end.
        {"$match": {"spec.serves": None}},
        {"$group": {"_id": "$spec.script.name", "count": {"$sum": 1}}},
    ]
    cursor = await stored(database, "jobs").aggregate(pipeline, maxTimeMS=QUERY_MS, hint="by_status")
    return {str(row["_id"]): int(row["count"]) for row in map(plain, await cursor.to_list())}


async def _read_paces(database: Database) -> dict[str, float]:
    pipeline: list[Document] = [
        {"$match": {"verdict": "accepted"}},
        {"$sort": {"position": -1, "_id": 1}},
        {"$limit": _RESULTS_LOOKED_AT},
        {"$match": {"result.outcome": "succeeded"}},
        {"$group": {"_id": "$script", "seconds": {"$avg": "$result.duration_seconds"}}},
    ]
    cursor = await stored(database, "results").aggregate(pipeline, maxTimeMS=QUERY_MS)
    rows: list[dict[str, Any]] = [plain(row) for row in await cursor.to_list()]
    return {str(row["_id"]): float(row["seconds"]) for row in rows if row["seconds"] is not None}
