"""The agent's loop on a bus in memory with a real spool: a job's way, a full disk, an end in good order."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from agents.core.agent import AgentCore
from agents.loop import AgentLoop, ShutDown
from agents.runner.noop_runner import NoopRunner
from agents.runner.port import Report, RunEnded, RunLog, Runner, RunProgress, RunStopped
from agents.spool import Spool
from bus import topics
from bus.clock import suspend_aware_seconds
from bus.memory_bus import MemoryBus, MemoryHub
from bus.port import Inbound
from bus.topics import Topic
from schemas.facts import AttemptResult, MachineFacts
from schemas.messages import (
    Ack,
    Grant,
    Grants,
    HqState,
    LogLines,
    Offer,
    Offers,
    Order,
    Progress,
    ResultAck,
)
from schemas.specs import JobSpec, ScriptRef
from schemas.states import Command, Outcome
from tests.fixtures.broker import eventually

EPOCH, NAME, BOOT = 7, "attic", 3
KEY = ("jaaaaaaaaaaaa", EPOCH * 2**20 + 1)
OTHER = ("jbbbbbbbbbbbb", EPOCH * 2**20 + 1)


class PatientRunner:
    """Runs nothing until the test says how it ends."""

    def __init__(self, report: Callable[[Report], None]) -> None:
        self.report = report
        self.began: list[tuple[str, int]] = []
        self.stopped: list[tuple[str, int, bool]] = []
        self.wound_down: list[tuple[str, int]] = []

    def start(self, grant: Grant) -> None:
        self.began.append((grant.job, grant.token))

    def wind_down(self, job: str, token: int) -> None:
        self.wound_down.append((job, token))

    def stop(self, job: str, token: int, *, at_once: bool = False, unwanted: bool = False) -> None:
        self.stopped.append((job, token, at_once))
        self.report(RunStopped(job, token))

    def close(self) -> None:
        """There is nothing to end."""


class House:
    """An agent's loop in a thread, and whoever plays HQ on the same hub."""

    def __init__(self, folder: Path, build: Callable[[Callable[[Report], None]], Runner]) -> None:
        self.heard: list[Inbound] = []
        self.hub = MemoryHub()
        self.hq = MemoryBus(self.hub, "hq")
        for topic in (topics.PRESENCE, *topics.TO_HQ):
            self.hq.subscribe(topic)
        self.hq.start(lambda item: self.heard.append(item) if isinstance(item, Inbound) else None)
        self.folder = folder
        self.queue: SimpleQueue[Any] = SimpleQueue()
        self.spool = Spool(folder / "spool.db")
        self.core = AgentCore(
            name=NAME,
            judge=lambda _grant: "",
            boot=BOOT,
            instance="a" * 32,
            slots=1,
            facts=MachineFacts(cores=2),
            spooled=self.spool.load(),
            now=suspend_aware_seconds(),
            draw=lambda: 0.0,
            make_nonce=lambda: "c" * 32,
        )
        self.runner = build(self.queue.put)
        self.bus = MemoryBus(self.hub, NAME)
        for topic in (*topics.TO_AGENT,):
            self.bus.subscribe(topic, agent=NAME)
        self.bus.subscribe(topics.HQ_STATE)
        self.spool.close()
        self._thread = threading.Thread(target=self._run, name="agent")

    def _run(self) -> None:
        spool = Spool(self.folder / "spool.db")
        loop = AgentLoop(NAME, self.core, self.bus, self.runner, spool, self.queue, suspend_aware_seconds)
        try:
            loop.run()
        finally:
            spool.close()

    def start(self) -> None:
        self.bus.start(self.queue.put)
        self._thread.start()

    def end(self) -> None:
        """Ask it to end and wait for that."""
        self.queue.put(ShutDown())
        self._thread.join(60)
        assert not self._thread.is_alive()
        self.bus.stop()
        self.hq.stop()

    @property
    def runs(self) -> bool:
        return self._thread.is_alive()

    def of(self, topic: Topic) -> list[Any]:
        """Return what the agent said on one topic."""
        return [item.data for item in list(self.heard) if item.topic is topic]

    def await_one(self, topic: Topic) -> Any:
        eventually(lambda: bool(self.of(topic)))
        return self.of(topic)[-1]

    def say(self, topic: Topic, data: Any) -> None:
        self.hq.publish(topic, data, **({} if topic is topics.HQ_STATE else {"agent": NAME}))

    def give(self, key: tuple[str, int]) -> None:
        """Offer and grant a job."""
        claimed = len(self.of(topics.CLAIM))
        self.say(topics.OFFER, Offers(EPOCH, (Offer(*key),)))
        eventually(lambda: len(self.of(topics.CLAIM)) > claimed)
        nonce = self.of(topics.CLAIM)[-1].claims[0].nonce
        spec = JobSpec(ScriptRef("0" * 64, "train.py"))
        self.say(topics.GRANT, Grants(EPOCH, (Grant(*key, NAME, BOOT, nonce, 30.0, spec),)))

    def acknowledge(self, key: tuple[str, int]) -> None:
        self.say(topics.ACK, Ack(EPOCH, BOOT, results=(ResultAck(*key, "accepted"),)))

    def on_disk(self) -> list[tuple[str, int]]:
        """Return what another process finds in the spool."""
        with sqlite3.connect(self.folder / "spool.db") as database:
            rows = database.execute("SELECT job, token FROM results ORDER BY job").fetchall()
        database.close()
        return [(str(job), int(token)) for job, token in rows]

    def change_spool(self, statement: str) -> None:
        with sqlite3.connect(self.folder / "spool.db") as database:
            database.execute(statement)
        database.close()


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[..., House]]:
    houses: list[House] = []

    def build(runner: Any = NoopRunner) -> House:
        house = House(tmp_path, runner)
        houses.append(house)
        house.start()
        return house

    yield build
    for house in houses:
        if house.runs:
            house.end()


