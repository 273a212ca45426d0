"""What the results of a day say of energy, read once at HQ's start."""

from typing import Any

from pymongo.database import Database

from hq.read_models.models import RESULTS

#: So many of the newest are looked through; a house that has more ends on a day starts with less than all.
_LOOKED_AT = 200_000
#: HQ does not start later for a figure.
_LONGEST_MS = 2000


def read_energy_since(database: Database[dict[str, Any]], at: float) -> dict[str, float]:
    """Return the kWh of all attempts that ended since `at`, in Unix seconds, by machine.

    Raises:
        PyMongoError: If the database does not answer in time.
    """
    kwh = "$result.energy.kwh"
    pipeline: list[dict[str, Any]] = [
        {"$sort": {"position": -1, "_id": 1}},
        {"$limit": _LOOKED_AT},
        {"$match": {"at": {"$gte": at}, "result.energy.kwh": {"$type": "number"}}},
        {"$group": {"_id": "$agent", "kwh": {"$sum": kwh}}},
    ]
    found = database.get_collection(RESULTS).aggregate(pipeline, maxTimeMS=_LONGEST_MS)
    return {str(one["_id"]): float(one["kwh"]) for one in found}
