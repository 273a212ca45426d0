"""The projector: behind the log by little, never wrong, never in the way."""

import queue
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pymongo.database import Database
from pymongo.errors import AutoReconnect

from hq.core.state import Change
from hq.log.connection import connect
from hq.log.memory import MemoryLog
from hq.read_models.models import ReadModelsUnusable
from hq.read_models.projector import Projector
from hq.read_models.rebuild import rebuild
from hq.read_models.verify import find_differences
from hq.read_models.writer import Changes, ReadModelWriter, read_checkpoint
from tests.fixtures.mongod import MongodServer
from tests.unit.hq.read_models.histories import History

LogOf = Callable[[History], MemoryLog]
PATIENCE = 60


@pytest.fixture
def fatal() -> queue.SimpleQueue[Exception]:
    return queue.SimpleQueue()


@pytest.fixture
def projector(database: Database[dict[str, Any]], fatal: queue.SimpleQueue[Exception]) -> Iterator[Projector]:
    _, generation = read_checkpoint(database)
    projector = Projector(ReadModelWriter(database, generation), position=0, on_fatal=fatal.put)
    projector.start()
    yield projector
    assert projector.stop(PATIENCE)


def wait_position(projector: Projector, position: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while projector.position < position and time.monotonic() < deadline:
        time.sleep(0.01)
    assert projector.position == position


def submit(projector: Projector, history: History) -> None:
    for decision, changes in zip(history.decisions, history.changes, strict=True):
        projector.submit(decision.position, changes)


def test_what_was_submitted_is_there_when_it_has_stopped(
    database: Database[dict[str, Any]], projector: Projector, log_of: LogOf
) -> None:
    history = History(seed=11)
    history.grow(400)

    submit(projector, history)
    assert projector.stop(PATIENCE)

    assert projector.position == 401
    assert read_checkpoint(database)[0] == 401
    assert find_differences(database, log_of(history)) == []


def test_a_decision_that_changes_no_document_moves_the_checkpoint_too(
    database: Database[dict[str, Any]], projector: Projector
) -> None:
    projector.submit(1, [])

    assert projector.stop(PATIENCE)
    assert read_checkpoint(database)[0] == 1


def test_documents_read_like_the_specification(
    database: Database[dict[str, Any]], projector: Projector
) -> None:
    history = History(seed=12)
    history.grow(300)
    submit(projector, history)
    assert projector.stop(PATIENCE)

    done = database.jobs.find_one({"status": "succeeded", "spec.sweep": {"$exists": True}})
    assert done is not None
    result = database.results.find_one({"job": done["_id"], "verdict": "accepted"})
    assert result is not None
    assert result["_id"] == {"job": done["_id"], "token": result["token"]}
    assert result["sweep"] == done["spec"]["sweep"]
    assert result["trial"] == done["spec"]["trial"]
    assert result["params"].keys() == {"x.y", "~$ref"}
    assert result["result"]["result"] == {"accuracy": 1, "~$ref": 1}
    answer = database.requests.find_one({})
    assert answer is not None
    assert answer["_id"] == {"submitter": "cli", "key": answer["key"]}


def test_a_rebuild_under_a_running_hq_ends_it_so_that_it_loads_again(
    database: Database[dict[str, Any]],
    projector: Projector,
    fatal: queue.SimpleQueue[Exception],
    log_of: LogOf,
) -> None:
    history = History(seed=13)
    history.grow(50)
    submit(projector, history)
    rebuild(database, log_of(history))

    projector.submit(52, [])

    assert isinstance(fatal.get(timeout=PATIENCE), ReadModelsUnusable)


class Interrupted(ReadModelWriter):
    """Loses the connection in the middle of every other write."""

    writes = 0

    def write(self, changes: Changes) -> None:
        self.writes += 1
        if self.writes % 2:
            half = Changes()
            everything: list[Change] = [one for name in ("results", "jobs") for one in changes.of(name)]
            half.add(changes.position, everything[: len(everything) // 2])
            ReadModelWriter.write(self._documents_only, half)
            raise AutoReconnect("connection closed")
        super().write(changes)

    _documents_only: ReadModelWriter


def test_a_write_that_was_cut_off_is_written_again(
    database: Database[dict[str, Any]], fatal: queue.SimpleQueue[Exception], log_of: LogOf
) -> None:
    _, generation = read_checkpoint(database)
    writer = Interrupted(database, generation)
    writer._documents_only = ReadModelWriter(database, None)
    projector = Projector(writer, position=0, on_fatal=fatal.put)
    history = History(seed=14)
    history.grow(100)

    projector.start()
    submit(projector, history)
    wait_position(projector, 101)
    assert projector.stop(PATIENCE)

    assert find_differences(database, log_of(history)) == []
    assert fatal.empty()


def test_a_killed_database_is_waited_for(
    private_mongod: MongodServer, fatal: queue.SimpleQueue[Exception], log_of: LogOf
) -> None:
    database = connect(private_mongod.uri)
    _, generation = read_checkpoint(database)
    projector = Projector(ReadModelWriter(database, generation), position=0, on_fatal=fatal.put)
    history = History(seed=15)
    history.grow(200)
    private_mongod.kill()

    projector.start()
    submit(projector, history)
    private_mongod.start()
    # Told to stop, it would try once more and no longer wait.
    wait_position(projector, 201)
    assert projector.stop(PATIENCE)

    assert find_differences(database, log_of(history)) == []
    database.client.close()
    assert fatal.empty()
