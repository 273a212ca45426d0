"""Jobs as rows of a table, and the table's columns."""

from typing import Any

from dash_app.presenters import words
from dash_app.presenters.plain import plain

Document = dict[str, Any]


def row(job: Document, percent: float | None = None, quiet: float | None = None) -> Document:
    """Return a job's row. Its id is a string; whatever the grid shows is text or a number.

    Args:
        job: As it is stored.
        percent: How far it is, if it runs and that is known.
        quiet: Seconds in which it neither printed nor computed, if those are many.
    """
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
        "why": why(job, quiet),
        "hangs": bool(quiet) and job["status"] == "running",
        "params": params(spec.get("params") or {}),
        "submitter": job["submitter"],
        "submitted": job["submitted_at"],
        "began": claimed if job["status"] == "running" else None,
        "seconds": ended - claimed if ended and claimed else None,
        "ended": ended,
        "sweep": spec.get("sweep") or "",
        "trial": spec.get("trial"),
        "script": plain(spec["script"].get("name") or spec["script"].get("entry", ""), 120),
        "priority": spec.get("priority", 0),
        "attempts": job.get("token") or 0,
    }


def why(job: Document, quiet: float | None = None) -> str:
    """Return why a job stands where it stands; of one that may hang, that it may."""
    if quiet and job["status"] == "running":
        return f"May hang: nothing printed and no CPU used for {quiet / 60:.0f} min"
    return plain(job.get("why", ""), 300)


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
