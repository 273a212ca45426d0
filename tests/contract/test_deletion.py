"""Deleting what has ended: by request, through crashes, and never more than was asked for."""

import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo.database import Database
from pymongo.errors import AutoReconnect

from hq.core.outputs import LookUp, LookUpSweep
from hq.core.state import Deleted
from hq.log.connection import connect
from hq.log.memory import MemoryLog
from hq.read_models.deletion import (
    DELETED,
    delete_documents,
    finish_deletions,
    repeat_deletions,
    write_tombstones,
)
from hq.read_models.indexes import ensure_indexes
from hq.read_models.loading import load
from hq.read_models.models import COLLECTIONS
from hq.read_models.rebuild import rebuild
from hq.read_models.verify import find_differences
from hq.read_models.writer import COMMITTED, Changes, ReadModelWriter, read_checkpoint
from schemas.events import JobDeleted, ResultSuperseded, SweepDeleted
from schemas.requests import Cancel, CancelSweep, Delete, DeleteSweep, Propose, SubmitSweep
from schemas.specs import FloatRange, SweepSpec
from tests.contract.deletions import ForgetfulHistory
from tests.unit.hq.core.small_house import SmallHouse, replay, spec, success
from tests.unit.hq.read_models.test_loading import assert_same

pytestmark = pytest.mark.process
UNKNOWN = "jaaaaaaaaaaaa"


@pytest.fixture
def database(mongodb_uri: str) -> Iterator[Database[dict[str, Any]]]:
    database = connect(mongodb_uri)
    ensure_indexes(database)
    yield database
    database.client.close()


# --- what HQ decides ---------------------------------------------------------------


def test_only_what_has_ended_is_deleted_and_all_of_it_or_nothing() -> None:
    house = SmallHouse()
    live, ended = house.submit(spec(), spec())
    house.request(Cancel(jobs=(ended,)))

    refused = house.request(Delete(jobs=(ended, live)))
    assert refused.error is not None
    assert refused.error.code == "not_final"
    assert "cancel it first" in refused.error.message
    assert house.of(JobDeleted) == []

    assert house.request(Delete(jobs=(ended,))).result == {"jobs": [ended]}
    assert house.of(JobDeleted) == [JobDeleted(ended, "cli")]
    assert ended not in house.authority.state.finished
    assert live in house.authority.state.jobs
    assert replay(house.decisions).position == house.authority.state.position


def test_a_job_that_is_not_in_memory_is_looked_up() -> None:
    house = SmallHouse()
    message = house.ask(Delete(jobs=(UNKNOWN,)))
    (asked,) = [one for one in house.outputs if isinstance(one, LookUp)]

    house.authority.retry(asked.request, {})
    house.settle()
    (reply,) = house.replies(message)
    assert reply.error is not None
    assert reply.error.code == "unknown_job"

    house.ask(Delete(jobs=(UNKNOWN,)), message_id="again")
    house.authority.retry(house.look_ups()[-1].request, {UNKNOWN: spec()})
    house.settle()
    assert house.of(JobDeleted) == [JobDeleted(UNKNOWN, "cli")]


def test_a_repeated_request_gets_the_first_answer_though_the_job_is_gone() -> None:
    house = SmallHouse()
    (job,) = house.submit()
    house.request(Cancel(jobs=(job,)))
    first = house.request(Delete(jobs=(job,), key="once"))

    message = house.ask(Delete(jobs=(job,), key="once"))
    house.authority.retry(house.look_ups()[-1].request, {})
    house.settle()

    assert house.replies(message)[-1].result == first.result
    assert len(house.of(JobDeleted)) == 1


def test_a_late_result_of_a_deleted_job_is_kept_and_hurts_nobody() -> None:
    house = SmallHouse()
    key = house.start()
    house.request(Cancel(jobs=(key[0],)))
    house.request(Delete(jobs=(key[0],)))

    house.deliver(success(key))
    house.settle()
    house.restart()

    assert [one.job for one in house.of(ResultSuperseded)] == [key[0]]
    assert not house.authority.state.jobs


def test_an_ended_sweep_is_deleted_with_its_jobs_and_a_running_one_is_not() -> None:
    house = SmallHouse()
    wanted = SweepSpec(spec(), {"x": FloatRange(0, 1)}, trials=3)
    sweep = house.request(SubmitSweep(sweep=wanted)).result["sweep"]
    proposed = house.request(Propose(sweep=sweep, first=0, trials=({"x": 0.1}, {"x": 0.2})), "search")
    jobs = tuple(proposed.result["jobs"])

    def delete(found: tuple[str, ...] | None) -> Any:
        message = house.ask(DeleteSweep(sweep=sweep))
        asked = [one for one in house.outputs if isinstance(one, LookUpSweep)][-1]
        house.authority.found_sweep(asked.request, found)
        house.settle()
        return house.replies(message)[-1]

    assert delete(jobs).error.code == "not_final"
    house.request(CancelSweep(sweep=sweep))
    assert delete(None).error.code == "unknown_sweep"
    assert delete(jobs).result == {"sweep": sweep, "deleted": 2}
    assert house.of(SweepDeleted) == [SweepDeleted(sweep, "cli")]
    assert {one.job for one in house.of(JobDeleted)} == set(jobs)


def test_tidying_deletes_for_hq_and_leaves_what_lives() -> None:
    house = SmallHouse()
    live, ended = house.submit(spec(), spec())
    house.request(Cancel(jobs=(ended,)))

    house.authority.tidy((live, ended))
    house.settle()

    assert house.of(JobDeleted) == [JobDeleted(ended, "hq")]


# --- what is stored ----------------------------------------------------------------


