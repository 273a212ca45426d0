"""What a browser, a program and a stranger try on the real server: each refused, and nothing leaks.

Requests are written byte by byte where a library would make them better.
"""

import http.client
import json
import socket
import time
from collections.abc import Iterator
from uuid import uuid4

import pytest
from pymongo import MongoClient

from tests.fixtures.mongod import MongodServer
from tests.fuzz.paths import NAMES, TARGETS
from tests.permissions.premises import Premises, premises
from tests.unit.dash_app.little_house import raw

pytestmark = pytest.mark.process
JOBS = "/api/v1/jobs"
SECRET = "TOP-SECRET-OF-THE-HOST"  # noqa: S105 - a word to look for
#: Where a name from outside stands in a path.
PLACES = (
    "/api/v1/blobs/", "/api/v1/jobs/", "/api/v1/sweeps/", "/assets/", "/login/", "/jobs/", "/sweeps/",
    "/_dash-component-suites/", "/_dash-component-suites/dash/", "/",
)  # fmt: skip


@pytest.fixture(scope="module")
def server(mongod_server: MongodServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Premises]:
    name = f"test_{uuid4().hex[:12]}"
    with premises(mongod_server.uri_of(name), tmp_path_factory.mktemp("server")) as opened:
        (opened.folder / "x").write_text(SECRET)
        (opened.folder / "scripts" / "little.py").write_text("print(1)")
        (opened.folder / "secret.py").write_text(f"# {SECRET}")
        yield opened
    with MongoClient(mongod_server.uri) as mongo:
        mongo.drop_database(name)


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/") else 0


def request(server: Premises, method: str, target: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    """Send one request as it is, and return all that comes back."""
    lines = [method.encode() + b" " + target + b" HTTP/1.1", b"Connection: close", *headers]
    if not any(line.lower().startswith(b"host:") for line in headers):
        lines.append(b"Host: 127.0.0.1:%d" % server.port)
    return raw(server.server, b"\r\n".join(lines) + b"\r\n\r\n" + body)


def proof(headers: dict[str, str]) -> bytes:
    return b"\r\n".join(f"{name}: {value}".encode() for name, value in headers.items())


# --- paths ---------------------------------------------------------------------------


@pytest.mark.parametrize("place", PLACES)
def test_no_name_in_a_path_leads_out_of_where_it_belongs(server: Premises, place: str) -> None:
    who = server.as_token("admin") if place.startswith("/api") else server.as_session("admin")
    assert len(TARGETS) >= 60

    for target in TARGETS:
        answer = request(server, "GET", place.encode() + target, proof(who))
        assert status_of(answer) in (0, 200, 400, 401, 404, 405, 414, 421, 422), (target, answer[:200])
        assert SECRET.encode() not in answer, target
        assert b"root:x:" not in answer, target
        assert b"BEGIN " not in answer, target
        if status_of(answer) == 200:
            # The page itself, which says for every address of its own what is there.
            assert place == "/" or b"<title>Idlehands" in answer or b'{"job"' in answer, (
                target,
                answer[-300:],
            )


def test_names_of_scripts_in_the_form_are_looked_up_and_never_joined(server: Premises) -> None:
    proven = server.as_session("operator")
    with server.connected() as connection:
        for name in (*NAMES, "../secret.py", "../secret", "secret.py"):
            query = {"id": "url", "property": "search", "value": "?script=" + name}
            body = {
                "output": "..page.children...navigation.children..",
                "inputs": [{"id": "url", "property": "pathname", "value": "/new"}, query],
                "state": [],
                "changedPropIds": ["url.search"],
            }
            answer = server.ask(
                connection, "POST", "/_dash-update-component", proven, json.dumps(body).encode()
            )
            assert answer.status == 200
            assert SECRET.encode() not in answer.body


@pytest.mark.parametrize("field", ["bundle", "entry", "agent", "sweep", "retry_of", "label"])
def test_no_name_in_a_submission_is_a_path(server: Premises, field: str) -> None:
    accepted = []
    with server.connected() as connection:
        for name in NAMES:
            script = {"bundle": "0" * 64, "entry": "train.py"}
            job: dict[str, object] = {"script": script, "needs": {"labels": ["nowhere"]}}
            match field:
                case "bundle" | "entry":
                    script[field] = name
                case "agent":
                    job["needs"] = {"agent": name}
                case "label":
                    job["needs"] = {"labels": ["nowhere"], "agent": name.lower()}
                case _:
                    job[field] = name
            answer = server.ask(
                connection, "POST", JOBS, server.as_token("operator"), json.dumps({"jobs": [job]}).encode()
            )
            assert answer.status in (201, 409, 422), (name, answer.body)
            if answer.status == 201:
                accepted.append(name)

    # Odd, but the names of files and machines: none leads out of a folder on any system.
    for name in accepted:
        assert name.isprintable(), name
        assert not any(part in ("", ".", "..") for part in name.split("/")), name
        assert not set("\\:") & set(name), name


# --- browsers --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        b"evil.example", b"127.0.0.1.evil.example", b"evil.example:80", b"localhost.evil.example", b"",
        b"127.0.0.1@evil.example", b"evil.example#127.0.0.1", b"[::1]evil", b"127.0.0.2", b"0.0.0.0",
        b"0x7f.1", b"2130706433", b"127.1", b"127.0.0.1, evil.example", b"evil.example\\127.0.0.1",
    ],
)  # fmt: skip
def test_another_host_name_reaches_nothing(server: Premises, host: bytes) -> None:
    admin, session = proof(server.as_token("admin")), proof(server.as_session("admin"))

    for target, who in (
        (b"/healthz", b"x: y"),
        (JOBS.encode(), admin),
        (b"/", session),
        (b"/login", b"x: y"),
    ):
        answer = request(server, "GET", target, b"Host: " + host, who)
        assert status_of(answer) in (400, 421), (target, answer[:100])