def result(key: tuple[str, int]) -> AttemptResult:
    return AttemptResult(*key, Outcome.SUCCEEDED, 0, {})


def test_a_job_is_claimed_run_spooled_delivered_and_forgotten(build: Callable[..., House]) -> None:
    house = build()

    house.give(KEY)
    delivered = house.await_one(topics.RESULT)

    assert [(one.job, one.token) for one in delivered.results] == [KEY]
    assert house.on_disk() == [KEY]
    house.acknowledge(KEY)
    eventually(lambda: house.on_disk() == [])
    assert not house.core.attempts


def test_it_says_at_once_that_it_is_there_and_again_after_the_broker_was_away(
    build: Callable[..., House],
) -> None:
    house = build()
    first = house.await_one(topics.HEARTBEAT)
    assert house.await_one(topics.PRESENCE).online
    assert first.facts == MachineFacts(cores=2)

    house.hub.go_down()
    house.hub.come_back()
    heard = len(house.of(topics.HEARTBEAT))

    eventually(lambda: len(house.of(topics.PRESENCE)) == 2)
    eventually(lambda: len(house.of(topics.HEARTBEAT)) > heard)


def test_a_result_that_nobody_acknowledged_is_delivered_by_the_next_process(
    build: Callable[..., House],
) -> None:
    first = build()
    first.give(KEY)
    first.await_one(topics.RESULT)
    first.end()
    assert first.on_disk() == [KEY]

    second = build()

    assert [(one.job, one.token) for one in second.await_one(topics.RESULT).results] == [KEY]
    eventually(lambda: len(second.of(topics.HEARTBEAT)[0].attempts) == 1)
    second.acknowledge(KEY)
    eventually(lambda: second.on_disk() == [])


def test_progress_and_log_go_out_as_they_come(build: Callable[..., House]) -> None:
    house = build(PatientRunner)
    house.give(KEY)
    eventually(lambda: house.runner.began == [KEY])  # type: ignore[attr-defined]

    house.queue.put(RunProgress(Progress(*KEY, percent=50.0)))
    house.queue.put(RunLog(LogLines(*KEY, 0, ("epoch 1",))))

    assert house.await_one(topics.PROGRESS).items == (Progress(*KEY, percent=50.0),)
    assert house.await_one(topics.LOG).items == (LogLines(*KEY, 0, ("epoch 1",)),)
    assert house.await_one(topics.LOG).boot == BOOT


