"""A start of HQ: read models and the tail of the log give the fold of the whole log."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from pymongo.database import Database

from hq.core.state import State
from hq.log.memory import MemoryLog
from hq.read_models.loading import load
from hq.read_models.models import COLLECTIONS, ReadModelsUnusable
from hq.read_models.verify import find_differences
from hq.read_models.writer import COMMITTED, Changes, ReadModelWriter, read_checkpoint
from schemas.spaces import active_params
from tests.unit.hq.read_models.histories import History

LogOf = Callable[[History], MemoryLog]


def assert_same(loaded: State, folded: State) -> None:
    assert loaded.position == folded.position
    assert loaded.epoch == folded.epoch
    assert loaded.jobs == folded.jobs
    assert dict(loaded.finished) == dict(folded.finished)
    assert loaded.agents == folded.agents
    assert loaded.sweeps == folded.sweeps
    assert dict(loaded.answers) == dict(folded.answers)
    assert dict(loaded.reported) == dict(folded.reported)
    assert learned_from(loaded) == learned_from(folded)
    # Only the live trials of running sweeps count; an empty set is no difference.
    assert {k: v for k, v in loaded.trials.items() if v} == {k: v for k, v in folded.trials.items() if v}


def learned_from(state: State) -> dict[str, Any]:
    return {
        sweep: (
            [active_params(state.sweeps[sweep].spec.space, params) for params in history.params],
            history.ends,
            history.jobs,
            history.descents,
            history.checkpoints,
        )
        for sweep, history in state.histories.items()
        if history.params
    }


def collect(history: History, first: int, last: int) -> Changes:
    changes = Changes()
    for position in range(first, last + 1):
        changes.add(position, history.changes[position - 1])
    return changes


def test_without_read_models_the_whole_log_is_folded_and_they_are_made(
    database: Database[dict[str, Any]], log_of: LogOf
) -> None:
    history = History(seed=1)
    history.grow(300)
    log = log_of(history)

    state, _ = load(database, log)

    assert_same(state, history.state)
    assert read_checkpoint(database)[0] == 301
    assert find_differences(database, log) == []


@pytest.mark.parametrize("seed", range(12))
def test_wherever_the_writing_was_cut_off_the_start_gives_the_same_state(
    database: Database[dict[str, Any]], log_of: LogOf, seed: int
) -> None:
    chance = random.Random(seed)
    history = History(seed)
    history.grow(250)
    log = log_of(history)
    _, generation = read_checkpoint(database)
    writer = ReadModelWriter(database, generation)
    checkpoint = chance.randrange(0, 200)
    writer.write(collect(history, 1, checkpoint))
    # HQ died somewhere in the next write: some collections whole, one in part, the rest not at all.
    ahead = collect(history, checkpoint + 1, chance.randrange(checkpoint + 1, 251))
    cut = chance.randrange(len(COLLECTIONS) + 1)
    for name in COLLECTIONS[:cut]:
        write_part(database, ahead, name, 1.0, chance)
    if cut < len(COLLECTIONS):
        write_part(database, ahead, COLLECTIONS[cut], chance.random(), chance)

    # Only what reached the majority is read at a start: without this, nothing would be ahead.
    database.get_collection("other", write_concern=COMMITTED).insert_one({})

    state, _ = load(database, log)

    assert_same(state, history.state)
    assert find_differences(database, log) == []
    again, _ = load(database, log)
    assert_same(again, history.state)


def write_part(
    database: Database[dict[str, Any]], changes: Changes, name: str, share: float, chance: random.Random
) -> None:
    part = Changes()
    part.add(changes.position, [change for change in changes.of(name) if chance.random() < share])
    ReadModelWriter(database, None).write(part)


def test_read_models_ahead_of_the_log_are_refused_with_the_way_out(
    database: Database[dict[str, Any]], log_of: LogOf
) -> None:
    history = History(seed=3)
    history.grow(50)
    load(database, log_of(history))
    older = MemoryLog()
    older.append(history.decisions[:30])

    with pytest.raises(ReadModelsUnusable, match="hq rebuild"):
        load(database, older)


def test_an_older_write_that_comes_late_changes_nothing(
    database: Database[dict[str, Any]], log_of: LogOf
) -> None:
    history = History(seed=4)
    history.grow(120)
    log = log_of(history)
    _, writer = load(database, log)

    writer.write(collect(history, 1, 60))

    assert read_checkpoint(database)[0] == 121
    assert find_differences(database, log) == []


def test_while_a_rebuild_is_interrupted_nothing_is_loaded(
    database: Database[dict[str, Any]], log_of: LogOf
) -> None:
    history = History(seed=5)
    load(database, log_of(history))
    database.checkpoints.update_one({}, {"$set": {"rebuilding": True}})

    with pytest.raises(ReadModelsUnusable, match="hq rebuild"):
        load(database, log_of(history))