def test_two_host_names_are_none(server: Premises) -> None:
    answer = request(server, "GET", b"/healthz", b"Host: 127.0.0.1", b"Host: evil.example")

    assert status_of(answer) in (400, 421)


def test_a_whole_address_as_target_does_not_get_around_the_host(server: Premises) -> None:
    answer = request(server, "GET", b"http://evil.example/healthz", b"Host: evil.example")

    assert status_of(answer) in (400, 404, 421)


ORIGINS = (
    "http://evil.example", "https://evil.example", "null", "", "http://127.0.0.1", "http://127.0.0.1:1",
    "http://127.0.0.1.evil.example", "http://evil.example/http://127.0.0.1", "file://", "http://localhost",
    "chrome-extension://abcdef", "//127.0.0.1", "http://user@127.0.0.1",
)  # fmt: skip


@pytest.mark.parametrize("origin", ORIGINS)
def test_a_page_of_another_site_posts_nothing(server: Premises, origin: str) -> None:
    position = server.hq.authority.state.position
    with server.connected() as connection:
        for path in ("/_dash-update-component", "/logout", "/login"):
            for kind in ("application/json", "text/plain", "application/x-www-form-urlencoded"):
                who = server.as_session("admin") | {"origin": origin, "content-type": kind}
                answer = server.ask(connection, "POST", path, who)
                assert (answer.status, answer.code) == (403, "wrong_origin"), path

    assert server.hq.authority.state.position == position


@pytest.mark.parametrize("origin", ORIGINS)
def test_a_page_of_another_site_opens_no_live_feed(server: Premises, origin: str) -> None:
    assert server.open_socket("/ws/events", server.as_session("admin") | {"origin": origin}).status == 403


def test_a_browser_is_told_to_let_no_other_site_in(server: Premises) -> None:
    with server.connected() as connection:
        for path, who in (
            ("/", server.as_session("admin")),
            (JOBS, server.as_token("admin")),
            ("/login", {}),
            ("/healthz", {}),
            ("/no/such", {}),
        ):
            headers = server.ask(connection, "GET", path, who | {"origin": "http://evil.example"}).headers
            assert not [name for name in headers if name.startswith("access-control")], path
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["x-frame-options"] == "DENY"


# --- requests that are not quite requests --------------------------------------------------


SMUGGLED = b"GET /api/v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Smuggled: yes\r\n\r\n"


@pytest.mark.parametrize(
    "headers",
    [
        [b"Content-Length: 5", b"Transfer-Encoding: chunked"],
        [b"Content-Length: 5", b"Content-Length: 6"],
        [b"Content-Length: 5, 6"],
        [b"Content-Length: +5"],
        [b"Content-Length: 0x5"],
        [b"Content-Length: -1"],
        [b"Content-Length: " + b"9" * 5000],
        [b"Content-Length: 5 5"],
        [b"Transfer-Encoding: chunked, identity"],
        [b"Transfer-Encoding: xchunked"],
        [b"Transfer-Encoding: chunked", b"Transfer-Encoding: cow"],
        [b"Transfer-Encoding : chunked"],
        [b"Transfer-Encoding:\x0bchunked"],
        [b"Content-Length: 5\r\n folded: yes"],
        [b"X: a\rb"],
        [b"X: a\x00b"],
        [b"X y: z"],
    ],
)
def test_a_request_that_can_be_read_in_two_ways_is_read_in_none_and_ends_the_connection(
    server: Premises, headers: list[bytes]
) -> None:
    token = proof(server.as_token("admin"))
    position = server.hq.authority.state.position
    lines = [b"POST /api/v1/jobs HTTP/1.1", b"Host: 127.0.0.1", token, *headers]

    answer = raw(server.server, b"\r\n".join(lines) + b"\r\n\r\n0\r\n\r\n" + SMUGGLED)

    # At most one answer, a refusal; what came behind was not taken as a request with rights.
    assert answer.count(b"HTTP/1.1 ") <= 2
    assert b"HTTP/1.1 200" not in answer
    assert b"HTTP/1.1 201" not in answer
    assert server.hq.authority.state.position == position


