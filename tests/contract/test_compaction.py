"""Compacting the log behind a snapshot: readable at every moment, and everything still follows from it."""

import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from hq.core.state import IDEMPOTENCY_SECONDS
from hq.housekeeping.compaction import compact
from hq.housekeeping.housekeeper import Housekeeper, compact_command
from hq.housekeeping.settings import Keeping
from hq.log.connection import connect
from hq.log.documents import RAW_CODEC
from hq.log.epoch import begin_epoch
from hq.log.memory import MemoryLog
from hq.log.mongo import COMPACTED, EVENTS, MongoLog
from hq.log.port import EventLog, LogUnavailable, LogUnreadable, PositionTaken
from hq.read_models.indexes import ensure_indexes
from hq.read_models.loading import load
from hq.read_models.models import COLLECTIONS, change_of
from hq.read_models.rebuild import rebuild
from hq.read_models.verify import find_differences
from schemas.events import LOG_VERSION, AnyEvent, Decision, EpochBegan, JobHeld
from tests.contract.deletions import ForgetfulHistory
from tests.contract.test_deletion import same_but_reported
from tests.fixtures.mongod import MongodServer

pytestmark = pytest.mark.process
JOB = "jaaaaaaaaaaaa"
INSTANCE = "a" * 32
SNAPSHOT = "snapshot_"


@pytest.fixture
def database(mongodb_uri: str) -> Iterator[Database[dict[str, Any]]]:
    database = connect(mongodb_uri)
    ensure_indexes(database)
    yield database
    database.client.close()


# --- the log itself, twin and real alike ---------------------------------------------


@pytest.fixture(params=["memory", "mongo"])
def log(request: pytest.FixtureRequest) -> EventLog:
    if request.param == "memory":
        return MemoryLog()
    return MongoLog(request.getfixturevalue("database"))


def forget(log: EventLog, position: int) -> None:
    """Forget as a compaction does: with the manifest first."""
    if isinstance(log, MongoLog):
        manifest = {"position": position, "epoch": 1, "generation": "x", "version": LOG_VERSION}
        log._database[COMPACTED].update_one({"_id": "log"}, {"$set": manifest}, upsert=True)
        log._database.command("create", "barrier", writeConcern={"w": "majority", "j": True})
    log.forget(position)


def decision(position: int, epoch: int, op: str = "", *happened: AnyEvent) -> Decision:
    events = happened or (JobHeld(JOB, "cli"),)
    return Decision(position, epoch, op or f"op-{position}", 1.5, events)


def epochs(lengths: list[int]) -> list[Decision]:
    """Return the decisions of several epochs, each with its fence and so many more."""
    decisions: list[Decision] = []
    for epoch, length in enumerate(lengths, start=1):
        decisions.append(decision(len(decisions) + 1, epoch, "", EpochBegan(epoch, INSTANCE)))
        decisions += [decision(len(decisions) + 1 + more, epoch) for more in range(length)]
    return decisions


def test_a_log_begins_at_one_and_after_forgetting_right_behind(log: EventLog) -> None:
    decisions = epochs([5, 5])
    log.append(decisions)
    assert log.start() == 1

    forget(log, 8)

    assert log.start() == 9
    assert list(log.read_after(8)) == decisions[8:]
    assert log.tail().position == 12
    assert log.header_at(8) is None
    with pytest.raises(LogUnreadable):
        list(log.read_after(7))
    log.append([decision(13, 2)])
    assert log.tail().position == 13


def test_the_last_decision_is_never_forgotten(log: EventLog) -> None:
    log.append(epochs([3]))

    with pytest.raises(ValueError, match="last decision"):
        log.forget(4)

    assert log.tail().position == 4


def test_a_leader_that_was_frozen_for_ever_still_meets_its_fence(log: EventLog) -> None:
    log.append(epochs([5, 5, 5]))
    forget(log, 15)

    # The leader of epoch 1 had appended up to 6; that of epoch 2 up to 12.
    for position in (7, 13):
        with pytest.raises(PositionTaken):
            log.append([decision(position, 1, "late")])
        with pytest.raises(PositionTaken):
            log.verify_leadership(position)
    assert next(iter(log.read_after(15))).position == 16


@pytest.mark.parametrize("behind", [1, 4, 8, 9, 10, 11])
def test_an_epoch_begins_wherever_the_log_was_compacted(log: EventLog, behind: int) -> None:
    log.append(epochs([2, 3, 4]))
    forget(log, behind)

    epoch, position = begin_epoch(log, INSTANCE, lambda: 0.0)

    assert (epoch, position) == (4, 13)


