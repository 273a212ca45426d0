"""Jobs as rows of a table, and the table's columns."""

from typing import Any

from dash_app.presenters import words
from dash_app.presenters.plain import plain

Document = dict[str, Any]


def row(job: Document, percent: float | None = None) -> Document:
    """Return a job's row. Its id is a string; whatever the grid shows is text or a number."""
    spec = job["spec"]
    ended = job.get("ended_at")
    claimed = job.get("claimed_at")
    return {
        "id": job["id"],
        "order": job["order"],
        "revision": job["revision"],
        "name": words.job_name(spec),
        "status": str(job["status"]),
        "percent": 100.0 if job["status"] == "succeeded" else percent if job["status"] == "running" else None,
        "machine": machine_of(job),
        "why": plain(job.get("why", ""), 300),
        "params": params(spec.get("params") or {}),
        "submitter": job["submitter"],
        "submitted": job["submitted_at"],
        "began": claimed if job["status"] == "running" else None,
        "seconds": ended - claimed if ended and claimed else None,
        "sweep": spec.get("sweep") or "",
    }


def machine_of(job: Document) -> str:
    """Return where a job runs, or ran last."""
    if job.get("agent"):
        return str(job["agent"])
    attempts = job.get("attempts") or ()
    return str(attempts[-1]["agent"]) if attempts else ""


def params(given: Document, most: int = 6) -> str:
    """Return parameters in one line."""
    shown = [f"{plain(name, 40)} {words.value(value)}" for name, value in list(given.items())[:most]]
    return "  \N{MIDDLE DOT}  ".join(shown)


def progress_row(job: str, percent: float) -> Document:
    """Return what changes in a row with progress; the grid keeps the rest."""
    return {"id": job, "percent": round(percent, 1)}
