"""The gate: who gets in, and what a stranger learns."""

import json
from typing import Any

import httpx
import pytest

from bus.memory_bus import MemoryBus, MemoryHub
from dash_app.server import build_app
from hq.rest.failures import FAILURES_ALLOWED, Failures
from hq.rest.house import build_house
from hq.rest.policy import RULES
from tests.unit.dash_app.conftest import ROLES, LittleHouse
from tests.unit.dash_app.little_house import eventually, raw

API = "/api/v1"
JOB = {"script": {"bundle": "0" * 64, "entry": "train.py"}, "needs": {"agent": "nobody"}}


def test_every_route_has_a_rule_and_every_rule_a_route() -> None:
    app = build_app(build_house(MemoryBus(MemoryHub(), "web"), "mongodb://127.0.0.1:1/x"), "0")
    document = app.openapi()
    documented = {
        (path, method.upper()) for path, operations in document["paths"].items() for method in operations
    }
    rules = {(rule.path, method) for rule in RULES for method in rule.roles}

    assert rules - documented == {("/api/openapi.json", "GET")}
    assert documented - rules == set()


def test_only_health_needs_no_token(house: LittleHouse) -> None:
    with house.client(None) as stranger:
        assert stranger.get("/healthz").json() == {"ok": True}
        for rule in RULES:
            if rule.open:
                continue
            for method in rule.roles:
                answer = stranger.request(method, rule.path.replace("{", "").replace("}", ""))
                assert answer.status_code == 401, (method, rule.path)
                assert answer.headers["www-authenticate"] == "Bearer"


def test_to_a_stranger_all_paths_look_alike(house: LittleHouse) -> None:
    with house.client(None) as stranger:
        answers = [stranger.get(path) for path in (f"{API}/jobs", "/no/such/path", "/api", "/docs")]

    assert {answer.text for answer in answers} == {answers[0].text}
    assert {answer.status_code for answer in answers} == {401}


@pytest.mark.parametrize("role", ROLES)
def test_roles_may_what_the_table_says_and_no_more(house: LittleHouse, role: str) -> None:
    with house.client(role) as client:
        for rule in RULES:
            path = rule.path.replace("{sha256}", "f" * 64).replace("{job}", "jaaaaaaaaaaaa")
            path = path.replace("{sweep}", "saaaaaaaaaaaa")
            for method, roles in rule.roles.items():
                allowed = rule.open or role in roles
                if allowed and path.endswith("/why"):
                    continue
                answer = client.request(method, path, content=b"{}" if method == "POST" else None)
                assert (answer.status_code == 403) is not allowed, (method, path, answer.text)


def test_agents_reach_blobs_and_nothing_else(house: LittleHouse) -> None:
    with house.client("agent") as agent:
        assert agent.get(f"{API}/blobs/{'a' * 64}").status_code == 404
        assert agent.get(f"{API}/jobs").status_code == 403
        assert agent.post(f"{API}/jobs", json={"jobs": [JOB]}).status_code == 403


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer x", "Basic YWRtaW46YWRtaW4=", "Bearer " + "x" * 5000, "Bearer ünïcode-token-here"],
)
def test_anything_but_a_valid_token_is_401(house: LittleHouse, authorization: str) -> None:
    with house.client(None) as client:
        answer = client.get(f"{API}/jobs", headers={b"authorization": authorization.encode()})

    assert answer.status_code in (401, 429)


def test_two_authorizations_are_none(house: LittleHouse) -> None:
    token = house.tokens["admin"].encode()
    answer = raw(
        house.server,
        b"GET /api/v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        b"Authorization: Bearer nonsense-nonsense\r\nAuthorization: Bearer " + token + b"\r\n\r\n",
    )

    assert b" 401 " in answer.split(b"\r\n")[0] or b" 429 " in answer.split(b"\r\n")[0]