def test_a_newer_version_is_refused_also_behind_a_snapshot(log: EventLog) -> None:
    log.append(epochs([5]))
    log.append([decision(7, 2, "", EpochBegan(2, INSTANCE, LOG_VERSION + 1)), decision(8, 2)])
    forget(log, 5)

    with pytest.raises(LogUnreadable, match="version"):
        begin_epoch(log, INSTANCE, lambda: 0.0)


def test_a_log_that_a_newer_version_compacted_is_refused(database: Database[dict[str, Any]]) -> None:
    log = MongoLog(database)
    log.append(epochs([5]))
    forget(log, 3)
    database[COMPACTED].update_one({}, {"$set": {"version": LOG_VERSION + 1}})
    database.command("create", "other", writeConcern={"w": "majority", "j": True})

    with pytest.raises(LogUnreadable, match="newer HQ"):
        begin_epoch(log, INSTANCE, lambda: 0.0)


# --- snapshot and tail -----------------------------------------------------------------


def stored(database: Database[dict[str, Any]]) -> dict[str, list[str]]:
    """Return what is stored as what it was made from: 2 and 2.0 are no difference."""
    # Answers are forgotten by age at moments of their own.
    names = [name for name in COLLECTIONS if name != "requests"]
    found: dict[str, list[str]] = {}
    for name in names:
        documents: Any = database.get_collection(name, codec_options=RAW_CODEC).find()
        found[name] = sorted(str(change_of(name, document)) for document in documents)
    return found


def check_whole(database: Database[dict[str, Any]], log: EventLog, history: ForgetfulHistory) -> None:
    """Check that start, verify and rebuild all give what the whole history gives."""
    state, _ = load(database, log)
    # Answers that are older than seven days are forgotten some time.
    young = history.decisions[-1].at - IDEMPOTENCY_SECONDS
    for answers in (state.answers, history.state.answers):
        for key in [key for key, answer in answers.items() if answer.at < young]:
            del answers[key]
    same_but_reported(state, history.state)
    assert find_differences(database, log) == []


def collections_of_snapshots(database: Database[dict[str, Any]]) -> set[str]:
    return {name.split("_")[1] for name in database.list_collection_names() if name.startswith(SNAPSHOT)}


@pytest.mark.parametrize("seed", [51, 52])
def test_log_and_snapshot_give_what_the_whole_log_gave(database: Database[dict[str, Any]], seed: int) -> None:
    chance = random.Random(seed)
    history = ForgetfulHistory(seed)
    log = MongoLog(database)
    start = 1
    for _ in range(3):
        known = len(history.decisions)
        history.grow(120)
        log.append(history.decisions[known:] if known > 1 else history.decisions)
        load(database, log)
        before = stored(database)

        done = compact(database, log, keep=chance.randrange(1, 80))

        assert done.before == start
        assert done.after > start
        start = done.after
        assert log.start() == start
        # The fence of the only epoch, and no decision more.
        assert database[EVENTS].count_documents({"_id": {"$lt": start}}) == 1
        check_whole(database, log, history)
        assert stored(database) == before
        rebuild(database, log)
        assert stored(database) == before
        check_whole(database, log, history)
        assert len(collections_of_snapshots(database)) == 1


def test_the_housekeeper_compacts_a_log_that_is_larger_than_wanted(
    database: Database[dict[str, Any]], mongodb_uri: str, tmp_path: Path
) -> None:
    history = ForgetfulHistory(53)
    history.grow(60)
    log = MongoLog(database)
    log.append(history.decisions)
    load(database, log)
    file = tmp_path / "uri"
    file.write_text(mongodb_uri)
    keeper = Housekeeper(
        database, lambda jobs, sweeps: None, on_fatal=print, compact_command=compact_command(str(file))
    )

    keeper.do_round(Keeping(compact_above_mb=1, compact_keep=5))
    assert log.start() == 1

    while int(database.command("collStats", EVENTS)["size"]) <= 1024 * 1024:
        known = len(history.decisions)
        history.grow(500)
        log.append(history.decisions[known:])
    load(database, log)
    keeper.do_round(Keeping(compact_above_mb=1, compact_keep=5))

    assert log.start() == log.tail().position - 4
    assert find_differences(database, log) == []


