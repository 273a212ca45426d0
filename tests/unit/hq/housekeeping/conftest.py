"""A fresh database with the indexes of a house."""

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo.database import Database

from hq.log.connection import connect
from hq.read_models.indexes import ensure_indexes


@pytest.fixture
def database(mongodb_uri: str) -> Iterator[Database[dict[str, Any]]]:
    database = connect(mongodb_uri)
    ensure_indexes(database)
    yield database
    database.client.close()
