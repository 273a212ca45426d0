"""The page's callbacks under calls that are almost right: answered or refused, never a server error."""

import json
import random
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient

from tests.fixtures.mongod import MongodServer
from tests.fuzz.mutations import mutate, spoil
from tests.permissions.premises import Premises, premises

pytestmark = pytest.mark.process
CALLS = 500
SCRIPT = """import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--fast", action="store_true")
parser.add_argument("--name", choices=["a", "b"])
print(parser.parse_args())
"""
#: What the page would send, by the property that makes the difference.
VALUES: dict[str, list[Any]] = {
    "pathname": ["/", "/jobs", "/jobs/j" + "a" * 12, "/sweeps", "/sweeps/s" + "a" * 12, "/new"],
    "search": ["", "?script=little.py", "?status=queued&before=7"],
    "data-status": ["queued", "running", "succeeded"],
    "n_clicks": [None, 0, 1, 2],
    "data": ["key-1", "key-2"],
    "value": ["", None, "1", 0.5],
}
FIELDS = [
    {"field": "lr", "kind": "float"},
    {"field": "fast", "kind": "bool"},
    {"field": "name", "kind": "choice"},
]


@pytest.fixture(scope="module")
def server(mongod_server: MongodServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Premises]:
    name = f"test_{uuid4().hex[:12]}"
    with premises(mongod_server.uri_of(name), tmp_path_factory.mktemp("server")) as opened:
        (opened.folder / "scripts" / "little.py").write_text(SCRIPT)
        yield opened
    with MongoClient(mongod_server.uri) as mongo:
        mongo.drop_database(name)


def make_call(callback: dict[str, Any], draw: random.Random) -> dict[str, Any]:
    """Return a call as the page makes it."""

    def fill(place: dict[str, str]) -> Any:
        if place["id"].startswith("{"):
            pattern = json.loads(place["id"])
            if pattern.keys() == {"field", "kind"}:
                chosen = [one for one in FIELDS if place["property"] != "checked" or one["kind"] == "bool"]
            else:
                chosen = [{key: "lr" if wanted == ["ALL"] else wanted for key, wanted in pattern.items()}]
            value = {"id": dict, "checked": lambda _: True}.get(
                place["property"], lambda _: draw.choice(["1", None])
            )
            return [{"id": one, "property": place["property"], "value": value(one)} for one in chosen]
        return {**place, "value": draw.choice(VALUES.get(place["property"], [None, "x", 1, True]))}

    inputs = [fill(place) for place in callback["inputs"]]
    names = [name_of(part[0] if isinstance(part, list) else part) for part in inputs]
    output = callback["output"]
    return {
        "output": output,
        "outputs": [],
        "inputs": inputs,
        "state": [fill(place) for place in callback["state"]],
        "changedPropIds": names[:1],
    }


def name_of(part: dict[str, Any]) -> str:
    """Return how the page names what changed: of a component among many, its id is a dictionary."""
    identity = part["id"]
    if isinstance(identity, dict):
        identity = json.dumps(identity, separators=(",", ":"), sort_keys=True)
    return f"{identity}.{part['property']}"


def callbacks_of(server: Premises) -> list[dict[str, Any]]:
    with server.connected() as connection:
        answer = server.ask(connection, "GET", "/_dash-dependencies", server.as_session("operator"))
    return [found for found in json.loads(answer.body) if not found["clientside_function"]]


def call(server: Premises, bodies: Iterator[bytes], role: str) -> dict[int, int]:
    """Send calls, and return how often each status came back."""
    counts: dict[int, int] = {}
    proof = server.as_session(role)
    with server.connected() as connection:
        for body in bodies:
            answer = server.ask(connection, "POST", "/_dash-update-component", proof, body)
            assert answer.status < 500, (answer.status, answer.body, body)
            counts[answer.status] = counts.get(answer.status, 0) + 1
    return counts


def test_calls_as_the_page_makes_them_are_answered(server: Premises) -> None:
    draw = random.Random(1)
    bodies = (json.dumps(make_call(one, draw)).encode() for one in callbacks_of(server) for _ in range(20))

    counts = call(server, bodies, "operator")

    assert set(counts) <= {200, 204}
    assert counts[200] > 50


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_calls_that_are_almost_right_break_nothing(server: Premises, role: str) -> None:
    draw = random.Random(role)
    known = callbacks_of(server)

    def bodies() -> Iterator[bytes]:
        for _ in range(CALLS):
            whole = make_call(draw.choice(known), draw)
            changed = mutate(whole, draw)
            body = json.dumps(changed).encode()
            yield spoil(body, draw) if draw.random() < 0.1 else body

    position = server.hq.authority.state.position
    counts = call(server, bodies(), role)

    assert counts[200] > CALLS / 20, "too little got through to prove anything"
    assert counts[422] > CALLS / 20
    if role == "viewer":
        assert server.hq.authority.state.position == position
