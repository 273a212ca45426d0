"""Optuna's studies in MongoDB: `MongoStorage(uri)`, of use with and without the rest of Idlehands.

    import optuna
    from idlehands.optuna_storage import MongoStorage

    study = optuna.create_study(storage=MongoStorage("mongodb://localhost/optuna"), study_name="mine")

Needs the extra `optuna`. Nothing else of Idlehands imports this package, and it imports nothing of Idlehands.
"""

from idlehands.optuna_storage.connection import StorageUnavailable
from idlehands.optuna_storage.storage import MongoStorage

__all__ = ["MongoStorage", "StorageUnavailable"]
