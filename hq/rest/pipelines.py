"""What is known of pipelines: their steps, and how each stands now. Read-only."""

from typing import Any

import msgspec

from hq.read_models.models import JOBS, PIPELINES, SWEEPS
from hq.rest.database import Database, Document, find, find_by_id
from hq.rest.paging import make_cursor, read_cursor
from schemas.pipelines import PipelineSpec, Step
from schemas.references import find_references
from schemas.states import FINAL_STATUSES, JobStatus, SweepStatus

_FINAL = {*map(str, FINAL_STATUSES), *(str(one) for one in SweepStatus if one.is_final), "deleted"}
_SHOWN = ("status", "why", "waits_for", "agent", "proposed", "succeeded", "best", "claimed_at", "ended_at")
_DELETED: Document = {"status": "deleted"}


async def list_pipelines(database: Database, *, limit: int, after: str | None = None) -> Document:
    """Return pipelines, newest first, each with how it stands: `{"pipelines", "next"}`."""
    skip = read_cursor("pipelines", after) or 0
    # Pipelines are few: an offset is good enough.
    rows = await find(
        database, PIPELINES, {}, sort=[("submitted_at", -1), ("_id", 1)], limit=skip + limit + 1
    )
    page = rows[skip : skip + limit]
    standing = await _read_standing(database, [one for row in page for one in row["steps"].values()])
    return {
        "pipelines": [_summarise(row, standing) for row in page],
        "next": make_cursor("pipelines", skip + limit) if len(rows) > skip + limit else None,
    }


async def read_pipeline(database: Database, pipeline: str) -> Document | None:
    """Return a pipeline with its steps in their order, and how each stands; None if there is none."""
    row = await find_by_id(database, PIPELINES, pipeline)
    if row is None:
        return None
    standing = await _read_standing(database, list(row["steps"].values()))
    specs = {step.name: step for step in msgspec.convert(row["spec"], PipelineSpec).steps}
    parents = {one: name for name, one in row["steps"].items()}
    steps: list[Document] = []
    for name, identity in row["steps"].items():
        found = standing.get(identity, _DELETED)
        waits = found.get("waits_for") or ()
        steps.append(
            {
                "name": name,
                "id": identity,
                "kind": "sweep" if identity.startswith("s") else "job",
                "status": _status_of(found),
                "why": found.get("why", ""),
                "waits_for": [parents.get(one, one) for one in waits],
                "after": _parents_of(specs[name]),
            }
            | {key: found[key] for key in ("agent", "proposed", "succeeded", "best") if key in found}
            | {key: found.get(key) for key in ("claimed_at", "ended_at")}
        )
    return {**_summarise(row, standing), "steps": steps}


def _parents_of(step: Step) -> list[str]:
    """Return the steps that one waits for, whether it names them or refers to them."""
    job = step.job or (step.sweep.job if step.sweep else None)
    referred = [one.parent for one in find_references(job).values()] if job else []
    return list(dict.fromkeys((*step.after, *step.after_any, *referred)))


async def _read_standing(database: Database, ids: list[str]) -> dict[str, Document]:
    standing: dict[str, Document] = {}
    for name, first in ((JOBS, "j"), (SWEEPS, "s")):
        wanted = [one for one in ids if one.startswith(first)]
        if wanted:
            rows = await find(database, name, {"_id": {"$in": wanted}}, limit=len(wanted), sort=[("_id", 1)])
            for row in rows:
                standing[row["_id"]] = {key: row[key] for key in _SHOWN if key in row}
    return standing


def _is_good(found: Document) -> bool:
    finished = found["status"] == SweepStatus.FINISHED and found.get("succeeded")
    return bool(found["status"] == JobStatus.SUCCEEDED or finished)


def _status_of(found: Document) -> str:
    """Return how a step stands: `waiting` is what waits for others before all else."""
    status = str(found["status"])
    return "waiting" if found.get("waits_for") and status not in _FINAL else status


def _summarise(row: Document, standing: dict[str, Document]) -> dict[str, Any]:
    steps = [standing.get(one, _DELETED) for one in row["steps"].values()]
    if any(step["status"] not in _FINAL for step in steps):
        status = "running"
    elif all(_is_good(step) for step in steps):
        status = "succeeded"
    else:
        status = "failed"
    return {
        "pipeline": row["_id"],
        "name": row["spec"].get("name", ""),
        "submitter": row["submitter"],
        "submitted_at": row["submitted_at"],
        "status": status,
        "steps": dict(row["steps"]),
        "retry_of": row.get("retry_of"),
        "position": row["position"],
    }
