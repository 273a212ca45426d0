"""Datasets by name and version: what is called what. The content is a blob, and its sha256 the version.

    datasets  {_id: {name, sha256}, kind, filename, files, bytes, at, by}

They are no events of the log: like blobs they are content that jobs name, and
each attempt's result says which version it used.
"""

import time
from typing import Annotated, Literal

from msgspec import Meta, Struct
from pymongo import DESCENDING

from hq.rest.database import QUERY_MS, Database, Document
from hq.rest.paging import make_cursor, read_cursor

DATASETS = "datasets"
_AT_MOST = 10_000


class DatasetBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What a version of a dataset is, once its content is stored as a blob."""

    #: A file as it is, or a folder as a tar archive.
    kind: Literal["file", "folder"]
    #: What scripts find it as.
    filename: Annotated[str, Meta(min_length=1, max_length=255)]
    #: How many files are in a folder.
    files: Annotated[int, Meta(ge=0, le=2**31)] = 1


class Datasets:
    """The datasets of one database."""

    def __init__(self, writing: Database) -> None:
        self._datasets = writing[DATASETS]

    async def list_page(self, *, limit: int, after: str | None = None) -> Document:
        """Return a page of `list_all`: `{"datasets": [...], "next": cursor or None}`."""
        skip = read_cursor("datasets", after) or 0
        found = await self.list_all()
        return {
            "datasets": found[skip : skip + limit],
            "next": make_cursor("datasets", skip + limit) if len(found) > skip + limit else None,
        }

    async def list_all(self) -> list[Document]:
        """Return the newest version of each dataset, by name, with how many versions there are."""
        newest: dict[str, Document] = {}
        counts: dict[str, int] = {}
        cursor = self._datasets.find({}, sort=[("at", DESCENDING)], limit=_AT_MOST, max_time_ms=QUERY_MS)
        async for row in cursor:
            found = _plain(row)
            newest.setdefault(found["name"], found)
            counts[found["name"]] = counts.get(found["name"], 0) + 1
        return [{**newest[name], "versions": counts[name]} for name in sorted(newest)]

    async def read(self, name: str) -> list[Document]:
        """Return the versions of a dataset, the newest first; [] when there is none."""
        query = {"_id.name": name}
        rows = self._datasets.find(query, sort=[("at", DESCENDING)], limit=1000, max_time_ms=QUERY_MS)
        return [_plain(row) async for row in rows]

    async def put(self, name: str, sha256: str, body: DatasetBody, size: int, by: str) -> bool:
        """Make a blob a version of a dataset, the newest from now on; True if it was none. Safe to repeat."""
        said = {"kind": body.kind, "filename": body.filename, "files": body.files, "bytes": size}
        done = await self._datasets.update_one(
            {"_id": {"name": name, "sha256": sha256}},
            {"$set": {**said, "at": time.time(), "by": by}},
            upsert=True,
        )
        return done.upserted_id is not None

    async def remove(self, name: str, sha256: str | None = None) -> int:
        """Forget one version, or all, and return how many those were. Housekeeping deletes the content."""
        query: Document = {"_id.name": name}
        if sha256 is not None:
            query["_id.sha256"] = sha256
        return int((await self._datasets.delete_many(query)).deleted_count)


def _plain(row: Document) -> Document:
    identity = row.pop("_id")
    return {"name": identity["name"], "sha256": identity["sha256"], **row}
