"""What is answered after a submit, and where that leads: schemas and links of the OpenAPI document."""

from typing import Any

from schemas.names import JOB_PATTERN, PIPELINE_PATTERN, SWEEP_PATTERN


def _pattern(pattern: str) -> str:
    """Return the pattern without look-ahead, which not every reader of OpenAPI knows."""
    return pattern.replace(r"(?!\n)", "")


_POSITION = {"type": "integer", "minimum": 0, "description": "Log position; see `at_least`."}
_JOB = {"type": "string", "pattern": _pattern(JOB_PATTERN)}
_SWEEP = {"type": "string", "pattern": _pattern(SWEEP_PATTERN)}
_READ_JOB = ("get_job", "get_logs", "get_progress", "get_why")
_CHANGE_JOB = ("hold_job", "release_job", "cancel_job", "retry_job", "delete_job")
_READ_SWEEP = ("get_sweep", "list_trials")
_CHANGE_SWEEP = (
    "pause_sweep",
    "resume_sweep",
    "change_sweep",
    "add_trials",
    "finish_sweep",
    "cancel_sweep",
    "delete_sweep",
)
#: These wait until the read models are where the answer was.
_WAITING = ("get_job", "get_sweep", "get_pipeline", "list_trials")


def _links(operations: tuple[str, ...], name: str, where: str) -> dict[str, Any]:
    return {
        operation: {
            "operationId": operation,
            "parameters": {
                f"path.{name}": where,
                **({"query.at_least": "$response.body#/position"} if operation in _WAITING else {}),
            },
        }
        for operation in operations
    }


def _answer(description: str, properties: dict[str, Any], links: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "required": list(properties), "properties": properties}
    return {
        "description": description,
        "content": {"application/json": {"schema": schema}},
        "links": links,
    }


SUBMITTED_JOBS = _answer(
    "The jobs' ids, in the order of the specs.",
    {"jobs": {"type": "array", "items": _JOB}, "position": _POSITION},
    _links((*_READ_JOB, *_CHANGE_JOB), "job", "$response.body#/jobs/0"),
)
SUBMITTED_SWEEP = _answer(
    "The sweep's id.",
    {"sweep": _SWEEP, "position": _POSITION},
    _links((*_READ_SWEEP, *_CHANGE_SWEEP), "sweep", "$response.body#/sweep"),
)
_PIPELINE = {"type": "string", "pattern": _pattern(PIPELINE_PATTERN)}
SUBMITTED_PIPELINE = _answer(
    "The pipeline's id, and the id of the job or sweep that each step became.",
    {
        "pipeline": _PIPELINE,
        "steps": {"type": "object", "additionalProperties": {"type": "string"}},
        "position": _POSITION,
    },
    _links(("get_pipeline", "retry_pipeline"), "pipeline", "$response.body#/pipeline"),
)
_BLOB = {"sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"}, "new": {"type": "boolean"}}
_TO_BLOB = _links(("get_blob", "head_blob"), "sha256", "$response.body#/sha256")
STORED: dict[int | str, dict[str, Any]] = {
    200: _answer("It was there.", _BLOB, _TO_BLOB),
    201: _answer("It is new.", _BLOB, _TO_BLOB),
}