def history_of(seed: int, length: int = 300) -> tuple[ForgetfulHistory, MemoryLog]:
    history = ForgetfulHistory(seed)
    history.grow(length)
    log = MemoryLog()
    log.append(history.decisions)
    assert len(history.deleted) > 5
    return history, log


def collect(history: ForgetfulHistory, first: int, last: int) -> Changes:
    changes = Changes()
    for position in range(first, last + 1):
        changes.add(position, history.changes[position - 1])
    return changes


def same_but_reported(loaded: Any, folded: Any) -> None:
    # Of deleted jobs memory may know a result that the read models do not have any more.
    for key in set(folded.reported) - set(loaded.reported):
        del folded.reported[key]
    # Answers of the tail that are older than seven days are remembered for a little longer.
    for key in set(loaded.answers) - set(folded.answers):
        del loaded.answers[key]
    loaded.reported = type(loaded.reported)(sorted(loaded.reported.items()))
    folded.reported = type(folded.reported)(sorted(folded.reported.items()))
    for key in set(loaded.reported) & set(folded.reported):
        folded.reported[key] = loaded.reported[key]
    assert_same(loaded, folded)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("cut", ["before", "tombstones", "documents", "checkpoint", "half deleted"])
def test_wherever_a_deletion_was_cut_off_the_start_gives_the_same_state(
    database: Database[dict[str, Any]], seed: int, cut: str
) -> None:
    chance = random.Random(f"{seed}{cut}")
    history, log = history_of(seed)
    _, generation = read_checkpoint(database)
    checkpoint = chance.randrange(1, 200)
    ReadModelWriter(database, generation).write(collect(history, 1, checkpoint))
    ahead = collect(history, checkpoint + 1, chance.randrange(checkpoint + 30, 301))
    if cut == "tombstones":
        write_tombstones(database, ahead.deleted)
    elif cut != "before":
        with pytest.raises(AutoReconnect):
            DyingWriter(database, generation, moves=cut != "documents").write(ahead)
    if cut == "half deleted":
        delete_documents(database, ahead.deleted[::2])
    database.get_collection("other", write_concern=COMMITTED).insert_one({})

    state, _ = load(database, log)

    same_but_reported(state, history.state)
    assert find_differences(database, log) == []
    assert database[DELETED].count_documents({"done": False}) == 0
    gone = {"$in": history.deleted}
    assert database.jobs.count_documents({"_id": gone}) == 0
    assert database.sweeps.count_documents({"_id": gone}) == 0
    assert database.results.count_documents({"job": gone, "verdict": {"$ne": "superseded"}}) == 0


class DyingWriter(ReadModelWriter):
    """Dies right before or right after it moves the checkpoint."""

    def __init__(self, database: Database[dict[str, Any]], generation: str, *, moves: bool) -> None:
        super().__init__(database, generation)
        self._moves = moves

    def _move_checkpoint(self, position: int) -> None:
        if self._moves:
            super()._move_checkpoint(position)
        raise AutoReconnect("connection closed")


def test_a_rebuild_leaves_out_what_was_deleted(database: Database[dict[str, Any]]) -> None:
    _, log = history_of(seed=31, length=600)
    load(database, log)
    names = set(COLLECTIONS) - {"requests"}
    stored = {name: sorted(map(str, database[name].find())) for name in names}

    rebuild(database, log)

    assert {name: sorted(map(str, database[name].find())) for name in names} == stored
    assert find_differences(database, log) == []


def test_logs_and_progress_of_a_deleted_job_go_also_when_they_come_late(
    database: Database[dict[str, Any]],
) -> None:
    deleted = Deleted(kind="job", id=UNKNOWN, position=5, at=2e9)
    other = "jbbbbbbbbbbbb"
    rows = [{"_id": number, "job": job} for number, job in enumerate((UNKNOWN, other))]
    points = [{"_id": {"job": job, "token": 1, "seq": 0}} for job in (UNKNOWN, other)]
    database.logs.insert_many(rows)
    database.progress.insert_many(points)
    write_tombstones(database, [deleted])
    database.get_collection("other", write_concern=COMMITTED).insert_one({})

    assert finish_deletions(database, 4) == 0
    assert database.logs.count_documents({}) == 2
    assert finish_deletions(database, 5) == 1
    assert [row["job"] for row in database.logs.find()] == [other]
    assert [row["_id"]["job"] for row in database.progress.find()] == [other]

    database.logs.insert_one({"_id": 7, "job": UNKNOWN})
    database.get_collection("other", write_concern=COMMITTED).insert_one({})
    repeat_deletions(database, 5)
    assert [row["job"] for row in database.logs.find()] == [other]
    assert database[DELETED].count_documents({}) == 1


@pytest.mark.parametrize("seed", [41, 42])
def test_kills_in_the_middle_of_deleting_leave_nothing_behind(
    database: Database[dict[str, Any]], mongodb_uri: str, seed: int
) -> None:
    length = 400
    history, log = history_of(seed, length)
    chance = random.Random(seed)
    kills = 0
    while True:
        command = [
            sys.executable,
            "-m",
            "tests.contract.writing_process",
            mongodb_uri,
            str(seed),
            str(length),
        ]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "loaded\n"
        if kills < 6:
            timer = threading.Timer(chance.uniform(0.01, 0.25), process.kill)
            timer.start()
        said = process.stdout.read()
        process.wait()
        process.stdout.close()
        if "done" in said:
            break
        kills += 1
    assert kills >= 2

    state, _ = load(database, log)

    same_but_reported(state, history.state)
    assert find_differences(database, log) == []
    assert database[DELETED].count_documents({"done": False}) == 0
