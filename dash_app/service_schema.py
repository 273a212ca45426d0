"""/services/NAME/openapi.json: what a service takes, as an OpenAPI document of its own.

Read from the syntax tree of what was deployed: a script's own arguments, or a
function's type hints, defaults and docstring. Nothing of it is ever run here.
"""

import ast
import io
import tarfile
from collections import OrderedDict
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from hq.rest.blobs import BlobDamaged
from hq.rest.house import House, answer
from hq.rest.parameters import OnePathService
from hq.rest.problems import Problem
from hq.rest.service_routes import find_service
from schemas.arguments.annotations import Shape, read_annotation
from schemas.arguments.reading import read_script
from schemas.arguments.scope import build_scope
from schemas.arguments.signatures import of_function
from schemas.arguments.tree import Unreadable, parse

_BYTES_AT_MOST = 4 * 1024 * 1024
_KEPT = 64
_KINDS = {"text": "string", "int": "integer", "float": "number", "bool": "boolean"}


class Schemas:
    """The JSON Schemas of services' parameters, each read once."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._known: OrderedDict[tuple[str, str, str | None], dict[str, Any]] = OrderedDict()

    async def read(self, service: dict[str, Any]) -> dict[str, Any]:
        """Return the schema of what a service takes in its current version.

        Raises:
            Problem: 409 when what was deployed is not stored, or cannot be read.
        """
        script, function = service["spec"]["job"]["script"], service["function"]
        key = (script["bundle"], script["entry"], function)
        if key not in self._known:
            source = await _read_entry(self._house, script["bundle"], script["entry"])
            self._known[key] = schema_of_function(source, function) if function else schema_of_script(source)
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return self._known[key]


def build_router(house: House) -> APIRouter:
    """Return the route below the API's root."""
    router = APIRouter(tags=["services"])
    schemas = Schemas(house)

    @router.get("/services/{service}/openapi.json")
    async def get_service_schema(service: OnePathService) -> Response:
        """Describe the calls of a service: an OpenAPI 3.1 document, read from its source."""
        found = await find_service(house, service)
        schema = await schemas.read(found)
        return answer(_document(service, found["version"], schema, is_function=bool(found["function"])))

    return router


async def _read_entry(house: House, bundle: str, entry: str) -> bytes:
    blob = await house.blobs.find(bundle)
    if blob is None:
        raise Problem(409, "not_stored", "Its script is not stored here: deploy it again.")
    try:
        content = b"".join([piece async for piece in house.blobs.read_from(blob, 0, blob["length"])])
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as tar:
            file = tar.extractfile(entry)
            return b"" if file is None else file.read(_BYTES_AT_MOST)
    except (BlobDamaged, KeyError, tarfile.TarError, OSError, EOFError) as error:
        raise Problem(409, "bad_script", f"What was deployed cannot be read: {error}.") from None


def schema_of_script(source: bytes) -> dict[str, Any]:
    """Return the JSON Schema of a script's parameters, by its own definition of arguments."""
    script = read_script(source)
    properties: dict[str, Any] = {}
    required: list[str] = []
    for one in script.of_command():
        if not one.is_parameter:
            continue
        schema: dict[str, Any] = {"type": _KINDS[one.kind]}
        if one.choices:
            schema["enum"] = list(one.choices)
        if one.low is not None:
            schema["minimum"] = one.low
        if one.high is not None:
            schema["maximum"] = one.high
        if one.many or one.repeated:
            schema = {"type": "array", "items": schema}
        properties[one.name] = _described(schema, one.help, one.default)
        if one.required:
            required.append(one.name)
    return _schema(script.about, properties, required, open_ended=script.more or not script.framework)


def schema_of_function(source: bytes, name: str) -> dict[str, Any]:
    """Return the JSON Schema of a function's parameters, by its type hints, defaults and docstring."""
    try:
        tree, _ = parse(source)
    except (Unreadable, RecursionError, MemoryError):
        return _schema("", {}, [], open_ended=True)
    scope = build_scope(tree)
    functions = (one for one in tree.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef))
    function = next((one for one in functions if one.name == name), None)
    if function is None:
        return _schema("", {}, [], open_ended=True)
    properties: dict[str, Any] = {}
    required: list[str] = []
    for given in of_function(function):
        shape = read_annotation(given.annotation, scope)
        default = None if given.default is None else scope.value(given.default)
        properties[given.name] = _described(_of_shape(shape, given.annotation), given.help, default)
        if given.default is None:
            required.append(given.name)
    about = (ast.get_docstring(function) or "").strip().partition("\n")[0]
    return _schema(about, properties, required, open_ended=function.args.kwarg is not None)


def _of_shape(shape: Shape, annotation: ast.expr | None) -> dict[str, Any]:
    if annotation is None or shape.named or shape.strange:
        return {}
    inner: dict[str, Any] = {"type": _KINDS[shape.kind]}
    if shape.choices:
        inner["enum"] = list(shape.choices)
    schema = {"type": "array", "items": inner} if shape.many else inner
    return {"anyOf": [schema, {"type": "null"}]} if shape.optional else schema


def _described(schema: dict[str, Any], about: str, default: Any) -> dict[str, Any]:
    if about:
        schema["description"] = about
    if isinstance(default, str | int | float | bool):
        schema["default"] = default
    return schema


def _schema(
    about: str, properties: dict[str, Any], required: list[str], *, open_ended: bool
) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    if about:
        schema["description"] = about
    if not open_ended:
        schema["additionalProperties"] = False
    return schema


def _document(service: str, version: int, schema: dict[str, Any], *, is_function: bool) -> dict[str, Any]:
    printed = {
        "type": "object",
        "properties": {
            "result": {"description": "The JSON object of the last such line, if there is one."},
            "lines": {"type": "array", "items": {"type": "string"}},
        },
    }
    result = {"description": "What the function returned."} if is_function else printed
    answered = {
        "type": "object",
        "properties": {
            "call": {"type": "string"},
            "result": result,
            "agent": {"type": "string"},
            "seconds": {"type": "number"},
        },
    }
    problem = {
        "description": "A problem",
        "content": {"application/problem+json": {"schema": {"type": "object"}}},
    }
    operation = {
        "operationId": f"call_{service.replace('-', '_')}",
        "summary": schema.get("description", f"Call {service}"),
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {
            "200": {"description": "Its answer", "content": {"application/json": {"schema": answered}}},
            "default": problem,
        },
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": service, "version": str(version)},
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "security": [{"token": []}],
        "paths": {f"/api/v1/services/{service}": {"post": operation}},
    }
