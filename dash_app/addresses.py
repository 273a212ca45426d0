"""Addresses of the page: which view a path and its query mean. Whatever they say, it is checked here."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode

from dash_app.asked import pairs_of
from schemas.names import DATASET_PATTERN, JOB_PATTERN, NAME_PATTERN, PIPELINE_PATTERN, SWEEP_PATTERN
from schemas.states import JobStatus

_JOB = re.compile(JOB_PATTERN)
_DATASET = re.compile(DATASET_PATTERN)
_SERVICE = re.compile(NAME_PATTERN)
_SWEEP = re.compile(SWEEP_PATTERN)
_PIPELINE = re.compile(PIPELINE_PATTERN)
_NUMBER = re.compile(r"\d{1,16}")
#: What the addresses of a job and of the list of jobs say besides.
_OF_A_JOB = ("x", "smooth", "scale")
_OF_JOBS = ("where", "project", "tag", "sort", "group", "page", "columns")


#: What the lists of jobs and of sweeps can be narrowed down to.
_LABELS = ("project", "tag")


@dataclass(frozen=True)
class View:
    """What is looked at. `kind` is the page, such as house, jobs or job; `nothing` where there is none."""

    kind: str
    #: Id of the job or sweep.
    identity: str = ""
    status: str | None = None
    before: int | None = None
    script: str = ""
    #: What else the address says, as names and values.
    given: tuple[tuple[str, str], ...] = ()


def parse(path: Any, query: Any) -> View:
    """Return the view at an address as a browser says it; of kind `nothing` when there is none."""
    if not isinstance(path, str | None) or not isinstance(query, str | None):
        return View("nothing")
    given = {name: values[-1] for name, values in parse_qs((query or "").lstrip("?")).items()}
    parts = [part for part in (path or "/").split("/") if part]
    match parts:
        case []:
            return View("house")
        case ["jobs"]:
            status = given.get("status")
            before = given.get("before", "")
            return View(
                "jobs",
                status=status if status in set(JobStatus) else None,
                before=int(before) if _NUMBER.fullmatch(before) else None,
                given=(
                    *((("status", status),) if status == "hanging" else ()),
                    *((name, given[name][:2000]) for name in _OF_JOBS if given.get(name)),
                ),
            )
        case ["jobs", job] if _JOB.match(job):
            return View(
                "job", job, given=tuple((name, given[name][:20]) for name in _OF_A_JOB if given.get(name))
            )
        case ["sweeps"]:
            return View("sweeps", given=labels_of(given))
        case ["sweeps", sweep] if _SWEEP.match(sweep):
            return View("sweep", sweep)
        case ["pipelines"]:
            return View("pipelines")
        case ["pipelines", pipeline] if _PIPELINE.match(pipeline):
            return View("pipeline", pipeline)
        case ["new"]:
            return View("new", script=given.get("script", "")[:200])
        case ["data"]:
            return View("data")
        case ["data", name] if _DATASET.match(name):
            return View("dataset", name, given=(("version", given.get("version", "")[:64]),))
        case ["models"]:
            return View("models")
        case ["models", name] if _DATASET.match(name):
            return View("model", name, given=(("version", given.get("version", "")[:12]),))
        case ["events"]:
            before, kind, about = (given.get(name, "") for name in ("before", "kind", "about"))
            first, last = (given.get(name, "") for name in ("from", "to"))
            # A past time, which is played again.
            is_past = all(_NUMBER.fullmatch(one) for one in (first, last)) and int(first) < int(last)
            return View(
                "events",
                before=int(before) if _NUMBER.fullmatch(before) and not is_past else None,
                given=(
                    ("kind", kind[:20]),
                    ("about", about[:64]),
                    *((("from", first), ("to", last)) if is_past else ()),
                ),
            )
        case ["results"]:
            return View("results", given=pairs_of(given))
        case ["services"]:
            return View("services")
        case ["services", name] if _SERVICE.match(name):
            return View("service", name)
        case ["settings"]:
            return View("settings")
    return View("nothing")


def labels_of(given: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the project and the tag that an address asks for."""
    return tuple((name, given[name][:64]) for name in _LABELS if given.get(name))


def of_label(list_of: str, name: str, value: str) -> str:
    """Return the address of the jobs or sweeps of a project or with a tag."""
    return f"/{list_of}?{urlencode({name: value})}"


def of_jobs(status: str | None = None, before: int | None = None) -> str:
    """Return the address of a list of jobs."""
    query = {name: str(value) for name, value in (("status", status), ("before", before)) if value}
    return "/jobs" + (f"?{urlencode(query)}" if query else "")


def of_job(job: str) -> str:
    """Return the address of a job."""
    return f"/jobs/{job}"


def of_artifact(job: str, token: int, number: int) -> str:
    """Return the address of a file that an attempt kept."""
    return f"/jobs/{job}/artifacts/{token}/{number}"


def of_pipeline(pipeline: str) -> str:
    """Return the address of a pipeline."""
    return f"/pipelines/{pipeline}"


def of_service(service: str) -> str:
    """Return the address of a service."""
    return f"/services/{service}"


def of_sweep(sweep: str) -> str:
    """Return the address of a sweep."""
    return f"/sweeps/{sweep}"
