"""The event log on a real mongod that is killed and frozen while HQs append."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hq.log.connection import connect
from hq.log.mongo import MongoLog
from hq.log.port import LogUnavailable
from tests.contract.test_event_log import Leader, check_history, row
from tests.fixtures.mongod import MongodServer

pytestmark = pytest.mark.process


@contextmanager
def opened(server: MongodServer) -> Iterator[MongoLog]:
    database = connect(server.uri)
    try:
        yield MongoLog(database)
    finally:
        database.client.close()


class InBackground:
    """Runs one call in a thread and hands on what it raised."""

    def __init__(self, call: object) -> None:
        self._call = call
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._call()  # type: ignore[operator]
        except BaseException as error:
            self.error = error

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive()

    def finish(self, timeout_seconds: float = 40) -> None:
        self._thread.join(timeout_seconds)
        assert not self._thread.is_alive(), "still running"
        if self.error:
            raise self.error


def test_appends_survive_kills_of_mongod_in_the_middle(private_mongod: MongodServer) -> None:
    with opened(private_mongod) as log:
        decisions = row(1, 12_000)
        batches = [decisions[at : at + 600] for at in range(0, len(decisions), 600)]
        sent: list[int] = []

        def append_all() -> None:
            for batch in batches:
                log.append(batch)
                sent.append(batch[-1].position)

        appending = InBackground(append_all)
        for kill in range(3):
            wait_until(lambda kill=kill: len(sent) > 5 * kill)
            private_mongod.kill()
            private_mongod.start()
        appending.finish()

        assert list(log.read_after(0)) == decisions


def test_a_frozen_mongod_blocks_an_append_and_loses_nothing(private_mongod: MongodServer) -> None:
    with opened(private_mongod) as log:
        decisions = row(1, 40)
        log.append(decisions[:20])
        private_mongod.freeze()
        appending = InBackground(lambda: log.append(decisions[20:]))

        # Longer than the socket's time-out, so that the same bytes are sent twice.
        with pytest.raises(LogUnavailable):
            log.verify_leadership(21)
        wait_until(lambda: not appending.is_running, seconds=1.5, must=False)
        assert appending.is_running
        private_mongod.thaw()
        appending.finish()

        assert list(log.read_after(0)) == decisions


def test_an_append_can_be_given_up_while_mongod_is_away(private_mongod: MongodServer) -> None:
    with opened(private_mongod) as log:
        log.append(row(1, 1))
        private_mongod.kill()
        give_up = threading.Event()
        appending = InBackground(lambda: log.append(row(2, 2), give_up.is_set))

        wait_until(lambda: not appending.is_running, seconds=0.5, must=False)
        assert appending.is_running
        give_up.set()

        with pytest.raises(LogUnavailable):
            appending.finish(10)


def test_two_hqs_under_kills_and_freezes_keep_one_history(private_mongod: MongodServer) -> None:
    chance = random.Random(7)
    stop = threading.Event()
    with opened(private_mongod) as one, opened(private_mongod) as two:
        leaders = [Leader(one), Leader(two)]

        def lead(leader: Leader) -> None:
            while not stop.is_set():
                try:
                    leader.lead(40)
                except LogUnavailable:
                    # Taking over gives up when mongod is away; appends never do.
                    continue

        threads = [InBackground(lambda leader=leader: lead(leader)) for leader in leaders]
        for fault in ("kill", "freeze", "freeze", "kill", "freeze", "kill"):
            before = sum(len(leader.acknowledged) for leader in leaders)
            wait_until(lambda before=before: sum(len(one.acknowledged) for one in leaders) > before + 200)
            time.sleep(chance.uniform(0.05, 0.3))  # the fault strikes at some moment of an append
            if fault == "kill":
                private_mongod.kill()
                private_mongod.start()
            else:
                private_mongod.freeze()
                time.sleep(chance.uniform(0.2, 1.5))  # and lasts a while
                private_mongod.thaw()
        stop.set()
        for thread in threads:
            thread.finish()

        acknowledged = [decision for leader in leaders for decision in leader.acknowledged]
        check_history(one, acknowledged)
        assert len(acknowledged) > 1000
        assert all(leader.acknowledged and leader.fenced for leader in leaders)


def wait_until(condition: object, seconds: float = 60, must: bool = True) -> None:
    """Poll until the condition holds; with `must` it has to in time."""
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        if time.monotonic() > deadline:
            assert not must, f"not within {seconds} s"
            return
        time.sleep(0.01)