def test_headers_without_end_are_cut(server: Premises) -> None:
    answer = request(server, "GET", b"/healthz", *(b"X-%d: %s" % (n, b"y" * 2000) for n in range(200)))

    assert status_of(answer) in (0, 400, 431)


def test_a_body_that_never_comes_holds_up_nobody_else(server: Premises) -> None:
    waiting = []
    try:
        for _ in range(40):
            connection = socket.create_connection(("127.0.0.1", server.port), timeout=60)
            waiting.append(connection)
            head = [b"POST /api/v1/jobs HTTP/1.1", b"Host: 127.0.0.1", proof(server.as_token("admin"))]
            connection.sendall(b"\r\n".join([*head, b"Content-Length: 1000"]) + b"\r\n\r\n{")
        began = time.monotonic()
        with server.connected() as other:
            assert server.ask(other, "GET", "/healthz", {}).status == 200
            assert server.ask(other, "GET", JOBS, server.as_token("viewer")).status == 200
        assert time.monotonic() - began < 50
    finally:
        for connection in waiting:
            connection.close()


def test_a_stranger_is_refused_before_a_body_is_read(server: Premises) -> None:
    answer = request(server, "PUT", b"/api/v1/blobs/" + b"0" * 64, b"Content-Length: 250000000")

    assert status_of(answer) == 401


@pytest.mark.parametrize("depth", [33, 1_000, 100_000])
@pytest.mark.parametrize("path", ["/api/v1/jobs", "/api/v1/sweeps", "/_dash-update-component", "/login"])
def test_json_that_is_deeper_than_anything_is_refused(server: Premises, path: str, depth: int) -> None:
    who = server.as_token("admin") if path.startswith("/api") else server.as_session("admin")
    bodies = (b"[" * depth, b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth)
    with server.connected() as connection:
        for body in bodies:
            assert server.ask(connection, "POST", path, who, body).status in (400, 403, 413, 422)
        job = b'{"jobs":[{"script":{"bundle":"%s","entry":"a.py"},"params":{"x":%s}}]}'
        nested = job % (b"0" * 64, b"[" * depth + b"]" * depth)
        assert server.ask(connection, "POST", JOBS, server.as_token("admin"), nested).status in (
            400,
            413,
            422,
        )
        assert server.ask(connection, "GET", "/healthz", {}).status == 200


def test_a_token_in_the_wrong_place_is_no_token(server: Premises) -> None:
    token = server.tokens["admin"]
    with server.connected() as connection:
        for path, who in (
            (f"{JOBS}?token={token}", {}),
            (f"{JOBS}?access_token={token}", {}),
            (JOBS, {"x-api-key": token}),
            (JOBS, {"cookie": f"token={token}"}),
            (JOBS, {"cookie": f"__Host-idlehands-{server.port}={token}"}),
            (JOBS, {"proxy-authorization": f"Bearer {token}"}),
            ("/", {"authorization": f"Bearer {token}"}),
        ):
            assert server.ask(connection, "GET", path, who).status == 401, path


@pytest.mark.parametrize(
    "header",
    ["x-forwarded-for", "x-forwarded-host", "x-original-url", "x-rewrite-url", "x-http-method-override"],
)
def test_headers_of_proxies_mean_nothing_here(server: Premises, header: str) -> None:
    with server.connected() as connection:
        for value in ("127.0.0.1", "/healthz", "GET", "DELETE"):
            answer = server.ask(connection, "GET", JOBS, {header: value})
            assert answer.status == 401
        seen = server.ask(connection, "GET", JOBS, server.as_token("viewer") | {header: "DELETE"})
        assert seen.status == 200


def test_wrong_tokens_are_counted_until_their_sender_has_to_wait(server: Premises) -> None:
    statuses = []
    with server.connected() as connection:
        for number in range(40):
            wrong = {"authorization": f"Bearer {number:040d}"}
            statuses.append(server.ask(connection, "GET", JOBS, wrong).status)
        # Who has a right one is let in all the same.
        assert server.ask(connection, "GET", JOBS, server.as_token("viewer")).status == 200

    assert statuses[0] in (401, 429)
    assert statuses[-1] == 429


def test_after_all_that_the_server_answers(server: Premises) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("GET", "/healthz")
    assert connection.getresponse().status == 200
    connection.close()
