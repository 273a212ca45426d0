"""What reaches Dash: calls of callbacks that there are, in the form that they have, and files that there are.

Dash trusts its own page: a call that is not as it expects ends in an exception.
Here each call is made anew from the values at the places that the callback
declares; the rest of what a browser sends is left behind. Values are as they
came: callbacks check them.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from dash import Dash
from dash.fingerprint import check_fingerprint
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hq.rest.problems import Problem

CALLS = "/_dash-update-component"
_FILES = "/_dash-component-suites/"
#: Fields of one form; a script with more arguments has none here.
_PARTS_AT_MOST = 1000


class Part(msgspec.Struct, frozen=True):
    """One input or state: which property of which component, and what it is."""

    id: str | dict[str, str]
    property: str
    value: Any = None


class Call(msgspec.Struct, frozen=True):
    """What a page sends. Unknown fields are left behind."""

    output: str
    inputs: list[Part | list[Part]] = []
    state: list[Part | list[Part]] = []
    changed: list[str] = msgspec.field(name="changedPropIds", default_factory=list)


class CheckedCalls:
    """ASGI middleware between the gate and Dash."""

    def __init__(self, app: ASGIApp, dash: Dash) -> None:
        self._app, self._dash = app, dash

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if scope["type"] == "http" and scope["path"] == CALLS:
                body = rebuild(await _read(receive), self._dash.callback_map)
                receive = _again(body, receive)
            elif scope["type"] == "http" and scope["path"].startswith(_FILES):
                self._check_file(scope["path"].removeprefix(_FILES))
        except Problem as problem:
            await problem.response()(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _check_file(self, path: str) -> None:
        package, _, file = path.partition("/")
        name, _ = check_fingerprint(file)  # type: ignore[no-untyped-call]
        if name not in self._dash.registered_paths.get(package, ()):
            raise Problem(404, "not_found", "There is no such file.")


def rebuild(body: bytes, callbacks: Mapping[str, Mapping[str, Any]]) -> bytes:
    """Return the call in `body` as Dash expects it.

    Raises:
        Problem: 400 when it is not JSON, 422 when there is no such callback or it is called otherwise.
    """
    try:
        call = msgspec.json.decode(body, type=Call)
    except msgspec.ValidationError as error:
        raise Problem(422, "bad_call", f"This is no call of a callback: {error}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(400, "not_json", f"The body is not JSON: {str(error)[:300]}.") from None
    callback = callbacks.get(call.output)
    if callback is None or "callback" not in callback:
        raise Problem(422, "bad_call", "There is no such callback; reload the page.")
    inputs = _fill(callback["inputs"], call.inputs)
    whole = {
        "output": call.output,
        "outputs": _outputs(call.output),
        "inputs": inputs,
        "state": _fill(callback["state"], call.state),
        "changedPropIds": [name for name in _names(inputs) if name in call.changed],
    }
    return json.dumps(whole).encode()


def _names(inputs: list[Any]) -> Iterator[str]:
    """Yield what Dash calls each input, those of a pattern by their ids as JSON."""
    for part in inputs:
        for one in part if isinstance(part, list) else [part]:
            identity = one["id"]
            if isinstance(identity, dict):
                identity = json.dumps(identity, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            yield f"{identity}.{one['property']}"


def _fill(declared: list[dict[str, str]], given: list[Part | list[Part]]) -> list[Any]:
    """Return what is declared, with the values that were given for it."""
    if len(given) != len(declared):
        raise Problem(422, "bad_call", "The callback takes other inputs; reload the page.")
    return [_one(place, part) for place, part in zip(declared, given, strict=True)]


def _one(place: dict[str, str], given: Part | list[Part]) -> Any:
    pattern = json.loads(place["id"]) if place["id"].startswith("{") else None
    if pattern is None and isinstance(given, Part) and given.id == place["id"]:
        return {**place, "value": given.value}
    if pattern is not None and isinstance(given, list) and len(given) <= _PARTS_AT_MOST:
        parts = [part for part in given if isinstance(part.id, dict) and _fits(part.id, pattern)]
        if len(parts) == len(given):
            return [{"id": part.id, "property": place["property"], "value": part.value} for part in parts]
    raise Problem(422, "bad_call", "The callback takes other inputs; reload the page.")


def _fits(identity: dict[str, str], pattern: dict[str, Any]) -> bool:
    return identity.keys() == pattern.keys() and all(
        wanted == ["ALL"] or identity[key] == wanted for key, wanted in pattern.items()
    )


def _outputs(output: str) -> Any:
    """Return the outputs that a callback's name lists: `id.property`, or several as `..a...b..`."""
    several = output.startswith("..") and output.endswith("..")
    found = []
    for name in output[2:-2].split("...") if several else [output]:
        identity, _, what = name.rpartition(".")
        found.append({"id": identity, "property": what})
    return found if several else found[0]


async def _read(receive: Receive) -> bytes:
    """Return the whole body; the gate has bounded it."""
    parts = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Problem(400, "incomplete", "The body ended early.")
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives this body, and then what comes after it."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def give() -> Message:
        return waiting.pop() if waiting else await receive()

    return give
