"""Looking up jobs that HQ has forgotten: what is found, what waits, and what a damaged document does."""

import hashlib
import io
import queue
import tarfile
from collections.abc import Callable, Iterator
from typing import Any

import gridfs
import msgspec
import pytest
from pymongo.database import Database

from hq.core.state import Change, Job
from hq.log.connection import connect
from hq.lookup import SpecLookUp
from hq.past import PastAsked
from hq.read_models.writer import Changes, ReadModelWriter
from schemas.specs import FloatRange, JobSpec, PastTrial, ScriptRef
from tests.unit.hq.core.small_house import SmallHouse, spec, success

Found = dict[str, JobSpec]


@pytest.fixture
def database(mongodb_uri: str) -> Iterator[Database[dict[str, Any]]]:
    database = connect(mongodb_uri)
    yield database
    database.client.close()


class Rig:
    """A look-up on a database, with its answers in a queue."""

    def __init__(self, database: Database[dict[str, Any]], is_current: Callable[[], bool]) -> None:
        self.found: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.fatal: queue.SimpleQueue[Exception] = queue.SimpleQueue()
        self.look_up = SpecLookUp(database, is_current, on_fatal=self.fatal.put)
        self.look_up.start()

    def ask(self, *jobs: str, known: Found | None = None) -> Found:
        self.look_up.submit(jobs, known or {}, self.found.put)
        found: Found = self.found.get(timeout=60)
        return found


@pytest.fixture
def ended() -> tuple[list[Change], str, str]:
    """Changes of a house in which one job ended and one runs."""
    house = SmallHouse()
    key = house.start(params={"$ref": 1, "a.b": 2})
    house.deliver(success(key))
    house.settle()
    running, _ = house.start(priority=3)
    return house.changes, key[0], running


@pytest.fixture
def rig(database: Database[dict[str, Any]], ended: tuple[list[Change], str, str]) -> Iterator[Rig]:
    changes = Changes()
    changes.add(1, ended[0])
    ReadModelWriter(database, None).write(changes)
    rig = Rig(database, lambda: True)
    yield rig
    rig.look_up.stop()
    assert rig.fatal.empty()


def test_specs_of_jobs_that_ended_come_from_the_read_models(
    rig: Rig, ended: tuple[list[Change], str, str]
) -> None:
    _, done, running = ended

    found = rig.ask(done, running, "j" + "z" * 12)

    assert found == {done: spec(params={"$ref": 1, "a.b": 2}), running: spec(priority=3)}


def test_what_is_known_already_is_not_read(rig: Rig, ended: tuple[list[Change], str, str]) -> None:
    known = {ended[1]: spec(priority=9)}

    assert rig.ask(ended[1], known=known) == known


def test_it_waits_for_read_models_that_are_behind(database: Database[dict[str, Any]]) -> None:
    asked: list[int] = []
    rig = Rig(database, lambda: len(asked) > 5 or asked.append(1) is not None)

    assert rig.ask("j" + "z" * 12) == {}
    assert len(asked) == 6
    rig.look_up.stop()


def test_one_damaged_document_does_not_end_it(
    rig: Rig, database: Database[dict[str, Any]], ended: tuple[list[Change], str, str]
) -> None:
    database["jobs"].update_one({"_id": ended[2]}, {"$set": {"status": "nonsense"}})

    rig.look_up.submit((ended[2],), {}, rig.found.put)

    assert list(rig.ask(ended[1])) == [ended[1]]


def test_a_mistake_in_it_ends_hq_and_not_only_the_thread(database: Database[dict[str, Any]]) -> None:
    def broken() -> bool:
        raise ValueError("a mistake")

    rig = Rig(database, broken)

    rig.look_up.submit(("j" + "z" * 12,), {}, rig.found.put)

    assert str(rig.fatal.get(timeout=60)) == "a mistake"


def test_the_fixture_is_what_it_says(ended: tuple[list[Change], str, str]) -> None:
    jobs = {change.id: change.status for change in ended[0] if isinstance(change, Job)}

    assert [str(jobs[ended[1]]), str(jobs[ended[2]])] == ["succeeded", "running"]


def test_trials_of_another_time_are_told_in_parts_that_fit(
    rig: Rig, database: Database[dict[str, Any]]
) -> None:
    trials = [PastTrial({"x": float(number)}, (number / 2,)) for number in range(5000)]
    content = msgspec.json.encode(trials)
    name = hashlib.sha256(content).hexdigest()
    gridfs.GridFSBucket(database, "blobs").upload_from_stream(name, content)
    read: list[Any] = []
    more = True
    while more:
        rig.look_up.submit_past(PastAsked(name, len(read)), rig.found.put)
        answer = rig.found.get(timeout=60)
        assert len(msgspec.json.encode(answer)) < 120_000
        read += answer["past"]
        more = answer["more"]

    assert msgspec.convert(read, list[PastTrial]) == trials


@pytest.mark.parametrize("content", [None, b"no list", b'[{"params": {}}]'])
def test_a_past_that_cannot_be_used_says_why(
    rig: Rig, database: Database[dict[str, Any]], content: bytes | None
) -> None:
    name = hashlib.sha256(content or b"").hexdigest()
    if content is not None:
        gridfs.GridFSBucket(database, "blobs").upload_from_stream(name, content)

    rig.look_up.submit_past(PastAsked(name, 0), rig.found.put)

    answer = rig.found.get(timeout=60)
    assert name in answer["why"]
    assert answer["past"] == []


SOURCE = b"""
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--learning-rate", type=float)
parser.parse_args()
"""


def bundled(source: bytes, entry: str = "train.py") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        member = tarfile.TarInfo(entry)
        member.size = len(source)
        tar.addfile(member, io.BytesIO(source))
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (bundled(SOURCE), "learning_rate", ()),
        (bundled(SOURCE), "learnin_rate", ("The script has no learnin_rate. Did you mean learning_rate?",)),
        (bundled(b"print(1)"), "learnin_rate", ()),
        (bundled(b"def ("), "learnin_rate", ()),
        (bundled(SOURCE, "other.py"), "learnin_rate", ()),
        (bundled(SOURCE)[:60], "learnin_rate", ()),
        (b"no bundle", "learnin_rate", ()),
        (bundled(b"#" * 40_000_000 + SOURCE), "learnin_rate", ()),
        (None, "learnin_rate", ()),
    ],
    ids=["fits", "misspelled", "no arguments", "no Python", "no entry", "cut", "no bundle", "huge", "gone"],
)
def test_what_a_stored_script_would_not_take_is_said_as_far_as_it_can_be_read(
    rig: Rig, database: Database[dict[str, Any]], content: bytes | None, name: str, said: tuple[str, ...]
) -> None:
    bundle = hashlib.sha256(content or b"").hexdigest()
    if content is not None:
        gridfs.GridFSBucket(database, "blobs").upload_from_stream(bundle, content)

    job = JobSpec(ScriptRef(bundle, "train.py"))
    rig.look_up.submit_script(job, {name: FloatRange(0, 1)}, rig.found.put)

    assert rig.found.get(timeout=10) == said
