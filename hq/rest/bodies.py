"""What REST takes as bodies, and their JSON Schemas for OpenAPI."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from hq.rest.datasets import DatasetBody
from hq.rest.problems import ProblemBody
from schemas.specs import JobSpec, SweepSpec


class JobsBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Jobs to submit: all of them or, when one is refused, none."""

    jobs: Annotated[tuple[JobSpec, ...], Meta(min_length=1, max_length=5000)]


#: A sweep is submitted as it is.
SweepBody = SweepSpec

_REF = "#/components/schemas/{name}"


def components() -> dict[str, Any]:
    """Return the JSON Schemas of all bodies and of problems, for `components.schemas`."""
    _, found = msgspec.json.schema_components(
        (JobsBody, SweepBody, DatasetBody, ProblemBody), ref_template=_REF
    )
    return found


_SCRIPT = {"bundle": "0" * 64, "entry": "train.py", "name": "train"}
_EXAMPLES: dict[type[Struct], dict[str, Any]] = {
    DatasetBody: {"kind": "file", "filename": "wine.csv"},
    JobsBody: {"jobs": [{"script": _SCRIPT, "params": {"learning_rate": 0.1, "epochs": 3}}]},
    SweepBody: {
        "job": {"script": _SCRIPT},
        "space": {"learning_rate": {"type": "float", "low": 0.0001, "high": 1.0, "log": True}},
        "trials": 12,
        "metric": "accuracy",
    },
}


def takes(kind: type[Struct]) -> dict[str, Any]:
    """Return the OpenAPI words of a route with this body."""
    content = {"schema": {"$ref": _REF.format(name=kind.__name__)}, "example": _EXAMPLES[kind]}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}