def test_a_removed_token_stops_at_once_and_a_new_one_works_at_once(house: LittleHouse) -> None:
    before = dict(house.tokens)
    with house.client("viewer") as viewer:
        assert viewer.get(f"{API}/jobs").status_code == 200
        house.tokens["viewer"] = "another-token-for-the-viewer"
        house.write_tokens()
        assert viewer.get(f"{API}/jobs").status_code in (401, 429)
        with house.client("viewer") as again:
            assert again.get(f"{API}/jobs").status_code == 200
        house.tokens.update(before)
        house.write_tokens(expires=1)
        assert viewer.get(f"{API}/jobs").status_code in (401, 429)
        house.write_tokens()
        assert viewer.get(f"{API}/jobs").status_code == 200


@pytest.mark.parametrize("content", [None, "", "{", '[{"name": "x"}]', '{"name": "x"}'])
def test_a_token_file_that_cannot_be_used_lets_nobody_in(house: LittleHouse, content: str | None) -> None:
    try:
        if content is None:
            house.tokens_file.unlink()
        else:
            house.tokens_file.write_text(content)
        with house.client("admin") as admin:
            answer = admin.get(f"{API}/jobs")
        assert (answer.status_code, answer.json()["code"]) == (503, "tokens")
    finally:
        house.write_tokens()


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "evil.example:80"])
def test_other_names_are_refused_against_dns_rebinding(house: LittleHouse, host: str) -> None:
    with house.client("admin") as admin:
        answer = admin.get(f"{API}/jobs", headers={"host": host})
        assert admin.get("/healthz", headers={"host": host}).status_code in (400, 421)

    assert (answer.status_code, answer.json()["code"]) == (421, "wrong_host")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:1", "HOUSE.test", "house.test:8080"])
def test_own_names_are_answered(house: LittleHouse, host: str) -> None:
    with house.client("admin") as admin:
        assert admin.get(f"{API}/jobs", headers={"host": host}).status_code == 200


def test_bodies_over_the_limit_are_refused(operator: httpx.Client) -> None:
    said = operator.post(f"{API}/jobs", content=b" " * (256 * 1024 + 1))

    def unsaid() -> Any:
        for _ in range(20):
            yield b" " * 65536

    chunked = operator.post(f"{API}/jobs", content=unsaid())

    assert (said.status_code, said.json()["code"]) == (413, "too_big")
    assert (chunked.status_code, chunked.json()["code"]) == (413, "too_big")


def test_a_submit_over_what_a_message_carries_is_refused_in_words(operator: httpx.Client) -> None:
    body = {"jobs": [{**JOB, "params": {"x": "y" * (256 * 1024 - 400)}}]}
    content = json.dumps(body).encode()
    assert len(content) < 256 * 1024

    answer = operator.post(f"{API}/jobs", content=content)

    assert (answer.status_code, answer.json()["code"]) == (413, "too_big")


def submit_body(spec: str) -> bytes:
    script = '"script": {"bundle": "' + "0" * 64 + '", "entry": "train.py"}'
    return ('{"jobs": [{' + script + ", " + spec + "}]}").encode()


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "not_json"),
        (b"{", 400, "not_json"),
        (b"\xff\xfe", 400, "not_json"),
        (b"[]", 422, "bad_data"),
        (b'{"jobs": []}', 422, "bad_data"),
        (b'{"jobs": [{"script": {"bundle": "x", "entry": "a"}}]}', 422, "bad_data"),
        (submit_body('"prms": {}'), 422, "bad_data"),
        (submit_body('"params": {"x": NaN}'), 400, "not_json"),
        (submit_body('"params": {"x": 1' + "0" * 30 + "}"), 422, "bad_number"),
        (submit_body('"params": {"x": ' + "[" * 40 + "]" * 40 + "}"), 422, "too_deep"),
        (submit_body('"params": {"x": ' + "[" * 100_000), 422, "too_deep"),
        (submit_body('"params": {"a\\u0000": 1}'), 422, "bad_key"),
        (submit_body('"sweep": "saaaaaaaaaaaa"'), 422, "bad_spec"),
    ],
)
def test_bad_bodies_are_refused_with_their_reason(
    operator: httpx.Client, body: bytes, status: int, code: str
) -> None:
    answer = operator.post(f"{API}/jobs", content=body)

    assert answer.status_code == status, answer.text
    assert answer.json()["code"] == code
    assert answer.headers["content-type"] == "application/problem+json"


