"""The appender: never blocks its caller, never gives up, and knows how fresh its leadership is."""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from hq.log.appender import Appender, AppendInFlight
from hq.log.memory import MemoryLog
from hq.log.port import DecisionRefused, LogUnavailable, PositionTaken, never
from schemas.events import Decision, JobHeld

PATIENCE = 60


class SlowLog(MemoryLog):
    """A twin whose appends wait until they are let through."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.ping_gate = threading.Event()
        self.ping_gate.set()
        self.pings: queue.SimpleQueue[int] = queue.SimpleQueue()

    def append(self, decisions: Sequence[Decision], should_give_up: Callable[[], bool] = never) -> None:
        self.entered.set()
        while not self.gate.wait(0.01):
            if should_give_up():
                raise LogUnavailable("gave up")
        super().append(decisions, should_give_up)

    def verify_leadership(self, next_position: int) -> None:
        self.pings.put(next_position)
        self.ping_gate.wait()
        super().verify_leadership(next_position)


class Rig:
    """An appender on a twin, with its callbacks in queues and a clock to turn by hand."""

    def __init__(self, log: SlowLog, ping_seconds: float = 60) -> None:
        self.log = log
        self.now = 100.0
        self.done: queue.SimpleQueue[Sequence[Decision]] = queue.SimpleQueue()
        self.fatal: queue.SimpleQueue[Exception] = queue.SimpleQueue()
        self.appender = Appender(
            log,
            next_position=1,
            on_done=self.done.put,
            on_fatal=self.fatal.put,
            clock=lambda: self.now,
            ping_seconds=ping_seconds,
        )


@pytest.fixture
def build() -> Iterator[Callable[..., Rig]]:
    built: list[Rig] = []

    def build(**options: Any) -> Rig:
        rig = Rig(SlowLog(), **options)
        built.append(rig)
        rig.appender.start()
        return rig

    yield build
    for rig in built:
        rig.log.gate.set()
        rig.log.ping_gate.set()
        assert rig.appender.stop(PATIENCE)


def decision(position: int, op: str = "mine") -> Decision:
    return Decision(position, 1, f"{op}-{position}", 0.5, (JobHeld("jaaaaaaaaaaaa", "cli"),))


def test_done_is_called_after_the_commit_and_the_next_may_follow(build: Callable[..., Rig]) -> None:
    rig = build()

    for position in (1, 2, 3):
        rig.appender.submit([decision(position)])
        assert rig.done.get(timeout=PATIENCE) == [decision(position)]
        assert rig.appender.is_idle

    assert rig.log.decisions == [decision(1), decision(2), decision(3)]


def test_a_slow_database_does_not_hold_up_the_caller(build: Callable[..., Rig]) -> None:
    rig = build()
    rig.log.gate.clear()

    rig.appender.submit([decision(1)])

    assert not rig.appender.is_idle
    with pytest.raises(AppendInFlight):
        rig.appender.submit([decision(2)])
    assert rig.done.empty()
    rig.log.gate.set()
    assert rig.done.get(timeout=PATIENCE) == [decision(1)]


def test_an_absent_database_is_tried_until_it_is_back(build: Callable[..., Rig]) -> None:
    rig = build()
    rig.log.available = False
    rig.appender.submit([decision(1)])

    with pytest.raises(queue.Empty):
        rig.done.get(timeout=0.3)
    rig.log.available = True

    assert rig.done.get(timeout=PATIENCE) == [decision(1)]
    assert rig.fatal.empty()


def test_a_taken_position_is_fatal_and_nothing_is_acknowledged(build: Callable[..., Rig]) -> None:
    rig = build()
    rig.log.decisions.append(decision(1, "theirs"))

    rig.appender.submit([decision(1)])

    assert isinstance(rig.fatal.get(timeout=PATIENCE), PositionTaken)
    assert rig.done.empty()


def test_a_decision_that_cannot_be_stored_is_fatal(build: Callable[..., Rig]) -> None:
    rig = build()

    rig.appender.submit([decision(1), decision(3)])

    assert isinstance(rig.fatal.get(timeout=PATIENCE), DecisionRefused)


def test_an_idle_leader_asks_whether_it_still_leads(build: Callable[..., Rig]) -> None:
    rig = build(ping_seconds=0.02)
    rig.appender.submit([decision(1)])
    rig.done.get(timeout=PATIENCE)
    while rig.log.pings.get(timeout=PATIENCE) != 2:
        pass

    rig.log.decisions.append(decision(2, "theirs"))

    assert isinstance(rig.fatal.get(timeout=PATIENCE), PositionTaken)


def test_an_append_does_not_wait_for_a_slow_ping_and_is_not_taken_for_another_leader(
    build: Callable[..., Rig],
) -> None:
    rig = build(ping_seconds=0.02)
    rig.log.ping_gate.clear()
    assert rig.log.pings.get(timeout=PATIENCE) == 1

    rig.appender.submit([decision(1)])

    assert rig.done.get(timeout=PATIENCE) == [decision(1)]
    rig.log.ping_gate.set()
    while rig.log.pings.get(timeout=PATIENCE) != 2:
        pass
    assert rig.fatal.empty()


def test_contact_is_as_old_as_the_beginning_of_the_last_call_that_succeeded(
    build: Callable[..., Rig],
) -> None:
    rig = build()
    rig.now = 110.0
    assert rig.appender.seconds_since_contact() == 10.0
    rig.log.gate.clear()
    rig.appender.submit([decision(1)])
    assert rig.log.entered.wait(PATIENCE)

    rig.now = 150.0
    rig.log.gate.set()
    rig.done.get(timeout=PATIENCE)

    assert rig.appender.seconds_since_contact() == 40.0


def test_stopping_gives_up_the_append_in_flight_without_a_cry(build: Callable[..., Rig]) -> None:
    rig = build()
    rig.log.gate.clear()
    rig.appender.submit([decision(1)])

    assert rig.appender.stop(PATIENCE)

    assert rig.fatal.empty()
    assert rig.done.empty()
