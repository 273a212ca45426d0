"""The door for browsers: one-time logins, session cookies, origins, and what is behind them."""

import http.client
import re
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from pymongo import MongoClient
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect as connect_socket

from bus.memory_bus import MemoryBus, MemoryHub
from dash_app.page import Page
from dash_app.script_folders import ScriptFolders
from dash_app.server import build_server
from hq.rest.failures import FAILURES_ALLOWED
from hq.rest.house import CLIENT, build_house
from hq.rest.policy import (
    ARTIFACT,
    ARTIFACT_PICTURE,
    ARTIFACT_PREVIEW,
    DOCS,
    EVENTS_ROWS,
    JOB_LOG,
    LOGIN,
    PAGE_RULES,
)
from hq.rest.sessions import Entry, Sessions, write_entry
from hq.rest.tokens import TokenFile
from tests.fixtures.mongod import MongodServer
from tests.unit.dash_app.little_house import Server


class Door:
    """A server with a page, and whoever stands before it."""

    def __init__(self, uri: str, folder: Path) -> None:
        self.logins, self.sessions = folder / "logins", folder / "sessions"
        (folder / "tokens.json").write_text("[]")
        house = build_house(MemoryBus(MemoryHub(), CLIENT), uri)
        page = Page(house, Sessions(self.logins, self.sessions), ScriptFolders([]))
        tokens = TokenFile(folder / "tokens.json")
        self.server = Server(build_server(house, tokens, ["127.0.0.1"], "0", page))

    def code(self, role: str = "operator", expires: float = 4e9) -> str:
        return write_entry(self.logins, Entry("somebody", role, expires))  # type: ignore[arg-type]

    def browser(self, **headers: str) -> httpx.Client:
        return httpx.Client(base_url=self.server.url, headers=headers, timeout=60, trust_env=False)

    def log_in(self, browser: httpx.Client, code: str) -> httpx.Response:
        return browser.post("/login", json={"code": code}, headers={"origin": self.server.url})

    def cookie(self, role: str = "operator") -> str:
        """Return a Cookie header as a browser would send it."""
        with self.browser() as browser:
            return self.log_in(browser, self.code(role)).headers["set-cookie"].partition(";")[0]


@pytest.fixture(scope="module")
def door(mongod_server: MongodServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    name = f"test_{uuid4().hex[:12]}"
    opened = Door(mongod_server.uri_of(name), tmp_path_factory.mktemp("door"))
    opened.server.start()
    yield opened
    opened.server.stop()
    with MongoClient(mongod_server.uri) as mongo:
        mongo.drop_database(name)


def test_a_login_gives_a_cookie_that_only_this_server_gets(door: Door) -> None:
    with door.browser() as browser:
        answer = door.log_in(browser, door.code())

    assert answer.json() == {"name": "somebody", "role": "operator"}
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"__Host-idlehands-{door.server.port}=")
    for part in ("HttpOnly", "Secure", "SameSite=Strict", "Path=/", "Max-Age="):
        assert part in cookie
    assert "Domain" not in cookie


def test_a_login_works_once(door: Door) -> None:
    code = door.code()
    with door.browser() as browser:
        assert door.log_in(browser, code).status_code == 200
        again = door.log_in(browser, code)

    assert (again.status_code, again.json()["code"]) == (403, "bad_login")
    assert "idlehands login" in again.json()["detail"]


@pytest.mark.parametrize("code", ["", "x", "../../tokens", "A" * 43, "A" * 3000, "\N{BULLET}" * 43])
def test_a_made_up_code_is_no_login(door: Door, code: str) -> None:
    with door.browser() as browser:
        assert door.log_in(browser, code).status_code == 403


def test_an_old_login_is_none(door: Door) -> None:
    with door.browser() as browser:
        assert door.log_in(browser, door.code(expires=1.0)).status_code == 403


@pytest.mark.parametrize("content", ["", "{", '{"name": "x", "role": "god", "expires": 4e9}', "[]"])
def test_a_broken_login_file_lets_nobody_in(door: Door, content: str) -> None:
    code = door.code()
    for file in door.logins.iterdir():
        file.write_text(content)
    with door.browser() as browser:
        assert door.log_in(browser, code).status_code == 403
    for file in door.logins.iterdir():
        file.unlink()


def test_strangers_are_led_to_the_login_and_see_nothing_else(door: Door) -> None:
    with door.browser(accept="text/html") as browser:
        for path in ("/", "/jobs", "/new", "/no/such/page", "/assets/live.js"):
            answer = browser.get(path)
            assert (answer.status_code, answer.headers["location"]) == (303, "/login"), path
        assert browser.get("/login").status_code == 200
        assert browser.get("/login/page.js").status_code == 200
        assert browser.get("/login/..%2fpage.py").status_code in (303, 404)
    with door.browser() as program:
        for path in ("/", "/_dash-layout", "/_dash-dependencies", "/assets/live.js"):
            assert program.get(path).status_code == 401, path


