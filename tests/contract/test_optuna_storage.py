"""Optuna's own test of storages, on `MongoStorage` and a real MongoDB."""

from collections.abc import Iterator
from typing import Any

import pytest
from optuna.testing.pytest_storages import StorageTestCase
from pymongo import MongoClient

from idlehands.optuna_storage import MongoStorage
from tests.fixtures.mongod import MongodServer

pytestmark = pytest.mark.process

_DATABASE = "optuna_storage_case"


@pytest.fixture(scope="module")
def mongo_storage(mongod_server: MongodServer) -> Iterator[MongoStorage]:
    storage = MongoStorage(mongod_server.uri_of(_DATABASE))
    yield storage
    storage.close()
    with MongoClient[dict[str, Any]](mongod_server.uri) as client:
        client.drop_database(_DATABASE)


class TestMongoStorage(StorageTestCase):
    @pytest.fixture
    def storage(self, mongo_storage: MongoStorage) -> Iterator[MongoStorage]:
        yield mongo_storage
        # The case asks for empty storages; a new connection for each would take most of its time.
        for study in mongo_storage.get_all_studies():
            mongo_storage.delete_study(study._study_id)
