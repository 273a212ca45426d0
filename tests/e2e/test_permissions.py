"""Every principal and role against every topic and path: what happens is what `docs/permissions.md` says.

The page is made from the same measurement, so the tests below it say by hand
what no page may ever say: a hole cannot be written down and be well.
"""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from pymongo import MongoClient

from bus.topics import ALL_TOPICS, DEFAULT_ROOT, GRANT, HQ_STATE, NOTICES, OFFER, REPLY
from hq.rest.policy import find_rule
from tests.fixtures.mongod import MongodServer
from tests.permissions import on_the_bus, on_the_server, page
from tests.permissions.on_the_bus import NOBODY, PRINCIPALS, BusTable
from tests.permissions.on_the_server import ServerTable
from tests.permissions.premises import premises

pytestmark = pytest.mark.process
#: Not below /api/, and all the same for programs.
FOR_TOKENS = ("/metrics", "/scripts/run")
#: Open to every sender, by design: a message proves itself there by the hook's secret, and one that does
#: not is answered as if there were no such hook: `tests/unit/dash_app/test_hooks_over_rest.py`.
HOOK = "/api/v1/hooks/{name}"
AGENTS = [name for name, role in PRINCIPALS.items() if role == "agent"]


@pytest.fixture(scope="module")
def bus(tmp_path_factory: pytest.TempPathFactory) -> BusTable:
    return on_the_bus.measure(tmp_path_factory.mktemp("bus"))


@pytest.fixture(scope="module")
def server(mongod_server: MongodServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerTable]:
    name = f"test_{uuid4().hex[:12]}"
    with premises(mongod_server.uri_of(name), tmp_path_factory.mktemp("server")) as opened:
        yield on_the_server.measure(opened)
    with MongoClient(mongod_server.uri) as mongo:
        mongo.drop_database(name)


def test_the_page_says_what_everybody_can_do(bus: BusTable, server: ServerTable) -> None:
    measured = page.render(bus, server).splitlines()
    written = page.FILE.read_text().splitlines()

    changed = [f"measured: {line}" for line in measured if line not in written]
    changed += [f"the page: {line}" for line in written if line not in measured]
    assert measured == written, (
        "docs/permissions.md says something else. If what is measured is what you want: "
        "python -m tests.permissions --write\n" + "\n".join(changed)
    )


def test_every_topic_was_tried_by_everybody(bus: BusTable) -> None:
    tried = {row.template for row, _ in bus.publish}

    assert {f"{DEFAULT_ROOT}/{topic.template}" for topic in ALL_TOPICS} <= tried
    assert {who for _, who in bus.publish} == {who for _, who in bus.receive} == {*PRINCIPALS, NOBODY}


def test_without_a_certificate_of_the_house_there_is_no_way_in(bus: BusTable) -> None:
    assert len(bus.doors) == 4
    assert not any(bus.doors.values())


#: Home Assistant's last will, and so what an operator's connection may say. Nobody of the house listens.
BIRTH = "homeassistant/status"


def test_nobody_but_hq_speaks_as_somebody_else(bus: BusTable) -> None:
    for (row, who), (delivered, _) in bus.publish.items():
        if who != "hq" and row.own is not True and (row.template, who) != (BIRTH, "olga"):
            assert not delivered, (who, row)


def test_only_hq_says_what_hq_says(bus: BusTable) -> None:
    hq_alone = {f"{DEFAULT_ROOT}/{topic.template}" for topic in (OFFER, GRANT, REPLY, HQ_STATE, *NOTICES)}
    for (row, who), (delivered, _) in bus.publish.items():
        if row.template in hq_alone and who != "hq":
            assert not delivered, (who, row)


def test_an_agent_hears_its_own_orders_and_hqs_state_and_nothing_else(bus: BusTable) -> None:
    for (row, who), (received, _) in bus.receive.items():
        if who in AGENTS and received:
            mine = row.own is True and "/down/" in row.template and "/agent/" in row.template
            assert mine or row.template == f"{DEFAULT_ROOT}/hq/state", (who, row)


def test_a_viewer_publishes_nothing_and_sees_no_orders_results_or_requests(bus: BusTable) -> None:
    for (row, who), (delivered, _) in bus.publish.items():
        assert who != "vera" or not delivered, row
    for (row, who), (received, _) in bus.receive.items():
        if who == "vera" and received:
            assert "/client/" not in row.template
            assert "/down/" not in row.template
            assert "result" not in row.template


def test_replies_reach_nobody_but_who_asked(bus: BusTable) -> None:
    for (row, who), (received, _) in bus.receive.items():
        if "/client/" in row.template and row.own is False and who != "hq":
            assert not received, (who, row)


def test_every_path_was_tried_by_every_role_with_every_method(server: ServerTable) -> None:
    paths = {path for path, _ in server.cells}

    assert len(paths) > 50
    assert not [path for path in on_the_server.ELSEWHERE if find_rule(path)], "there are rules for these"
    assert set(server.cells) == {(path, method) for path in paths for method in on_the_server.METHODS}
    assert all(len(cells) == len(server.principals) == 8 for cells in server.cells.values())


def test_strangers_reach_health_and_the_login_and_nothing_else(server: ServerTable) -> None:
    reached = {path for (path, _), cells in server.cells.items() if cells[0] == "yes"}

    assert reached == {"/healthz", "/readyz", "/login", "/login/{file}", HOOK}


def test_viewers_and_agents_change_nothing(server: ServerTable) -> None:
    for (path, method), cells in server.cells.items():
        got = dict(zip(server.principals, cells, strict=True))
        if path.startswith("/api/") and path != HOOK and method in ("POST", "DELETE", "PATCH"):
            assert got["token viewer"] != "yes", (method, path)
            assert got["token agent"] != "yes", (method, path)


def test_tokens_open_no_page_and_sessions_no_api(server: ServerTable) -> None:
    for (path, method), cells in server.cells.items():
        if cells[0] == "yes":
            continue
        for who, got in zip(server.principals, cells, strict=True):
            if who.startswith("session") and path.startswith("/api/"):
                assert got != "yes", (who, method, path)
            if who.startswith("token") and not path.startswith("/api/") and path not in FOR_TOKENS:
                assert got != "yes", (who, method, path)


def test_what_the_policy_does_not_know_no_request_reaches(server: ServerTable) -> None:
    assert server.hidden, "Dash brings routes of its own; if it does not any more, this test proves nothing"
    for (path, method), cells in server.cells.items():
        if path in server.hidden or path in on_the_server.ELSEWHERE:
            assert "yes" not in cells, (method, path)


def test_no_request_breaks_the_server(server: ServerTable) -> None:
    assert server.broken == []
