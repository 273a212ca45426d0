"""HQ's loop with its helpers, on the real database and a bus in memory: from submit to result."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pymongo.database import Database

from bus import topics
from bus.clock import suspend_aware_seconds
from bus.memory_bus import MemoryBus, MemoryHub
from bus.port import Inbound
from hq.core.authority import Authority
from hq.inbox import Inbox
from hq.log.appender import Appender
from hq.log.connection import connect
from hq.log.epoch import begin_epoch
from hq.log.mongo import MongoLog
from hq.log.port import PositionTaken
from hq.lookup import SpecLookUp
from hq.loop import SUBSCRIPTIONS, Loop, Stop, report_commits, report_death
from hq.read_models.indexes import ensure_indexes
from hq.read_models.loading import load
from hq.read_models.projector import Projector
from hq.read_models.recorder import Recorder
from hq.read_models.verify import find_differences
from schemas.facts import AttemptResult, MachineFacts
from schemas.messages import Claim, Claims, Heartbeat, LogBatch, LogLines, Reply, Results
from schemas.requests import Ping, Retry, Submit
from schemas.states import Outcome
from tests.fixtures.broker import eventually
from tests.unit.hq.core.small_house import spec

INSTANCE = "a" * 32


class House:
    """HQ as its process composes it, on a hub; the test plays agents and clients."""

    def __init__(self, hub: MemoryHub, database: Database[dict[str, Any]]) -> None:
        self.database = database
        self.log = MongoLog(database)
        begin_epoch(self.log, INSTANCE, time.time)
        state, writer = load(database, self.log)
        self.state = state
        self.inbox = Inbox()
        self.outcome: list[Exception | None] = []
        self.bus = MemoryBus(hub, "hq")
        self.appender = Appender(
            self.log,
            next_position=state.position + 1,
            on_done=report_commits(self.inbox),
            on_fatal=report_death(self.inbox, "the appender"),
            clock=suspend_aware_seconds,
        )
        self.projector = Projector(
            writer, position=state.position, on_fatal=report_death(self.inbox, "the projector")
        )
        self.recorder = Recorder(
            database, epoch=state.epoch, on_fatal=report_death(self.inbox, "the recorder")
        )
        self.look_up = SpecLookUp(
            database,
            lambda: self.projector.position >= state.position,
            on_fatal=report_death(self.inbox, "the look-up"),
        )
        authority = Authority(state, instance=INSTANCE, now=suspend_aware_seconds(), wall=time.time())
        self.loop = Loop(
            authority,
            self.bus,
            self.inbox,
            appender=self.appender,
            projector=self.projector,
            recorder=self.recorder,
            look_up=self.look_up,
        )
        self._thread = threading.Thread(target=lambda: self.outcome.append(self.loop.run()))

    def start(self) -> None:
        for helper in (self.appender, self.projector, self.recorder, self.look_up):
            helper.start()
        for topic in SUBSCRIPTIONS:
            self.bus.subscribe(topic)
        self.bus.start(self.inbox.put_message)
        self._thread.start()

    def stop(self) -> None:
        self.inbox.put(Stop())
        self._thread.join(60)
        assert not self._thread.is_alive()
        self.bus.stop()
        for helper in (self.appender, self.projector, self.recorder, self.look_up):
            helper.stop()

    def await_end(self) -> Exception | None:
        self._thread.join(60)
        return self.outcome[0]


class Guest:
    """An agent or client that says what the test wants and remembers what it heard."""

    def __init__(self, hub: MemoryHub, name: str) -> None:
        self.name = name
        self.heard: list[Inbound] = []
        self.bus = MemoryBus(hub, name)
        for topic in topics.TO_AGENT:
            self.bus.subscribe(topic, agent=name)
        self.bus.subscribe(topics.REPLY, client=name)
        for topic in (topics.JOB_EVENT, topics.JOB_LOG, topics.HQ_STATE):
            self.bus.subscribe(topic)
        self.bus.start(lambda item: self.heard.append(item) if isinstance(item, Inbound) else None)

    def of(self, topic: topics.Topic) -> list[Any]:
        return [item.data for item in list(self.heard) if item.topic is topic]

    def ask(self, request: Any, message_id: str) -> Reply:
        """Ask until there is an answer, as clients do."""
        found: list[Reply] = []

        def answered() -> bool:
            self.bus.request(request, client=self.name, correlation=b"1", message_id=message_id)
            end = time.monotonic() + 1
            while not found and time.monotonic() < end:
                found.extend(reply for reply in self.of(topics.REPLY) if reply.request == message_id)
                time.sleep(0.005)
            return bool(found)

        eventually(answered)
        return found[0]

    def say(self, topic: topics.Topic, data: Any) -> None:
        self.bus.publish(topic, data, agent=self.name)


@pytest.fixture
def hub() -> MemoryHub:
    return MemoryHub()


@pytest.fixture
def database(mongodb_uri: str) -> Iterator[Database[dict[str, Any]]]:
    database = connect(mongodb_uri)
    ensure_indexes(database)
    yield database
    database.client.close()


@pytest.fixture
def start(hub: MemoryHub, database: Database[dict[str, Any]]) -> Iterator[Callable[[], House]]:
    houses: list[House] = []

    def start() -> House:
        house = House(hub, database)
        houses.append(house)
        house.start()
        return house

    yield start
    for house in houses:
        house.stop()


@pytest.fixture
def guest(hub: MemoryHub) -> Iterator[Callable[[str], Guest]]:
    guests: list[Guest] = []

    def come(name: str) -> Guest:
        guests.append(Guest(hub, name))
        return guests[-1]

    yield come
    for one in guests:
        one.bus.stop()


Start = Callable[[], House]
Come = Callable[[str], Guest]


def run_job(agent: Guest, cli: Guest, number: int = 1) -> str:
    """Let a job go all its way and return its id."""
    (job,) = cli.ask(Submit(jobs=(spec(),)), f"submit-{number}").result["jobs"]
    agent.say(topics.HEARTBEAT, Heartbeat(1, "b" * 32, number, 4, 4, facts=MachineFacts(cores=4)))
    eventually(lambda: any(o.job == job for offers in agent.of(topics.OFFER) for o in offers.offers))
    offer = [o for offers in agent.of(topics.OFFER) for o in offers.offers if o.job == job][-1]
    agent.say(topics.CLAIM, Claims(1, (Claim(job, offer.token, "c" * 32),)))
    eventually(lambda: any(g.job == job for grants in agent.of(topics.GRANT) for g in grants.grants))
    agent.say(topics.LOG, LogBatch(1, (LogLines(job, offer.token, 0, ("epoch 1",)),)))
    eventually(lambda: any(entry.log.job == job for entry in cli.of(topics.JOB_LOG)))
    result = AttemptResult(job, offer.token, Outcome.SUCCEEDED, 0, {"accuracy": 0.5})
    agent.say(topics.RESULT, Results(1, (result,)))
    eventually(lambda: any(a.job == job for ack in agent.of(topics.ACK) for a in ack.results))
    return job


def test_a_job_goes_from_submit_to_result_and_into_the_read_models(
    start: Start, guest: Come, database: Database[dict[str, Any]]
) -> None:
    house = start()
    agent, cli = guest("attic"), guest("cli")

    job = run_job(agent, cli)

    eventually(lambda: (database["jobs"].find_one({"_id": job}) or {}).get("status") == "succeeded")
    eventually(lambda: database["logs"].count_documents({"job": job}) == 1)
    eventually(lambda: [n.status for n in cli.of(topics.JOB_EVENT)] == ["queued", "running", "succeeded"])
    eventually(lambda: house.projector.position == house.state.position)
    assert find_differences(database, house.log) == []
    assert cli.of(topics.HQ_STATE)[-1].epoch == house.state.epoch


def test_a_retry_finds_the_spec_of_a_job_that_hq_has_forgotten(start: Start, guest: Come) -> None:
    house = start()
    agent, cli = guest("attic"), guest("cli")
    old = run_job(agent, cli)
    house.state.finished.clear()

    reply = cli.ask(Retry(jobs=(old,)), "retry-1")

    assert house.state.jobs[reply.result["jobs"][0]].spec.retry_of == old


def test_the_next_hq_goes_on_where_the_last_one_stopped(start: Start, guest: Come) -> None:
    first = start()
    agent, cli = guest("attic"), guest("cli")
    job = run_job(agent, cli, 1)
    (waiting,) = cli.ask(Submit(jobs=(spec(),)), "submit-9").result["jobs"]
    first.stop()

    second = start()
    eventually(lambda: cli.of(topics.HQ_STATE)[-1].epoch == second.state.epoch)

    assert second.state.epoch > first.state.epoch
    assert waiting in second.state.jobs
    assert second.state.finished[job].status == "succeeded"
    assert cli.ask(Submit(jobs=(spec(),)), "submit-9").result == {"jobs": [waiting]}


def test_an_hq_that_was_replaced_ends_at_its_next_append(start: Start, guest: Come) -> None:
    house = start()
    cli = guest("cli")
    cli.ask(Ping(), "ping-1")
    begin_epoch(house.log, "f" * 32, time.time)

    cli.bus.request(Submit(jobs=(spec(),)), client="cli", correlation=b"1", message_id="submit-1")

    assert isinstance(house.await_end(), PositionTaken)


def test_a_helper_that_dies_ends_hq(start: Start) -> None:
    house = start()
    error = RuntimeError("out of luck")

    report_death(house.inbox, "the projector")(error)

    assert house.await_end() is error


def test_told_to_stop_it_ends_without_an_error(start: Start) -> None:
    house = start()

    house.inbox.put(Stop())

    assert house.await_end() is None


def test_a_broker_that_comes_back_is_told_who_leads(start: Start, guest: Come, hub: MemoryHub) -> None:
    start()
    cli = guest("cli")
    eventually(lambda: bool(cli.of(topics.HQ_STATE)))

    hub.go_down()
    cli.heard.clear()
    hub.come_back()

    eventually(lambda: bool(cli.of(topics.HQ_STATE)))


def test_bytes_that_are_no_message_are_answered_and_harm_nobody(
    start: Start, guest: Come, hub: MemoryHub
) -> None:
    house = start()
    cli = guest("cli")
    for payload in (b"", b"{", b"\xff" * 100, b'{"specversion":"1.0"}', b"[" * 10_000):
        hub.publish_raw(f"{hub.root}/client/cli/up/request", payload)

    assert cli.ask(Ping(), "ping-1").ok
    eventually(lambda: sum(not reply.ok for reply in cli.of(topics.REPLY)) == 5)
    assert not house.outcome