def test_orders_reach_the_runner(build: Callable[..., House]) -> None:
    house = build(PatientRunner)
    runner: Any = house.runner
    house.give(KEY)
    eventually(lambda: runner.began == [KEY])

    house.say(topics.ACK, Ack(EPOCH, BOOT, orders=(Order(*KEY, Command.WIND_DOWN),)))
    eventually(lambda: runner.wound_down == [KEY])
    house.say(topics.ACK, Ack(EPOCH, BOOT, orders=(Order(*KEY, Command.STOP),)))
    eventually(lambda: runner.stopped == [(*KEY, False)])

    eventually(lambda: not house.core.attempts)
    assert not house.of(topics.DECLINE)


def test_a_full_disk_is_told_and_healed_without_a_restart(
    build: Callable[..., House], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.core.outbox.RESPOOL_SECONDS", 0.2)
    house = build()
    house.await_one(topics.HEARTBEAT)
    house.change_spool(
        "CREATE TRIGGER full BEFORE INSERT ON results "
        "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
    )

    house.give(KEY)
    house.await_one(topics.RESULT)
    eventually(lambda: "disk is full" in house.of(topics.HEARTBEAT)[-1].degraded)
    house.say(topics.OFFER, Offers(EPOCH, (Offer(*OTHER),)))
    assert "disk is full" in house.await_one(topics.DECLINE).declines[0].why
    assert house.on_disk() == []

    house.change_spool("DROP TRIGGER full")
    eventually(lambda: house.on_disk() == [KEY])
    eventually(lambda: house.of(topics.HEARTBEAT)[-1].degraded == "")
    house.acknowledge(KEY)
    eventually(lambda: house.on_disk() == [])
    house.give(OTHER)
    eventually(lambda: house.on_disk() == [OTHER])


def test_it_ends_at_once_when_nothing_runs(build: Callable[..., House]) -> None:
    house = build()
    house.await_one(topics.HEARTBEAT)

    house.end()

    assert not house.of(topics.DECLINE)


def test_it_hands_back_what_runs_before_it_ends(build: Callable[..., House]) -> None:
    house = build(PatientRunner)
    house.give(KEY)
    eventually(lambda: house.runner.began == [KEY])  # type: ignore[attr-defined]

    house.end()

    (declines,) = house.of(topics.DECLINE)
    assert [(d.job, d.token, d.why, d.interrupted) for d in declines.declines] == [
        (*KEY, "the agent was stopped", True)
    ]


def test_a_result_that_comes_while_it_ends_is_on_disk(build: Callable[..., House]) -> None:
    class Stubborn(PatientRunner):
        def stop(self, job: str, token: int, *, at_once: bool = False, unwanted: bool = False) -> None:
            self.report(RunEnded(result((job, token))))

    house = build(Stubborn)
    house.give(KEY)
    eventually(lambda: house.runner.began == [KEY])  # type: ignore[attr-defined]

    house.end()

    assert house.on_disk() == [KEY]
    assert house.of(topics.RESULT)


def test_a_burst_of_jobs_shares_writes_and_loses_none(build: Callable[..., House]) -> None:
    house = build()
    house.say(topics.HQ_STATE, HqState(True, EPOCH, "1"))
    keys = [(f"j{'a' * 10}{one}{two}", KEY[1]) for one in "abcdef" for two in "abcdef"]
    house.say(topics.OFFER, Offers(EPOCH, tuple(Offer(*key) for key in keys)))
    eventually(lambda: sum(len(message.claims) for message in house.of(topics.CLAIM)) == len(keys))
    spec = JobSpec(ScriptRef("0" * 64, "train.py"))
    house.say(
        topics.GRANT, Grants(EPOCH, tuple(Grant(*key, NAME, BOOT, "c" * 32, 30.0, spec) for key in keys))
    )

    def delivered() -> set[tuple[str, int]]:
        return {(one.job, one.token) for message in house.of(topics.RESULT) for one in message.results}

    eventually(lambda: delivered() == set(keys))
    assert house.on_disk() == sorted(keys)
