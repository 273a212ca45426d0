"""What REST takes as bodies, and their JSON Schemas for OpenAPI."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

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
    _, found = msgspec.json.schema_components((JobsBody, SweepBody, ProblemBody), ref_template=_REF)
    return found


def takes(kind: type[Struct]) -> dict[str, Any]:
    """Return the OpenAPI words of a route with this body."""
    schema = {"$ref": _REF.format(name=kind.__name__)}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
