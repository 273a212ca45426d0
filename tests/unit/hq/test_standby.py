"""Waiting for one's turn, on the real broker: a leader that is heard is left in peace."""

import threading
from collections.abc import Callable, Iterator

import pytest

from bus.paho_bus import PahoBus
from bus.port import Connected
from bus.topics import HQ_STATE
from hq import standby
from hq.standby import await_turn
from schemas.messages import HqState
from tests.fixtures.broker import BrokerServer, eventually


class Waiter:
    """Somebody who waits for a turn in a thread."""

    def __init__(self, broker: BrokerServer, latest: int | None) -> None:
        self.stopping = threading.Event()
        self.result: bool | None = None
        self._settings = broker.settings("hq", "service")
        self._latest = latest
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        self.result = await_turn(self._settings, self.stopping, lambda: self._latest)

    def end(self) -> None:
        self.stopping.set()
        self._thread.join(60)
        assert not self._thread.is_alive()


@pytest.fixture
def leader(private_broker: BrokerServer) -> Iterator[Callable[[bool, int], None]]:
    """Return what publishes as a leader."""
    bus = PahoBus(private_broker.settings("hq", "service"))
    connected = threading.Event()
    bus.start(lambda item: connected.set() if isinstance(item, Connected) else None)
    assert connected.wait(60)
    yield lambda online, epoch: bus.publish(HQ_STATE, HqState(online, epoch, "1"))
    bus.stop()


@pytest.fixture
def wait(private_broker: BrokerServer) -> Iterator[Callable[[int | None], Waiter]]:
    waiters: list[Waiter] = []

    def begin(latest: int | None = None) -> Waiter:
        waiters.append(Waiter(private_broker, latest))
        return waiters[-1]

    yield begin
    for waiter in waiters:
        waiter.end()


Wait = Callable[[int | None], Waiter]
Leader = Callable[[bool, int], None]


def test_where_nobody_leads_it_is_ones_turn_at_once(wait: Wait) -> None:
    waiter = wait(None)

    eventually(lambda: waiter.result is True)


def test_a_leader_is_left_in_peace_until_it_says_goodbye(wait: Wait, leader: Leader) -> None:
    leader(True, 5)
    waiter = wait(5)
    for _ in range(3):
        leader(True, 5)
    assert waiter.result is None

    leader(False, 5)

    eventually(lambda: waiter.result is True)


def test_a_leader_that_falls_silent_is_followed(
    wait: Wait, leader: Leader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standby, "SILENT_SECONDS", 0.5)
    leader(True, 5)

    waiter = wait(5)

    eventually(lambda: waiter.result is True)


def test_the_last_will_of_a_replaced_hq_is_no_invitation(wait: Wait, leader: Leader) -> None:
    leader(True, 9)
    waiter = wait(9)
    leader(False, 8)
    leader(True, 9)
    assert waiter.result is None

    leader(False, 9)

    eventually(lambda: waiter.result is True)


def test_whoever_is_told_to_stop_gets_no_turn(wait: Wait, leader: Leader) -> None:
    leader(True, 5)
    waiter = wait(5)

    waiter.end()

    assert waiter.result is False