def test_another_content_type_is_refused(operator: httpx.Client) -> None:
    answer = operator.post(f"{API}/jobs", data={"jobs": "x"})

    assert (answer.status_code, answer.json()["code"]) == (415, "not_json")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/no/such/path", 404),
        ("GET", "/api", 404),
        ("GET", "/api/v1", 404),
        ("GET", "/api/v1/jobs/", 404),
        ("GET", "/api/v1//jobs", 404),
        ("GET", "/api/v1/jobs/../status", 200),
        ("GET", "/api/docs", 404),
        ("DELETE", "/api/v1/jobs", 405),
        ("OPTIONS", "/api/v1/jobs", 405),
        ("TRACE", "/api/v1/jobs", 405),
        ("GET", "/api/v1/jobs?limit=0", 422),
        ("GET", "/api/v1/jobs?limit=1001", 422),
        ("GET", "/api/v1/jobs?limit=x", 422),
        ("GET", "/api/v1/jobs?status=lost", 422),
        ("GET", "/api/v1/jobs?sweep=$ne", 422),
        ("GET", "/api/v1/jobs?sweep[$ne]=x", 200),
        ("GET", "/api/v1/jobs?after=nonsense", 422),
        ("GET", "/api/v1/events?after=1.2.3", 422),
        ("GET", "/api/v1/events?after=-1", 422),
    ],
)
def test_all_errors_are_problems(operator: httpx.Client, method: str, path: str, status: int) -> None:
    answer = operator.request(method, path)

    assert answer.status_code == status, answer.text
    if status >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert set(answer.json()) == {"type", "title", "status", "code", "detail"}


def test_no_answer_allows_other_origins_or_sniffing(viewer: httpx.Client) -> None:
    answer = viewer.get(f"{API}/jobs", headers={"origin": "https://evil.example"})

    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in answer.headers


def test_garbage_on_the_socket_leaves_the_server_as_it_was(house: LittleHouse) -> None:
    for request in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200,
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /%00%ff HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
        b"POST /api/v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
        b"GET " + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
    ):
        raw(house.server, request)

    with house.client(None) as client:
        assert client.get("/healthz").status_code == 200


def test_too_many_wrong_tokens_are_told_to_wait_and_the_right_one_is_not() -> None:
    failures = Failures()

    for count in range(FAILURES_ALLOWED):
        assert not failures.are_too_many("1.2.3.4", now=count)
        failures.count("1.2.3.4", now=count)

    assert failures.are_too_many("1.2.3.4", now=FAILURES_ALLOWED)
    assert not failures.are_too_many("1.2.3.5", now=FAILURES_ALLOWED)
    assert not failures.are_too_many("1.2.3.4", now=FAILURES_ALLOWED + 60)


def test_the_document_names_every_schema_it_refers_to(viewer: httpx.Client) -> None:
    document = viewer.get("/api/openapi.json").json()

    text = json.dumps(document)
    named = set(document["components"]["schemas"])
    referred = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert document["openapi"].startswith("3.1")
    assert referred <= named
    assert {"JobSpec", "SweepSpec", "JobsBody", "ProblemBody"} <= named


def test_without_hq_a_change_is_an_honest_503_and_reading_goes_on(house: LittleHouse) -> None:
    house.hub.go_down()
    try:
        with house.client("operator") as operator:
            answer = operator.post(f"{API}/jobs", json={"jobs": [JOB]})
            assert (answer.status_code, answer.json()["code"]) == (503, "no_answer")
            assert operator.get(f"{API}/jobs").status_code == 200
            status = operator.get(f"{API}/status").json()
            assert status["hq"] is None
            assert status["broker"] is False
            assert "not reached" in status["trouble"][0]
    finally:
        house.hub.come_back()
    with house.client("operator") as operator:
        eventually(lambda: operator.get(f"{API}/status").json()["hq"])
