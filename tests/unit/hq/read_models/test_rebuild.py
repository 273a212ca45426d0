"""Rebuilding and verifying: whatever happened to the read models, the log makes them good again."""

from collections.abc import Callable
from typing import Any

import pytest
from pymongo.database import Database

from hq.log.memory import MemoryLog
from hq.log.port import LogUnreadable
from hq.read_models.indexes import INDEXES, check_indexes, ensure_indexes
from hq.read_models.loading import load
from hq.read_models.models import COLLECTIONS, ReadModelsUnusable
from hq.read_models.rebuild import rebuild
from hq.read_models.verify import find_differences
from hq.read_models.writer import read_checkpoint
from schemas.events import Decision, JobHeld
from tests.unit.hq.read_models.histories import History

LogOf = Callable[[History], MemoryLog]


@pytest.fixture
def history() -> History:
    history = History(seed=21)
    history.grow(400)
    return history


def damage(database: Database[dict[str, Any]]) -> None:
    database.jobs.delete_one({"status": "succeeded"})
    database.jobs.update_one({"status": "failed"}, {"$set": {"why": "something else"}})
    database.results.update_one({"verdict": "accepted"}, {"$set": {"verdict": "superseded"}})
    database.agents.update_one({}, {"$set": {"position": 1}})
    database.sweeps.insert_one({**(database.sweeps.find_one({}) or {}), "_id": "saaaaaaaaaaaa"})


def test_verify_names_every_kind_of_damage_and_rebuild_repairs_it(
    database: Database[dict[str, Any]], history: History, log_of: LogOf
) -> None:
    log = log_of(history)
    load(database, log)
    assert find_differences(database, log) == []
    damage(database)

    found = find_differences(database, log)

    assert sorted((one.collection, one.what.split(",")[0]) for one in found) == [
        ("agents", "reflects position 1"),
        ("jobs", "has other content than the log gives it"),
        ("jobs", next(one.what for one in found if one.what.startswith("is missing")).split(",")[0]),
        ("results", "has other content than the log gives it"),
        ("sweeps", "is there"),
    ]
    seen: list[int] = []
    assert rebuild(database, log, seen.append) == 401
    assert seen[-1] == 401
    assert find_differences(database, log) == []
    check_indexes(database)
    state, _ = load(database, log)
    assert state.jobs == history.state.jobs
    assert not [name for name in database.list_collection_names() if name.startswith("rebuilt_")]


def test_a_rebuild_can_be_interrupted_anywhere_and_repeated(
    database: Database[dict[str, Any]], history: History, log_of: LogOf
) -> None:
    log = log_of(history)
    load(database, log)
    database.create_collection("rebuilt_jobs").insert_one({"left": "over"})
    database.checkpoints.update_one({}, {"$set": {"rebuilding": True}})
    with pytest.raises(ReadModelsUnusable, match="hq rebuild"):
        find_differences(database, log)

    rebuild(database, log)

    assert find_differences(database, log) == []
    assert read_checkpoint(database)[0] == 401


def test_an_empty_log_makes_empty_read_models(database: Database[dict[str, Any]]) -> None:
    assert rebuild(database, MemoryLog()) == 0
    assert find_differences(database, MemoryLog()) == []
    assert read_checkpoint(database)[0] == 0


def test_a_log_that_makes_no_sense_is_named_with_its_position(
    database: Database[dict[str, Any]], history: History, log_of: LogOf
) -> None:
    log = log_of(history)
    log.append([Decision(402, 1, "op", 0.0, (JobHeld("jaaaaaaaaaaaa", "cli"),))])

    with pytest.raises(LogUnreadable, match="402"):
        rebuild(database, log)
    with pytest.raises(LogUnreadable, match="402"):
        load(database, log)


def test_a_missing_index_is_named(database: Database[dict[str, Any]]) -> None:
    for collection, indexes in INDEXES.items():
        for index in indexes[-1:]:
            name = index.document["name"]
            database[collection].drop_index(name)

            with pytest.raises(ReadModelsUnusable, match=f"{collection} lacks its index '{name}'"):
                check_indexes(database)

            ensure_indexes(database)


def test_an_index_that_is_in_the_way_is_named(database: Database[dict[str, Any]]) -> None:
    database.jobs.drop_index("newest")
    database.jobs.create_index([("why", 1)], name="newest")

    with pytest.raises(ReadModelsUnusable, match="Drop the index"):
        ensure_indexes(database)


#: What pages, tables and starts ask.
QUESTIONS: list[tuple[str, dict[str, Any], Any]] = [
    ("jobs", {}, [("order", -1)]),
    ("jobs", {"status": "running"}, [("order", -1)]),
    ("jobs", {"submitter": "cli"}, [("order", -1)]),
    ("jobs", {"agent": "attic"}, [("order", -1)]),
    ("jobs", {"spec.sweep": "s"}, [("order", -1)]),
    ("jobs", {"spec.sweep": "s"}, [("spec.trial", 1)]),
    ("jobs", {"position": {"$gt": 5}}, None),
    ("results", {"job": "j"}, [("position", 1)]),
    ("results", {"verdict": "accepted"}, [("position", -1), ("_id", 1)]),
    ("results", {"sweep": "s", "verdict": "accepted"}, [("position", -1), ("_id", 1)]),
    ("results", {}, [("position", -1)]),
    ("sweeps", {}, [("submitted_at", -1), ("_id", 1)]),
    ("sweeps", {"status": "running"}, [("submitted_at", -1), ("_id", 1)]),
    ("requests", {}, [("position", 1)]),
    ("progress", {"_id.job": "j"}, [("_id.token", -1)]),
    ("logs", {"job": "j"}, [("_id", 1)]),
]


def test_every_question_of_a_page_is_answered_by_an_index(database: Database[dict[str, Any]]) -> None:
    load(database, MemoryLog())
    for collection, query, sort in QUESTIONS:
        cursor = database[collection].find(query)
        plan = (cursor.sort(sort) if sort else cursor).limit(50).explain()

        stages = str(plan["queryPlanner"]["winningPlan"])

        assert "IXSCAN" in stages, (collection, query, sort)
        assert "COLLSCAN" not in stages, (collection, query, sort)
        assert "'SORT'" not in stages, (collection, query, sort)


def test_all_collections_have_their_indexes_listed() -> None:
    assert set(COLLECTIONS) <= set(INDEXES)
