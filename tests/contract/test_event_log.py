"""The promises of `EventLog`, kept alike by the twin in memory and by the real MongoDB."""

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo.database import Database

from hq.log.connection import check_server, connect
from hq.log.epoch import begin_epoch, new_op
from hq.log.memory import MemoryLog
from hq.log.mongo import MongoLog
from hq.log.port import DecisionRefused, EventLog, LogUnreadable, PositionTaken
from schemas.events import LOG_VERSION, AnyEvent, Decision, EpochBegan, JobHeld
from tests.fixtures.broker import eventually
from tests.unit.hq.log.strategies import events

INSTANCE = "0" * 32


@pytest.fixture
def database(mongodb_uri: str) -> Iterator[Database[dict[str, Any]]]:
    database = connect(mongodb_uri)
    yield database
    database.client.close()


@pytest.fixture(params=["memory", "mongo"])
def log(request: pytest.FixtureRequest) -> EventLog:
    if request.param == "memory":
        return MemoryLog()
    return MongoLog(request.getfixturevalue("database"))


def decision(position: int, *happened: AnyEvent, epoch: int = 1) -> Decision:
    return Decision(position, epoch, new_op(), 1.5, happened or (JobHeld("jaaaaaaaaaaaa", "cli"),))


def row(first: int, last: int, epoch: int = 1) -> list[Decision]:
    return [decision(position, epoch=epoch) for position in range(first, last + 1)]


def test_an_empty_log_has_nothing_and_its_tail_is_zero(log: EventLog) -> None:
    assert log.tail().position == 0
    assert list(log.read_after(0)) == []
    assert log.header_at(1) is None


def test_what_was_appended_is_read_back_in_order(log: EventLog) -> None:
    decisions = row(1, 1200)

    log.append(decisions[:1])
    log.append(decisions[1:])

    assert list(log.read_after(0)) == decisions
    assert list(log.read_after(1199)) == decisions[1199:]
    assert list(log.read_after(1200)) == []
    assert list(log.read_after(10, limit=600)) == decisions[10:610]
    assert list(log.read_after(3, limit=0)) == []
    assert log.tail().position == 1200
    assert log.tail().op == decisions[-1].op


def test_sending_the_same_decisions_again_changes_nothing(log: EventLog) -> None:
    decisions = row(1, 5)

    log.append(decisions)
    log.append(decisions)
    log.append(decisions[3:])

    assert list(log.read_after(0)) == decisions


def test_an_append_that_had_landed_in_part_is_completed(log: EventLog) -> None:
    decisions = row(1, 300)
    log.append(decisions[:120])

    log.append(decisions)

    assert list(log.read_after(0)) == decisions


@pytest.mark.parametrize("taken", [1, 2, 5])
def test_another_leaders_decision_means_that_the_position_is_taken(log: EventLog, taken: int) -> None:
    mine = row(1, 5)
    log.append(mine[: taken - 1])
    theirs = decision(taken, epoch=2)
    log.append([theirs])

    with pytest.raises(PositionTaken) as raised:
        log.append(mine)

    assert raised.value.position == taken
    assert list(log.read_after(0)) == [*mine[: taken - 1], theirs]


def test_an_append_with_a_hole_in_it_is_refused_whole(log: EventLog) -> None:
    with pytest.raises(DecisionRefused):
        log.append([decision(1), decision(3)])

    assert log.tail().position == 0


def test_the_leaders_ping_sees_who_took_the_next_position(log: EventLog) -> None:
    log.append(row(1, 3))
    log.verify_leadership(4)

    log.append([decision(4, epoch=2)])

    with pytest.raises(PositionTaken):
        log.verify_leadership(4)


def test_epochs_grow_with_the_clock_and_also_without_it(log: EventLog) -> None:
    assert begin_epoch(log, INSTANCE, lambda: 1000.9) == (1000, 1)
    assert begin_epoch(log, INSTANCE, lambda: 500.0) == (1001, 2)
    assert begin_epoch(log, INSTANCE, lambda: 2000.0) == (2000, 3)

    began = [event for one in log.read_after(0) for event in one.events]
    assert began == [EpochBegan(epoch, INSTANCE) for epoch in (1000, 1001, 2000)]


def test_a_new_epoch_fences_the_older_leader(log: EventLog) -> None:
    old, position = begin_epoch(log, INSTANCE, lambda: 10.0)
    log.append(row(position + 1, position + 3, old))

    new, fence = begin_epoch(log, INSTANCE, lambda: 10.0)

    assert new > old
    with pytest.raises(PositionTaken):
        log.append(row(fence, fence + 2, old))
    with pytest.raises(PositionTaken):
        log.verify_leadership(fence)
    log.append(row(fence + 1, fence + 2, new))


