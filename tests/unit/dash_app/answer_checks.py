"""Holds every answer that a test gets over REST against what the OpenAPI document says of its route."""

import re
from functools import cache
from typing import Any

import httpx
import msgspec

from bus.memory_bus import MemoryBus, MemoryHub
from dash_app.server import build_app
from hq.rest.answers import ANSWERS, PLAIN
from hq.rest.answers.jobs import Analysis
from hq.rest.answers.outside import TakingRow
from hq.rest.answers.services import CallTaken, Document
from hq.rest.house import build_house
from hq.rest.problems import CONTENT_TYPE, ProblemBody

#: Have more than the document says, as their kind is.
_OPEN_ENDED = (Analysis, Document, TakingRow)


@cache
def document() -> dict[str, Any]:
    """Return the OpenAPI document of the server."""
    house = build_house(MemoryBus(MemoryHub(), "web"), "mongodb://127.0.0.1/never-asked")
    return build_app(house, "0").openapi()


def find_operation(method: str, path: str) -> str | None:
    """Return the id of the operation that a request was for; None for what is not in the document."""
    for pattern, methods in _patterns():
        if pattern.fullmatch(path) and method.lower() in methods:
            return str(methods[method.lower()]["operationId"])
    return None


@cache
def _patterns() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    paths = document()["paths"]
    # Words before parameters: /services/NAME/health is not a call.
    ordered = sorted(paths, key=lambda path: (path.count("{"), path))
    return [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), paths[path]) for path in ordered]


def check_answer(response: httpx.Response) -> None:
    """Fail if an answer of the API is not what its route says; for a client's `event_hooks`."""
    request = response.request
    operation = find_operation(request.method, request.url.path)
    kind = response.headers.get("content-type", "").partition(";")[0]
    if operation is None or kind == "text/event-stream":
        return
    said = response.read()
    where = f"{request.method} {request.url.path} ({response.status_code})"
    if response.status_code >= 400 and operation != "readyz":
        if request.method != "HEAD" and said:
            assert kind == CONTENT_TYPE, f"{where} answers {kind}: {said[:200]!r}"
            msgspec.json.decode(said, type=ProblemBody)
        return
    if operation in PLAIN or kind != "application/json":
        return
    assert operation in ANSWERS, f"{where}: name what {operation} answers in hq/rest/answers/__init__.py"
    wanted = CallTaken if response.status_code == 202 else ANSWERS[operation]
    try:
        msgspec.json.decode(said, type=wanted)
    except msgspec.ValidationError as error:
        raise AssertionError(f"{where} does not fit {wanted.__name__}: {error}: {said[:500]!r}") from None
    if wanted not in _OPEN_ENDED:
        unknown = set(msgspec.json.decode(said)) - set(wanted.__struct_encode_fields__)
        assert not unknown, f"{where}: {wanted.__name__} says nothing of {sorted(unknown)}"
