"""The live feed over its WebSocket, with a small HQ and agent behind it, and without a browser."""

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pymongo import MongoClient
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as connect_socket

from bus.memory_bus import MemoryBus, MemoryHub
from bus.port import Connected, Inbound
from bus.topics import JOB_PROGRESS
from dash_app.jobs_asked import JobsAsked
from dash_app.live.hearing import Changes, Hearing
from dash_app.live.job_feed import JobFeed
from dash_app.live.jobs_feed import JobRowsFeed
from dash_app.page import Page
from dash_app.script_folders import ScriptFolders
from dash_app.server import build_server
from hq.rest.house import CLIENT, build_house
from hq.rest.sessions import Entry, Sessions, write_entry
from hq.rest.tokens import TokenFile
from schemas.facts import MetricPoint
from schemas.messages import JobProgress, Progress
from schemas.resources import CPU, QUIET
from tests.fixtures.mongod import MongodServer
from tests.unit.dash_app.little_house import LittleAgent, LittleHq, Server, eventually

TOKEN = f"operator-token-{uuid4().hex}"
JOB = {"script": {"bundle": "0" * 64, "entry": "train.py"}}


class LiveHouse:
    """HQ, one agent, the page's server, and a session for it."""

    def __init__(self, uri: str, folder: Any) -> None:
        hub = MemoryHub()
        self.uri = uri
        self.hq = LittleHq(MemoryBus(hub, "hq"), uri)
        tokens = folder / "tokens.json"
        digest = hashlib.sha256(TOKEN.encode()).hexdigest()
        tokens.write_text(json.dumps([{"name": "olga", "role": "operator", "sha256": digest}]))
        secret = write_entry(folder / "sessions", Entry("olga", "viewer", 4e9))
        house = build_house(MemoryBus(hub, CLIENT), uri)
        page = Page(house, Sessions(folder / "logins", folder / "sessions"), ScriptFolders([]))
        self.server = Server(build_server(house, TokenFile(tokens), ["127.0.0.1"], "0", page))
        self.agent = LittleAgent(MemoryBus(hub, "attic"), "attic", lambda spec: {"accuracy": 0.5})
        self.cookie = f"__Host-idlehands-{self.server.port}={secret}"

    @contextmanager
    def look_at(self, path: str, query: str = "") -> Iterator[ClientConnection]:
        headers = {"cookie": self.cookie, "origin": self.server.url}
        url = f"ws://127.0.0.1:{self.server.port}/ws/events"
        with connect_socket(url, additional_headers=headers, proxy=None) as socket:
            socket.send(json.dumps({"path": path, "query": query}))
            yield socket

    def submit(self, **spec: Any) -> str:
        answer = httpx.post(
            f"{self.server.url}/api/v1/jobs",
            json={"jobs": [{**JOB, **spec}]},
            headers={"authorization": f"Bearer {TOKEN}"},
            timeout=60,
        )
        return str(answer.json()["jobs"][0])

    def delete(self, job: str) -> None:
        answer = httpx.delete(
            f"{self.server.url}/api/v1/jobs/{job}",
            headers={"authorization": f"Bearer {TOKEN}"},
            timeout=60,
        )
        assert answer.status_code == 200, answer.text


@pytest.fixture(scope="module")
def house(mongod_server: MongodServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveHouse]:
    name = f"test_{uuid4().hex[:12]}"
    built = LiveHouse(mongod_server.uri_of(name), tmp_path_factory.mktemp("live"))
    built.hq.start()
    built.server.start()
    built.agent.start()
    yield built
    built.agent.stop()
    built.server.stop()
    built.hq.stop()
    with MongoClient(mongod_server.uri) as mongo:
        mongo.drop_database(name)


def read_until(socket: ClientConnection, found: Callable[[dict[str, Any]], Any], seconds: float = 20) -> Any:
    """Return what `found` says of the first message for which that is true."""
    end = time.monotonic() + seconds
    while True:
        message = json.loads(socket.recv(timeout=max(0.1, end - time.monotonic())))
        if value := found(message):
            return value


def row_of(job: str, status: str) -> Callable[[dict[str, Any]], Any]:
    """Return a look for this job's row in this status."""

    def look(message: dict[str, Any]) -> Any:
        rows = message.get("rows", {}).get("jobs-grid", {})
        found = [*rows.get("all", ()), *rows.get("put", ())]
        return next((row for row in found if row["id"] == job and row["status"] == status), None)

    return look


def status_of(message: dict[str, Any]) -> Any:
    return message.get("props", {}).get("job-status", {}).get("data-status")


def dropped_rows(message: dict[str, Any]) -> list[str]:
    return list(message.get("rows", {}).get("jobs-grid", {}).get("drop", ()))


def test_a_page_is_given_everything_and_then_what_changes(house: LiveHouse) -> None:
    earlier = house.submit(name="earlier")
    with house.look_at("/jobs") as socket:
        read_until(socket, row_of(earlier, "succeeded"))
        later = house.submit(name="later")
        row = read_until(socket, row_of(later, "succeeded"))

    assert (row["name"], row["machine"]) == ("later", "attic")


def test_a_filtered_list_loses_what_no_longer_belongs(house: LiveHouse) -> None:
    with house.look_at("/jobs", "?status=queued") as socket:
        read_until(socket, lambda message: "rows" in message)
        job = house.submit()
        # Jobs of other tests may be leaving the list as well.
        assert read_until(socket, lambda message: job in dropped_rows(message))