def test_a_log_that_a_newer_version_continued_is_refused_at_the_start(log: EventLog) -> None:
    log.append([decision(1, EpochBegan(7, INSTANCE), epoch=7)])
    log.append([decision(2, EpochBegan(8, INSTANCE, LOG_VERSION + 1), epoch=8), *row(3, 9, 8)])

    with pytest.raises(LogUnreadable, match=f"version {LOG_VERSION + 1} since position 2"):
        begin_epoch(log, INSTANCE, lambda: 10.0)

    assert log.tail().position == 9
    with pytest.raises(LogUnreadable, match="version"):
        list(log.read_after(0))


class Leader:
    """Takes over again and again and appends what it can; remembers what was acknowledged."""

    def __init__(self, log: EventLog) -> None:
        self.log = log
        self.acknowledged: list[Decision] = []
        self.fenced = 0

    def lead(self, appends: int) -> None:
        """Take over once and append until fenced."""
        epoch, position = begin_epoch(self.log, INSTANCE, lambda: 100.0)
        for size in range(1, appends + 1):
            batch: Sequence[Decision] = row(position + 1, position + 1 + size % 4, epoch)
            try:
                self.log.append(batch)
            except PositionTaken:
                self.fenced += 1
                return
            self.acknowledged.extend(batch)
            position = batch[-1].position


def check_history(log: EventLog, acknowledged: list[Decision]) -> None:
    """Nothing acknowledged is lost, nothing is there twice, no older epoch follows a newer."""
    history = list(log.read_after(0))
    assert [one.position for one in history] == list(range(1, len(history) + 1))
    epochs = [one.epoch for one in history]
    assert epochs == sorted(epochs)
    ops = [one.op for one in history]
    assert len(set(ops)) == len(ops)
    by_position = {one.position: one for one in history}
    for one in acknowledged:
        assert by_position[one.position] == one
    firsts = [one for before, one in zip([None, *epochs], history, strict=False) if before != one.epoch]
    assert all(isinstance(one.events[0], EpochBegan) for one in firsts)


def test_two_leaders_at_once_lose_nothing_that_was_acknowledged(log: EventLog) -> None:
    leaders = [Leader(log), Leader(log)]
    threads = [threading.Thread(target=lambda own=own: [own.lead(10) for _ in range(8)]) for own in leaders]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert not any(thread.is_alive() for thread in threads)
    check_history(log, [one for leader in leaders for one in leader.acknowledged])
    assert all(leader.acknowledged for leader in leaders)


# --- the real MongoDB alone ------------------------------------------------------


@pytest.fixture(scope="module")
def shared_log(mongod_server: Any) -> Iterator[MongoLog]:
    database = connect(mongod_server.uri_of("test_round_trip"))
    yield MongoLog(database)
    database.client.drop_database(database.name)
    database.client.close()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(events(), min_size=1, max_size=4))
def test_every_event_survives_mongodb_unchanged(shared_log: MongoLog, happened: list[AnyEvent]) -> None:
    after = shared_log.tail().position
    written = decision(after + 1, *happened)

    shared_log.append([written])

    assert list(shared_log.read_after(after)) == [written]


def test_a_missing_decision_is_found_and_named(database: Database[dict[str, Any]]) -> None:
    log = MongoLog(database)
    log.append(row(1, 5))
    database.events.delete_one({"_id": 3})

    with pytest.raises(LogUnreadable, match="no decision at position 3"):
        list(log.read_after(0))


def test_an_append_that_the_server_answers_with_another_error_is_not_taken_for_committed(
    database: Database[dict[str, Any]],
) -> None:
    log = MongoLog(database)
    decisions = row(1, 10)
    log.append(decisions[:1])
    # Any write error that is not a duplicate: a full disk or a step-down look the same.
    database.command("collMod", "events", validator={"_id": {"$lt": 5}})
    appending = threading.Thread(target=log.append, args=(decisions,), daemon=True)

    appending.start()
    eventually(lambda: log.tail().position == 4)
    appending.join(0.3)
    assert appending.is_alive()
    assert log.tail().position == 4
    database.command("collMod", "events", validator={})
    appending.join(60)

    assert not appending.is_alive()
    assert list(log.read_after(0)) == decisions


def test_a_wrong_password_is_said_at_once_and_not_repeated_in_the_message(mongodb_uri: str) -> None:
    database = connect(mongodb_uri.replace("://idlehands:", "://idlehands:wrong"))

    with pytest.raises(LogUnreadable, match="refuses this user") as raised:
        check_server(database)
    with pytest.raises(LogUnreadable, match="refuses this user"):
        MongoLog(database).append(row(1, 1))

    assert "wrong" not in str(raised.value)
    database.client.close()


def test_the_check_at_the_start_passes_on_a_good_server(database: Database[dict[str, Any]]) -> None:
    check_server(database)