def test_the_first_page_that_a_new_server_gives_is_whole(mongod_server: MongodServer, tmp_path: Path) -> None:
    opened = Door(mongod_server.uri_of(f"test_{uuid4().hex[:12]}"), tmp_path)
    opened.server.start()
    try:
        with opened.browser(cookie=opened.cookie()) as browser:
            # A reload after a restart, of no page that Dash knows of.
            page = browser.get("/jobs").text
    finally:
        opened.server.stop()
    assert "assets/live.js" in page
    assert "assets/style.css" in page


def test_the_first_document_loads_the_tables_script_only_where_there_is_a_table(door: Door) -> None:
    with door.browser(cookie=door.cookie()) as browser:
        page = browser.get("/").text
        scripts = re.findall(r'<script src="([^"]+)"', page)
        assert scripts[0].startswith("/assets/early.js?m=")
        assert sum("early.js" in one for one in scripts) == 1
        assert not [one for one in scripts if "dash_ag_grid" in one or "dash_table" in one]
        table = re.search(r'data-table="([^"]+)"', page)
        assert table is not None
        assert browser.get(table[1]).status_code == 200


def test_the_frame_comes_with_the_page_of_the_address_in_it(door: Door) -> None:
    with door.browser(cookie=door.cookie()) as browser:
        given = {"path": "/jobs", "query": "?status=failed"}
        answer = browser.get("/_dash-layout", params=given)
        assert answer.headers["content-type"] == "application/json"
        assert '"id":"jobs-grid"' in answer.text
        frame = answer.json()["props"]["children"]["props"]["children"]
        assert (frame[0]["props"]["pathname"], frame[0]["props"]["search"]) == ("/jobs", "?status=failed")
        nowhere = browser.get("/_dash-layout", params={"path": "/no/such/page"}).text
        assert "There is no such page" in nowhere
        # Whoever gives no address is brought the page by a callback.
        assert '"jobs-grid"' not in browser.get("/_dash-layout").text
        assert browser.get("/_dash-layout", params={"path": "/" * 20_000}).status_code == 422


def test_a_session_opens_the_page_and_nothing_of_the_api(door: Door) -> None:
    with door.browser(cookie=door.cookie("admin")) as browser:
        assert browser.get("/").status_code == 200
        assert browser.get("/_dash-layout").status_code == 200
        assert browser.get("/api/v1/jobs").status_code == 401
        unknown = browser.get("/api/v1/nothing")
        assert unknown.status_code == 401
        assert unknown.headers["content-type"] == "application/problem+json"
        elsewhere = browser.get("/nothing/there")
        assert (elsewhere.status_code, elsewhere.json()["code"]) == (404, "not_found")


def test_a_removed_session_ends_at_once_and_logging_out_removes_it(door: Door) -> None:
    cookie = door.cookie()
    with door.browser(cookie=cookie) as browser:
        assert browser.get("/").status_code == 200
        answer = browser.post("/logout", headers={"origin": door.server.url})
        assert "Max-Age=0" in answer.headers["set-cookie"]
        assert browser.get("/").status_code == 401


@pytest.mark.parametrize("origin", [None, "http://evil.example", "null", "http://127.0.0.1:1"])
def test_what_another_site_sends_is_refused(door: Door, origin: str | None) -> None:
    headers = {} if origin is None else {"origin": origin}
    with door.browser(cookie=door.cookie()) as browser:
        for path in ("/_dash-update-component", "/logout", "/login"):
            answer = browser.post(path, json={}, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (403, "wrong_origin"), path


def socket_status(door: Door, path: str = "/ws/events", **headers: str) -> int:
    """Return how the server answers the beginning of a WebSocket."""
    url = f"ws://127.0.0.1:{door.server.port}{path}"
    try:
        with connect_socket(url, additional_headers=headers, proxy=None):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


def test_the_live_feed_is_for_this_page_of_somebody_logged_in(door: Door) -> None:
    cookie, own = door.cookie("viewer"), door.server.url

    assert socket_status(door, cookie=cookie, origin=own) == 101
    assert socket_status(door, origin=own) == 403
    assert socket_status(door, cookie=cookie) == 403
    assert socket_status(door, cookie=cookie, origin="http://evil.example") == 403
    assert socket_status(door, "/_dash-ws-callback", cookie=cookie, origin=own) == 403


def test_the_live_feed_ends_with_its_session(door: Door) -> None:
    cookie, url = door.cookie(), f"ws://127.0.0.1:{door.server.port}/ws/events"
    headers = {"cookie": cookie, "origin": door.server.url}
    with connect_socket(url, additional_headers=headers, proxy=None) as socket:
        for file in door.sessions.iterdir():
            file.unlink()
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=60)
    assert socket_status(door, cookie=cookie, origin=door.server.url) == 403