def test_nothing_is_compacted_that_the_read_models_have_not_passed(
    database: Database[dict[str, Any]],
) -> None:
    history = ForgetfulHistory(54)
    history.grow(100)
    log = MongoLog(database)
    log.append(history.decisions)

    assert compact(database, log, keep=1).after == 1
    load(database, log)
    assert compact(database, log, keep=1).after == 101
    assert compact(database, log, keep=50).after == 101
    check_whole(database, log, history)


def test_an_interrupted_compaction_leaves_nothing_after_the_next(database: Database[dict[str, Any]]) -> None:
    history = ForgetfulHistory(55)
    history.grow(100)
    log = MongoLog(database)
    log.append(history.decisions)
    load(database, log)
    database["snapshot_dead_jobs"].insert_one({"left": "over"})

    compact(database, log, keep=10)

    assert "dead" not in collections_of_snapshots(database)
    check_whole(database, log, history)


def test_of_two_compactions_at_once_one_ends_well(database: Database[dict[str, Any]]) -> None:
    history = ForgetfulHistory(56)
    history.grow(300)
    log = MongoLog(database)
    log.append(history.decisions)
    load(database, log)
    outcomes: list[str] = []

    def run() -> None:
        try:
            compact(database, MongoLog(database), keep=10)
            outcomes.append("done")
        except (LogUnavailable, LogUnreadable):
            outcomes.append("refused")

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(outcomes) == 3
    if "done" not in outcomes:
        compact(database, log, keep=10)
    assert log.start() == 292
    check_whole(database, log, history)
    rebuild(database, log)
    check_whole(database, log, history)


def test_an_hq_that_appends_meanwhile_is_not_disturbed(database: Database[dict[str, Any]]) -> None:
    history = ForgetfulHistory(57)
    history.grow(700)
    log = MongoLog(database)
    log.append(history.decisions[:300])
    load(database, log)
    trouble: list[Exception] = []

    def append() -> None:
        try:
            for one in history.decisions[300:]:
                log.append([one])
        except Exception as error:
            trouble.append(error)

    appending = threading.Thread(target=append)
    appending.start()
    while appending.is_alive():
        compact(database, MongoLog(database), keep=5)
    appending.join()

    assert trouble == []
    compact(database, log, keep=5)
    check_whole(database, log, history)


# --- kills -----------------------------------------------------------------------------


def start_compacting(uri: str, folder: Path, keep: int) -> "subprocess.Popen[bytes]":
    file = folder / "uri"
    file.write_text(uri)
    command = [sys.executable, "-m", "hq.housekeeping", "compact"]
    arguments = ["--mongodb-file", str(file), "--keep", str(keep)]
    return subprocess.Popen([*command, *arguments], stderr=subprocess.DEVNULL)


@pytest.mark.parametrize("seed", [61])
def test_a_compaction_that_is_killed_anywhere_leaves_a_readable_house(
    database: Database[dict[str, Any]], mongodb_uri: str, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    history = ForgetfulHistory(seed)
    history.grow(900)
    log = MongoLog(database)
    log.append(history.decisions)
    load(database, log)
    before = stored(database)
    kills, keep = 0, 850
    while keep > 100:
        process = start_compacting(mongodb_uri, tmp_path, keep)
        killer = threading.Timer(chance.uniform(0.3, 2.0), process.kill)
        killer.start()
        code = process.wait()
        killer.cancel()
        kills += code != 0
        check_whole(database, log, history)
        keep -= 200
    rebuild(database, log)
    assert stored(database) == before
    process = start_compacting(mongodb_uri, tmp_path, 20)
    assert process.wait() == 0

    assert kills >= 1
    assert log.start() == 882
    assert database[EVENTS].count_documents({}) == 21
    check_whole(database, log, history)


def test_a_mongod_that_is_killed_meanwhile_leaves_a_readable_house(
    private_mongod: MongodServer, tmp_path: Path
) -> None:
    database = connect(private_mongod.uri)
    ensure_indexes(database)
    history = ForgetfulHistory(71)
    history.grow(900)
    log = MongoLog(database)
    log.append(history.decisions)
    load(database, log)
    before = stored(database)
    chance = random.Random(71)
    for keep in (600, 100):
        process = start_compacting(private_mongod.uri, tmp_path, keep)
        killer = threading.Timer(chance.uniform(0.6, 1.6), private_mongod.kill)
        killer.start()
        process.wait()
        killer.join()
        private_mongod.start()
        check_whole(database, log, history)

    compact(database, log, keep=10)

    assert log.start() == 892
    check_whole(database, log, history)
    rebuild(database, log)
    assert stored(database) == before
    database.client.close()
