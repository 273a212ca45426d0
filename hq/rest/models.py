"""What the registry of models has: models with their versions, as HQ decided. Read-only."""

from typing import Any

from hq.read_models.models import MODELS
from hq.rest.database import Database, Document, find, find_by_id, named
from hq.rest.paging import make_cursor, read_cursor
from schemas.registry import choose_version

#: The version that scripts get when they name none.
DEFAULT = "default"


async def list_models(database: Database, *, limit: int, after: str | None = None) -> Document:
    """Return the models by name, each with its stages and its newest version: `{"models", "next"}`."""
    skip = read_cursor("models", after) or 0
    query = {"versions.0": {"$exists": True}}
    # Models are few: an offset is good enough.
    rows = await find(
        database,
        MODELS,
        query,
        sort=[("_id", 1)],
        limit=skip + limit + 1,
        without=("versions.lineage.spec", "versions.files"),
    )
    return {
        "models": [_summarise(named(row, "name")) for row in rows[skip : skip + limit]],
        "next": make_cursor("models", skip + limit) if len(rows) > skip + limit else None,
    }


async def read_model(database: Database, name: str) -> Document | None:
    """Return a model with all its versions, the newest first; None if there is none."""
    found = await find_by_id(database, MODELS, name)
    if found is None or not found["versions"]:
        return None
    model = named(found, "name")
    return {**model, "versions": [_with_name(name, one) for one in reversed(model["versions"])]}


async def read_of_job(database: Database, job: str) -> list[Document]:
    """Return the versions of all models that came from a job, by model: `{model, version, stage}`."""
    # At most some hundred models: all are looked at.
    rows = await find(
        database,
        MODELS,
        {"versions.lineage.job": job},
        sort=[("_id", 1)],
        limit=100,
        without=("versions.files",),
    )
    return [
        {"model": row["_id"], "version": one["version"], "stage": one["stage"]}
        for row in rows
        for one in row["versions"]
        if one["lineage"]["job"] == job
    ]


async def read_version(database: Database, name: str, wanted: str) -> Document | None:
    """Return the version that a number, a stage, `latest` or `default` names; None if there is none."""
    model = await read_model(database, name)
    if model is None:
        return None
    numbers = [(one["version"], one["stage"]) for one in model["versions"]]
    chosen = choose_version(numbers, "" if wanted == DEFAULT else wanted)
    return next((one for one in model["versions"] if one["version"] == chosen), None)


def _summarise(model: Document) -> Document:
    versions: list[dict[str, Any]] = model["versions"]
    newest = versions[-1]
    return {
        "name": model["name"],
        "versions": len(versions),
        "latest": newest["version"],
        "stages": {
            one["stage"]: one["version"] for one in versions if one["stage"] in ("staging", "production")
        },
        "metrics": newest["lineage"].get("metrics"),
        "job": newest["lineage"]["job"],
        "changed_at": model["changed_at"],
    }


def _with_name(name: str, version: Document) -> Document:
    return {"model": name, **version}
