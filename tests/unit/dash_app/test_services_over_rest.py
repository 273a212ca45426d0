"""Services over REST: deploy, call, callbacks, health, their own schemas, versions."""

import asyncio
import http.server
import json
import threading
import time
from typing import Any, ClassVar

import httpx
import pytest

from bus.memory_bus import MemoryBus
from dash_app.service_schema import schema_of_function, schema_of_script
from hq.rest.callbacks import CALLBACKS, Callbacks
from hq.rest.database import Document
from hq.rest.house import CLIENT, build_house
from hq.rest.posting import find_target
from hq.rest.problems import Problem
from idlehands.bundle import build_bundle
from tests.unit.dash_app.conftest import LittleHouse
from tests.unit.dash_app.little_house import eventually

API = "/api/v1"
SOURCE = b'''
from typing import Literal, Optional
def encode(
    text: str, times: int = 2, mode: Literal["a", "b"] = "a", names: Optional[list[str]] = None, x=None
):
    """Encode a text.

    Args:
        text: What to encode.
    """
'''
SCHEMA = {
    "type": "object",
    "description": "Encode a text.",
    "properties": {
        "text": {"type": "string", "description": "What to encode."},
        "times": {"type": "integer", "default": 2},
        "mode": {"type": "string", "enum": ["a", "b"], "default": "a"},
        "names": {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]},
        "x": {},
    },
    "required": ["text"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def encode(house: LittleHouse, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A service that answers what it is given, and is ready."""
    script = tmp_path_factory.mktemp("services") / "encoding.py"
    script.write_bytes(SOURCE)
    bundle = build_bundle(script)
    house.agent.start()
    with house.client("operator") as operator:
        assert operator.put(f"{API}/blobs/{bundle.sha256}", content=bundle.content).status_code == 201
        deploy(operator, "encode", bundle.sha256)

        def is_ready() -> bool:
            # There is no clock in this HQ: it looks whenever something arrives.
            house.agent.beat()
            return operator.get(f"{API}/services/encode/health").status_code == 200

        eventually(is_ready, 60)
    return "encode"


def deploy(operator: httpx.Client, name: str, bundle: str = "0" * 64, **more: Any) -> httpx.Response:
    job = {"script": {"bundle": bundle, "entry": "encoding.py"}, **more.pop("job", {})}
    spec = {"name": name, "function": "encode", "job": job, "concurrency": 8, **more}
    answer = operator.post(f"{API}/services", json=spec)
    assert answer.status_code == 201, answer.text
    return answer


def test_a_call_is_answered_with_what_the_service_returns(operator: httpx.Client, encode: str) -> None:
    answer = operator.post(f"{API}/services/{encode}", json={"text": "hi", "deep": [{"a": None}]})

    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert said["result"] == {"text": "hi", "deep": [{"a": None}]}
    assert (said["agent"], len(said["call"])) == ("attic", 32)


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        ({"error": "call"}, 500, "call_failed"),
        ({"error": "bad_params"}, 422, "bad_params"),
        ({"forever": 1}, 504, "deadline"),
    ],
)
def test_a_call_that_fails_is_a_problem(
    operator: httpx.Client, encode: str, params: dict[str, Any], status: int, code: str
) -> None:
    answer = operator.post(f"{API}/services/{encode}?deadline_seconds=0.5", json=params)

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code)
    assert (problem.get("traceback") == "Traceback: KeyError") is ("error" in params)


def test_what_there_is_not_and_what_does_not_fit_is_refused(
    operator: httpx.Client, viewer: httpx.Client, encode: str
) -> None:
    def code(path: str, body: Any, by: httpx.Client = operator) -> tuple[int, str]:
        answer = by.post(f"{API}/services{path}", json=body)
        return answer.status_code, answer.json()["code"]

    assert code("/none", {}) == (404, "unknown_service")
    assert code("/None", {}) == (404, "not_found")
    assert code("/encode", [1]) == (422, "bad_data")
    assert code("/encode", {}, viewer) == (403, "forbidden")
    assert code("", {"name": "x"}) == (422, "bad_data")
    assert code("/none/rollback", {}) == (404, "unknown_service")
    assert code("/encode/rollback", {"version": 99}) == (404, "unknown_version")
    assert viewer.get(f"{API}/services/none").status_code == 404
    assert viewer.get(f"{API}/services/none/health").status_code == 404


def test_services_are_shown_with_their_workers(viewer: httpx.Client, encode: str) -> None:
    listed = {one["service"]: one for one in viewer.get(f"{API}/services").json()["services"]}
    one = viewer.get(f"{API}/services/{encode}").json()

    assert listed[encode]["is_healthy"]
    assert [worker["agent"] for worker in one["workers"]] == ["attic"]
    assert one["spec"]["function"] == "encode"


def test_a_service_has_a_schema_of_its_own(viewer: httpx.Client, encode: str) -> None:
    document = viewer.get(f"{API}/services/{encode}/openapi.json").json()

    operation = document["paths"]["/api/v1/services/encode"]["post"]
    assert operation["requestBody"]["content"]["application/json"]["schema"] == SCHEMA
    assert document["openapi"] == "3.1.0"


def test_schemas_are_read_from_source_and_never_run() -> None:
    script = b"import argparse\nraise SystemExit\np = argparse.ArgumentParser()\n"
    script += b"p.add_argument('--rate', type=float, required=True, help='How fast.')\n"
    script += b"p.add_argument('--kind', choices=['a', 'b'], default='a')\n"

    assert schema_of_function(SOURCE, "encode") == SCHEMA
    assert schema_of_function(b"def f(", "f") == {"type": "object", "properties": {}}
    assert schema_of_function(b"def f(a, **more): ...", "f").get("additionalProperties") is None
    schema = schema_of_script(script)
    assert schema["properties"] == {
        "rate": {"type": "number", "description": "How fast."},
        "kind": {"type": "string", "enum": ["a", "b"], "default": "a"},
    }
    assert schema["required"] == ["rate"]


def test_versions_are_deployed_rolled_back_and_stopped(operator: httpx.Client) -> None:
    nowhere = {"needs": {"agent": "nobody"}}
    assert deploy(operator, "versions", job=nowhere).json()["version"] == 1
    assert deploy(operator, "versions", job=nowhere).json()["version"] == 2
    assert operator.get(f"{API}/services/versions/health").status_code == 503

    assert operator.post(f"{API}/services/versions/rollback", json={}).json()["version"] == 1
    assert operator.post(f"{API}/services/versions/stop").status_code == 200

    assert operator.post(f"{API}/services/versions/stop").json()["code"] == "already_stopped"
    assert operator.post(f"{API}/services/versions", json={}).json()["code"] == "service_stopped"
    assert operator.get(f"{API}/services/versions").json()["is_running"] is False


def test_more_calls_than_may_wait_are_told_when_to_come_again(operator: httpx.Client) -> None:
    deploy(operator, "full", job={"needs": {"agent": "nobody"}}, queue=0)

    answer = operator.post(f"{API}/services/full", json={})

    assert (answer.status_code, answer.json()["code"]) == (429, "service_busy")
    assert answer.headers["retry-after"] == "1"


class Listener(http.server.BaseHTTPRequestHandler):
    """Keeps what is posted to it."""

    taken: list[dict[str, Any]] = []  # noqa: RUF012 - one for all

    def do_POST(self) -> None:
        self.taken.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Reluctant(Listener):
    """Takes each result when it is posted for the second time."""

    seen: ClassVar[dict[str, int]] = {}
    kept: ClassVar[dict[str, Any]] = {}

    def do_POST(self) -> None:
        said = json.loads(self.rfile.read(int(self.headers["content-length"])))
        name = said["callback"]
        self.seen[name] = self.seen.get(name, 0) + 1
        if self.seen[name] > 1:
            self.kept[name] = said
        self.send_response(503 if self.seen[name] == 1 else 204)
        self.end_headers()


def test_the_result_of_a_call_with_a_callback_is_posted_there(operator: httpx.Client, encode: str) -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), Listener) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}/done?x=1"
            query = {"callback": url}
            answer = operator.post(f"{API}/services/{encode}", params=query, json={"text": "later"})
            eventually(lambda: Listener.taken, 60)
        finally:
            server.shutdown()
            thread.join()

    assert answer.status_code == 202
    (posted,) = Listener.taken
    assert (posted["callback"], posted["ok"]) == (answer.json()["callback"], True)
    assert posted["result"] == {"text": "later"}


async def carry_out(house: LittleHouse, seconds: float = 30) -> None:
    """Let another server go on with the callbacks that it finds, until none is left."""
    other = build_house(MemoryBus(house.hub, CLIENT), house.uri)
    other.private_callbacks = True
    other.start()
    callbacks = Callbacks(other)
    try:
        await callbacks.run()
        end = asyncio.get_running_loop().time() + seconds
        while await other.database[CALLBACKS].find_one({}) is not None:
            assert asyncio.get_running_loop().time() < end, "it was not delivered"
            await asyncio.sleep(0.05)
    finally:
        await callbacks.stop()
        await other.stop()


def test_a_callback_that_an_earlier_server_left_behind_is_delivered(
    house: LittleHouse, encode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hq.rest.callbacks._FIRST_PAUSE_SECONDS", 0.01)
    with http.server.HTTPServer(("127.0.0.1", 0), Reluctant) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        begun: Document = {
            "_id": "c" * 32,
            "by": "some-operator",
            "service": encode,
            "params": b'{"text": "left behind"}',
            "deadline_seconds": None,
            "key": "c" * 32,
            "url": f"http://127.0.0.1:{server.server_port}/",
            "at": time.time(),
            "until": time.time() + 60,
            "tries": 0,
            "content": None,
            "why": "",
        }
        house.store(CALLBACKS, begun, {**begun, "_id": "d" * 32, "key": "d" * 32, "service": "no-such"})
        try:
            asyncio.run(carry_out(house))
        finally:
            server.shutdown()
            thread.join()

    assert Reluctant.kept["c" * 32]["result"] == {"text": "left behind"}
    assert Reluctant.kept["d" * 32]["error"]["code"] == "unknown_service"
    assert set(Reluctant.seen.values()) == {2}, "until it was taken, and no more"


def test_a_call_with_a_key_is_answered_once_and_another_body_is_refused(
    operator: httpx.Client, encode: str
) -> None:
    def call(text: str, key: str) -> httpx.Response:
        headers = {"idempotency-key": key}
        return operator.post(f"{API}/services/{encode}", json={"text": text}, headers=headers)

    first, second = call("a", "one-key"), call("a", "one-key")

    assert first.status_code == second.status_code == 200
    assert first.json() == second.json()
    assert call("b", "one-key").json()["code"] == "key_reused"
    assert call("b", "another").json()["call"] != first.json()["call"]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/x",
        "http://localhost:1/",
        "http://10.1.2.3/",
        "http://192.168.0.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://0.0.0.0/",
        "http://0x7f000001/",
        "http://user:password@8.8.8.8/",
        "ftp://8.8.8.8/",
        "file:///etc/passwd",
        "//8.8.8.8",
        "http://8.8.8.8:99999/",
        "http://8.8.8.8/ x",
        "http:///x",
        "nonsense",
    ],
)
def test_a_callback_into_the_house_or_to_nowhere_is_refused(url: str) -> None:
    with pytest.raises(Problem) as refused:
        find_target(url, allows_private=False)

    assert (refused.value.status, refused.value.code) == (422, "bad_callback")


def test_a_callback_goes_to_the_address_that_was_looked_up() -> None:
    target = find_target("https://8.8.8.8/done?a=1#there", allows_private=False)

    assert (target.address, target.port, target.is_tls, target.path) == ("8.8.8.8", 443, True, "/done?a=1")
    assert find_target("http://127.0.0.1:80/", allows_private=True).address == "127.0.0.1"