def test_what_is_deleted_leaves_every_page_at_once(house: LiveHouse) -> None:
    job = house.submit()
    with house.look_at("/jobs") as of_all, house.look_at(f"/jobs/{job}") as of_one:
        read_until(of_all, row_of(job, "succeeded"))
        read_until(of_one, lambda message: status_of(message) == "succeeded")

        house.delete(job)

        assert read_until(of_all, lambda message: job in dropped_rows(message))
        assert read_until(of_one, lambda message: status_of(message) == "deleted")
    with house.look_at("/jobs") as late:
        rows = read_until(late, lambda message: message.get("rows", {}).get("jobs-grid", {}).get("all"))
    assert job not in [row["id"] for row in rows]


def test_machines_come_as_cards(house: LiveHouse) -> None:
    with house.look_at("/") as socket:
        cards = read_until(
            socket, lambda message: message.get("cards", {}).get("house-machines", {}).get("all")
        )

    assert [card["name"] for card in cards] == ["attic"]


def test_a_job_comes_with_its_state_log_and_curves(house: LiveHouse) -> None:
    job = house.submit()
    parts: set[str] = set()

    def collect(message: dict[str, Any]) -> bool:
        parts.update(message.get("props", {}), message.get("lines", {}))
        return {"job-status", "job-result", "job-log", "job-curves"} <= parts

    with house.look_at(f"/jobs/{job}") as socket:
        read_until(socket, collect)


def test_an_address_without_anything_live_is_silent_and_the_next_is_not(house: LiveHouse) -> None:
    job = house.submit()
    with house.look_at("/new") as socket:
        socket.send(json.dumps({"path": "/nothing/there"}))
        socket.send(json.dumps({"path": "/jobs"}))
        read_until(socket, row_of(job, "succeeded"))


def test_a_job_that_is_not_there_is_asked_for_again_later(house: LiveHouse) -> None:
    with house.look_at("/jobs/jaaaaaaaaaaaa") as socket:
        assert read_until(socket, lambda message: message.get("again"))


def test_everybody_who_looks_gets_the_same(house: LiveHouse) -> None:
    with house.look_at("/jobs") as one, house.look_at("/jobs") as other:
        for socket in (one, other):
            read_until(socket, lambda message: "rows" in message)
        job = house.submit()
        for socket in (one, other):
            read_until(socket, row_of(job, "succeeded"))


def test_what_changes_while_a_feed_reads_is_in_its_next_push(house: LiveHouse) -> None:
    job = house.submit()

    async def push_twice() -> list[Any]:
        reading = build_house(MemoryBus(MemoryHub(), CLIENT), house.uri)
        feeds = (JobRowsFeed(reading, Hearing(), JobsAsked()), JobFeed(reading, Hearing(), job))
        pushes = []
        for feed in feeds:
            feed.touch(Changes(jobs={job}))
            first = asyncio.create_task(feed.push())
            await asyncio.sleep(0)
            # The first has begun to read, perhaps before what this is about was stored.
            feed.touch(Changes(jobs={job}))
            await first
            pushes.append(feed._jobs if isinstance(feed, JobRowsFeed) else feed._changed)
        await reading.stop()
        return pushes

    assert asyncio.run(push_twice()) == [{job}, True]


def progress(percent: float) -> Inbound:
    """Return a message about how far a job is."""
    told = Progress("jaaaaaaaaaaaa", 1, percent, (MetricPoint(0, 1.0, {"loss": 1.0}),))
    return Inbound(JOB_PROGRESS, {"job": "jaaaaaaaaaaaa"}, "1", JobProgress("attic", told))


def test_what_is_heard_twice_is_one_change() -> None:
    hearing = Hearing()
    for percent in (10.0, 20.0, 30.0):
        hearing.handle(progress(percent))

    assert hearing.take().percents == {"jaaaaaaaaaaaa": 30.0}
    assert hearing.take().percents == {}
    assert hearing.percents() == {"jaaaaaaaaaaaa": 30.0}


def test_more_than_can_wait_means_reading_anew() -> None:
    hearing = Hearing()
    for _ in range(5001):
        hearing.handle(progress(1.0))
    changes = hearing.take()

    assert changes.everything
    assert len(changes.progress) == 5000
    hearing.handle(Connected())
    assert hearing.take().everything


def test_nobody_who_left_is_still_read_for(house: LiveHouse) -> None:
    with house.look_at("/jobs") as socket:
        read_until(socket, lambda message: "rows" in message)
    # Gone: the next who looks begins with everything again.
    with house.look_at("/jobs") as socket:
        assert eventually(lambda: read_until(socket, lambda message: "rows" in message))


def test_a_job_that_may_hang_is_known_until_it_does_something_or_ends() -> None:
    job = "jaaaaaaaaaaaa"
    hearing = Hearing()

    def measured(number: int, **metrics: float) -> None:
        point = MetricPoint(number, 1.0, {CPU: 0.0, **metrics}, step=float(number))
        told = Progress(job, 1, None, (point,))
        hearing.handle(Inbound(JOB_PROGRESS, {"job": job}, "1", JobProgress("attic", told)))

    measured(1, **{QUIET: 320.0})
    assert (hearing.quiet(), hearing.take().quiet) == ({job: 320.0}, {job})
    measured(2, **{QUIET: 340.0})
    # In the same minute: nobody needs to be told.
    assert (hearing.quiet(), hearing.take().quiet) == ({job: 340.0}, set())
    measured(3)
    assert (hearing.quiet(), hearing.take().quiet) == ({}, {job})
