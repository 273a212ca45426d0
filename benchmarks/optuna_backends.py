"""The databases under Optuna's storages, each on its own, filled at once and opened like by a user."""

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from optuna.distributions import distribution_to_json
from optuna.storages import BaseStorage, RDBStorage, get_storage
from optuna.storages._rdb import models
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial
from pymongo import MongoClient
from sqlalchemy import insert

from idlehands.house import mongod
from idlehands.optuna_storage import MongoStorage
from idlehands.optuna_storage.documents import from_template, trial_id_of

MONGO = "MongoStorage"
SQLITE = "RDBStorage on SQLite"
POSTGRES = "RDBStorage on PostgreSQL"
#: Who runs PostgreSQL when root may not: it refuses to.
_NOBODY = "nobody"


@dataclass(frozen=True)
class Backend:
    """A database, how to open a storage on it, and how to fill it faster than through one."""

    name: str
    open: Callable[[], BaseStorage]
    fill: Callable[[str, list[FrozenTrial]], None]

    @contextlib.contextmanager
    def opened(self) -> Iterator[BaseStorage]:
        """Hold a storage that knows nothing yet."""
        storage = self.open()
        try:
            yield storage
        finally:
            if isinstance(storage, MongoStorage):
                storage.close()
            storage.remove_session()


def all_backends(folder: Path) -> list[contextlib.AbstractContextManager[Backend]]:
    """Return what can be measured here; each, entered, is running."""
    found = [_mongo(folder / "mongo"), _sqlite(folder)]
    if shutil.which("initdb") and importlib.util.find_spec("psycopg2"):
        found.append(_postgres(folder / "postgres"))
    else:
        print("PostgreSQL is left out: initdb and psycopg2 are not both installed.", file=sys.stderr)
    return found


@contextlib.contextmanager
def _mongo(folder: Path) -> Iterator[Backend]:
    command = mongod.prepare(folder, _free_port(), cache_gb=0.25, oplog_mb=64)
    process = subprocess.Popen(command.argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        mongod.ensure_ready(
            command.uri, timeout_seconds=40, should_give_up=lambda: process.poll() is not None
        )
        yield Backend(
            MONGO,
            lambda: MongoStorage(command.uri),
            lambda name, trials: _fill_mongo(command.uri, name, trials),
        )
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _fill_mongo(uri: str, name: str, trials: list[FrozenTrial]) -> None:
    storage = MongoStorage(uri)
    study = storage.create_new_study([StudyDirection.MINIMIZE], name)
    # By the storage itself, so that it knows the distributions.
    storage.create_new_trial(study, trials[0])
    storage.close()
    with MongoClient(uri) as client:
        rest = enumerate(trials[1:], start=1)
        client.get_default_database().optuna_trials.insert_many(
            {"_id": trial_id_of(study, number), **from_template(trial)} for number, trial in rest
        )


@contextlib.contextmanager
def _sqlite(folder: Path) -> Iterator[Backend]:
    url = f"sqlite:///{folder / 'optuna.sqlite'}"
    yield Backend(SQLITE, lambda: get_storage(url), lambda name, trials: _fill_rdb(url, name, trials))


@contextlib.contextmanager
def _postgres(folder: Path) -> Iterator[Backend]:
    folder.mkdir()
    as_nobody: dict[str, str] = {}
    if os.geteuid() == 0:
        as_nobody = {"user": _NOBODY}
        folder.parent.chmod(0o711)
        os.chown(folder, pwd.getpwnam(_NOBODY).pw_uid, -1)
    data = folder / "data"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    initdb, postgres = (Path(shutil.which(name) or name).resolve() for name in ("initdb", "postgres"))
    subprocess.run([initdb, "-D", data, "-U", "optuna", "-A", "trust"], check=True, **quiet, **as_nobody)  # type: ignore[call-overload]
    # No TCP: its only door is a socket in this folder.
    argv = [postgres, "-D", data, "-k", folder, "-c", "listen_addresses="]
    process = subprocess.Popen(argv, **quiet, **as_nobody)  # type: ignore[call-overload]
    url = f"postgresql+psycopg2://optuna@/postgres?host={folder}"
    try:
        _wait_socket(folder / ".s.PGSQL.5432")
        yield Backend(POSTGRES, lambda: get_storage(url), lambda name, trials: _fill_rdb(url, name, trials))
    finally:
        # Fast: the default would wait for every client to leave.
        process.send_signal(signal.SIGINT)
        process.wait()


def _wait_socket(door: Path) -> None:
    deadline = time.monotonic() + 30
    while not door.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"PostgreSQL did not make {door} in 30 s")
        time.sleep(0.05)


def _fill_rdb(url: str, name: str, trials: list[FrozenTrial]) -> None:
    storage = RDBStorage(url)
    study = storage.create_new_study([StudyDirection.MINIMIZE], name)
    numbered = list(enumerate(trials))
    rows = {
        models.TrialModel: [
            {
                "trial_id": number + 1,
                "number": number,
                "study_id": study,
                "state": trial.state,
                "datetime_start": trial.datetime_start,
                "datetime_complete": trial.datetime_complete,
            }
            for number, trial in numbered
        ],
        models.TrialValueModel: [
            {"trial_id": number + 1, "objective": 0, "value": trial.value, "value_type": "FINITE"}
            for number, trial in numbered
        ],
        models.TrialParamModel: [
            {
                "trial_id": number + 1,
                "param_name": name,
                "param_value": distribution.to_internal_repr(trial.params[name]),
                "distribution_json": distribution_to_json(distribution),
            }
            for number, trial in numbered
            for name, distribution in trial.distributions.items()
        ],
        models.TrialUserAttributeModel: [
            {"trial_id": number + 1, "key": key, "value_json": f'"{value}"'}
            for number, trial in numbered
            for key, value in trial.user_attrs.items()
        ],
        models.TrialIntermediateValueModel: [
            {
                "trial_id": number + 1,
                "step": step,
                "intermediate_value": value,
                "intermediate_value_type": "FINITE",
            }
            for number, trial in numbered
            for step, value in trial.intermediate_values.items()
        ],
    }
    with storage.engine.begin() as connection:
        for model, of_model in rows.items():
            connection.execute(insert(model), of_model)
        if storage.engine.name == "postgresql":
            # Ids were given out by hand: the next trial must not take one of them again.
            connection.exec_driver_sql(
                f"SELECT setval(pg_get_serial_sequence('trials', 'trial_id'), {len(trials)})"
            )
            connection.exec_driver_sql("ANALYZE")
    storage.engine.dispose()
