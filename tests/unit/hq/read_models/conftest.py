"""A fresh database and a log on it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pymongo.database import Database

from hq.log.connection import connect
from hq.log.memory import MemoryLog
from hq.read_models.indexes import ensure_indexes
from tests.unit.hq.read_models.histories import History


@pytest.fixture
def database(mongodb_uri: str) -> Iterator[Database[dict[str, Any]]]:
    database = connect(mongodb_uri)
    ensure_indexes(database)
    yield database
    database.client.close()


@pytest.fixture
def log_of() -> Callable[[History], MemoryLog]:
    """Return a log that holds a history."""

    def build(history: History) -> MemoryLog:
        log = MemoryLog()
        log.append(history.decisions)
        return log

    return build
