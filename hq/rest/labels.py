"""Which projects and tags there are, to choose from."""

from pymongo.errors import ExecutionTimeout

from hq.rest.database import Database, stored

#: What can be chosen from; others can still be asked for.
MOST = 200
#: A list to choose from is not worth waiting for.
_LOOK_MS = 500


async def read_labels(database: Database, collection: str) -> dict[str, list[str]]:
    """Return the projects and tags of jobs or sweeps by name: `{"project": [...], "tag": [...]}`."""
    return {
        name: await _distinct(database, collection, field)
        for name, field in (("project", "project"), ("tag", "tags"))
    }


async def _distinct(database: Database, collection: str, field: str) -> list[str]:
    # The index has only what is labelled: it is asked for in its own words.
    try:
        found = await stored(database, collection).distinct(field, {field: {"$gt": ""}}, maxTimeMS=_LOOK_MS)
    except ExecutionTimeout:
        return []
    return sorted(one for one in found if isinstance(one, str) and one)[:MOST]
