"""Query parameters and headers that several routes share, with their bounds and words for OpenAPI."""

import re
from typing import Annotated, TypeVar

from fastapi import Header, Path, Query

from hq.rest.problems import not_found
from schemas.names import JOB_PATTERN, NAME_PATTERN, PROJECT_PATTERN, SWEEP_PATTERN, TAG_PATTERN
from schemas.states import JobStatus, SweepStatus

T = TypeVar("T")


def _portable(pattern: str) -> str:
    """Return the pattern without look-ahead: a bare `$` is exact in the validator here, and in OpenAPI."""
    return pattern.replace(r"(?!\n)", "")


#: Said in the document, and checked by the routes, which answer in words of their own.
OnePathJob = Annotated[str, Path(json_schema_extra={"pattern": _portable(JOB_PATTERN)})]
OnePathSweep = Annotated[str, Path(json_schema_extra={"pattern": _portable(SWEEP_PATTERN)})]
OnePathAgent = Annotated[str, Path(json_schema_extra={"pattern": _portable(NAME_PATTERN)})]
OnePathService = Annotated[str, Path(json_schema_extra={"pattern": _portable(NAME_PATTERN)})]
OnePathSchedule = Annotated[str, Path(json_schema_extra={"pattern": _portable(NAME_PATTERN)})]
OnePathSetting = Annotated[str, Path(json_schema_extra={"pattern": _portable(NAME_PATTERN)})]
OnePathBlob = Annotated[str, Path(json_schema_extra={"pattern": "^[0-9a-f]{64}$"})]

Limit = Annotated[int, Query(ge=1, le=1000, description="Most rows of one page.")]
After = Annotated[
    str | None,
    Query(
        max_length=200,
        description="`next` of the page before; nothing for the first.",
        json_schema_extra={"pattern": "^[A-Za-z0-9_-]*$"},
    ),
]
AtLeast = Annotated[
    int | None,
    Query(
        ge=0,
        le=2**53 - 1,
        description="Wait (up to 5 s) until the answer reflects this log position, such as the one that a "
        "change was answered with.",
    ),
]
OneJobStatus = Annotated[JobStatus | None, Query()]
OneSweepStatus = Annotated[SweepStatus | None, Query()]
OneSweep = Annotated[str | None, Query(pattern=_portable(SWEEP_PATTERN))]
OneName = Annotated[str | None, Query(pattern=_portable(NAME_PATTERN))]
OneProject = Annotated[str | None, Query(pattern=_portable(PROJECT_PATTERN))]
OneTag = Annotated[str | None, Query(pattern=_portable(TAG_PATTERN))]
Words = Annotated[
    str,
    Query(
        alias="q",
        max_length=200,
        description="Whole words, all of which are in its name, script, project, tags, note or reason.",
    ),
]
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=128,
        pattern=r"^[\x21-\x7e]+$",
        description="A repeat with the same key within seven days is the same request: it gets the first "
        "one's answer and nothing happens twice.",
    ),
]

_NAME = re.compile(NAME_PATTERN)
_JOB = re.compile(JOB_PATTERN)
_SWEEP = re.compile(SWEEP_PATTERN)


def checked_job(job: str) -> str:
    """Return the id.

    Raises:
        Problem: 404 when no job can have it.
    """
    if not _JOB.match(job):
        raise not_found("job", job)
    return job


def checked_agent(agent: str) -> str:
    """Return the name.

    Raises:
        Problem: 404 when no machine can have it.
    """
    if not _NAME.match(agent):
        raise not_found("agent", agent)
    return agent


def checked_service(service: str) -> str:
    """Return the name.

    Raises:
        Problem: 404 when no service can have it.
    """
    if not _NAME.match(service):
        raise not_found("service", service)
    return service


def checked_schedule(schedule: str) -> str:
    """Return the name.

    Raises:
        Problem: 404 when no schedule can have it.
    """
    if not _NAME.match(schedule):
        raise not_found("schedule", schedule)
    return schedule


def checked_setting(name: str) -> str:
    """Return the name.

    Raises:
        Problem: 404 when no setting can have it.
    """
    if not _NAME.match(name):
        raise not_found("setting", name)
    return name


def checked_sweep(sweep: str) -> str:
    """Return the id.

    Raises:
        Problem: 404 when no sweep can have it.
    """
    if not _SWEEP.match(sweep):
        raise not_found("sweep", sweep)
    return sweep


def found(what: str, identity: str, value: T | None) -> T:
    """Return the value.

    Raises:
        Problem: 404 when there is none.
    """
    if value is None:
        raise not_found(what, identity)
    return value