def test_too_many_wrong_logins_are_told_to_wait_and_a_right_one_is_not(
    mongod_server: MongodServer, tmp_path: Path
) -> None:
    door = Door(mongod_server.uri_of("never_read"), tmp_path)
    door.server.start()
    try:
        with door.browser() as browser:
            answers = [door.log_in(browser, "A" * 43) for _ in range(FAILURES_ALLOWED + 1)]
            right = door.log_in(browser, door.code())
    finally:
        door.server.stop()

    assert [answer.status_code for answer in answers] == [403] * FAILURES_ALLOWED + [429]
    assert answers[-1].json()["code"] == "too_many_failures"
    assert answers[-1].headers["retry-after"] == "60"
    assert answers[-1].headers["x-content-type-options"] == "nosniff"
    assert right.status_code == 200


def test_nonsense_on_the_live_feed_ends_it_and_nothing_else(door: Door) -> None:
    cookie, url = door.cookie(), f"ws://127.0.0.1:{door.server.port}/ws/events"
    headers = {"cookie": cookie, "origin": door.server.url}
    for words in ("", "{", "[]", '{"path": 7}', "x" * 10_000):
        with connect_socket(url, additional_headers=headers, proxy=None) as socket:
            socket.send(words)
            with pytest.raises(Exception, match="received 1"):
                socket.recv(timeout=60)
    with door.browser(cookie=cookie) as browser:
        assert browser.get("/").status_code == 200


def test_another_name_of_this_machine_is_refused_for_the_page_too(door: Door) -> None:
    with door.browser(cookie=door.cookie(), host="evil.example") as browser:
        assert browser.get("/").status_code == 421


def test_the_page_may_load_nothing_from_elsewhere_and_runs_no_code_of_its_text(door: Door) -> None:
    with door.browser(cookie=door.cookie()) as browser:
        answer = browser.get("/")
    policy = answer.headers["content-security-policy"]

    assert "default-src 'self'" in policy
    assert "'unsafe-eval'" not in policy
    assert "'unsafe-inline'" not in re.search(r"script-src[^;]*", policy)[0]  # type: ignore[index]
    assert not re.findall(r"(?:src|href)=\"(?:https?:)?//", answer.text)


def test_every_file_that_the_page_names_is_there(door: Door) -> None:
    with door.browser(cookie=door.cookie()) as browser:
        index = browser.get("/").text
        files = re.findall(r'(?:src|href)="(/[^"]+)"', index)
        assert len(files) > 8
        for file in files:
            assert browser.get(file).status_code == 200, file


def test_paths_out_of_the_folders_are_closed(door: Door) -> None:
    cookie = door.cookie()
    for path in (
        "/assets/../page.py",
        "/assets/%2e%2e/page.py",
        "/_dash-component-suites/../../etc/passwd",
        "/assets//etc/passwd",
        "/_dash-component-suites/dash/../../../x.js",
    ):
        connection = http.client.HTTPConnection("127.0.0.1", door.server.port, timeout=60)
        connection.request("GET", path, headers={"cookie": cookie})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        assert answer.status in (404, 500), path
        assert b"import" not in body
        assert b"root:" not in body


#: What those say that have nothing to show: no job is stored here.
_WITHOUT_A_JOB = {
    **dict.fromkeys((ARTIFACT, ARTIFACT_PICTURE, ARTIFACT_PREVIEW), "Job jaaaaaaaaaaaa kept no such file."),
    JOB_LOG: "There is no job 'jaaaaaaaaaaaa'.",
}


def test_every_rule_of_the_page_has_a_route(door: Door) -> None:
    given = {"{job}": "jaaaaaaaaaaaa", "{sweep}": "saaaaaaaaaaaa", "{token}": "1", "{number}": "0"}
    given |= {f"{DOCS}/{{file}}": f"{DOCS}/start.js"}
    with door.browser(cookie=door.cookie("viewer")) as browser:
        for rule in PAGE_RULES:
            if (
                "viewer" not in rule.roles.get("GET", ())
                or "*" in rule.path
                or rule.path == f"{LOGIN}/{{file}}"
            ):
                continue
            path = rule.path
            for part, value in given.items():
                path = path.replace(part, value)
            got = browser.get(path, params={"from": "0", "to": "1"} if rule.path == EVENTS_ROWS else None)
            if rule.path in _WITHOUT_A_JOB:
                assert got.status_code == 404, path
                assert got.json()["detail"].startswith(_WITHOUT_A_JOB[rule.path])
                continue
            assert got.status_code == 200, (path, got.text)
