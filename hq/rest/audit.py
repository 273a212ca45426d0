"""The audit log for readers: the newest first, by who, what and since when."""

from typing import Any

from hq.rest.database import Database, Document, find, find_by_id
from hq.rest.paging import make_cursor, read_cursor

COLLECTION = "audit"


async def is_noted(database: Database, note: str) -> bool:
    """Tell whether the audit log has this note."""
    return await find_by_id(database, COLLECTION, note) is not None


async def read_audit(
    database: Database,
    *,
    limit: int,
    after: str | None = None,
    who: str | None = None,
    what: str | None = None,
    since: float | None = None,
) -> Document:
    """Return entries, newest first: `{"entries": [...], "next": cursor or None}`.

    Args:
        who: Who did it, or whom it was done to.
        what: A word such as `token.created`, or its first half for all of them.
        since: Unix seconds of the oldest.
    """
    query: dict[str, Any] = {}
    if who is not None:
        query["$or"] = [{"note.who": who}, {"note.subject": who}]
    if what is not None:
        # "/" is what follows "." in ASCII: everything that begins with `token.`.
        query["note.what"] = what if "." in what else {"$gte": f"{what}.", "$lt": f"{what}/"}
    if since is not None:
        query["note.at"] = {"$gte": since}
    before = read_cursor("audit", after)
    if before is not None:
        query["order"] = {"$lt": before}
    rows = await find(database, COLLECTION, query, sort=[("order", -1)], limit=limit + 1)
    more = len(rows) > limit
    rows = rows[:limit]
    return {
        "entries": [_entry(row) for row in rows],
        "next": make_cursor("audit", rows[-1]["order"]) if more else None,
    }


def _entry(row: Document) -> Document:
    note = {
        "who": "",
        "subject": "",
        "source": "",
        "outcome": "done",
        "count": 1,
        "detail": "",
        **row["note"],
    }
    return {**note, "by": row["by"], "noted_at": row["noted_at"], "position": row["position"]}
