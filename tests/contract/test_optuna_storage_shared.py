"""`MongoStorage` among several processes, with heartbeats, and without a database."""

import multiprocessing
import os
import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial
from pymongo import MongoClient

from idlehands.optuna_storage import MongoStorage, StorageUnavailable
from tests.fixtures.mongod import MongodServer, free_port

pytestmark = pytest.mark.process


@pytest.fixture
def storage(mongodb_uri: str) -> Iterator[MongoStorage]:
    storage = MongoStorage(mongodb_uri)
    yield storage
    storage.close()


def _write_trials(mongodb_uri: str, study: int, count: int, who: str) -> None:
    """Run in another process: make trials, each with all that a trial has, and one shared attribute."""
    storage = MongoStorage(mongodb_uri)
    for number in range(count):
        trial = storage.create_new_trial(study)
        storage.set_trial_param(trial, "x", 0.5, FloatDistribution(0, 1))
        storage.set_trial_user_attr(trial, "who", who)
        storage.set_trial_intermediate_value(trial, 0, float(number))
        storage.set_trial_state_values(trial, TrialState.COMPLETE, [float(number)])
        storage.set_study_user_attr(study, f"{who}.{number}", number)
    storage.close()


def test_two_processes_that_write_at_once_leave_no_gap_and_lose_nothing(
    mongodb_uri: str, storage: MongoStorage
) -> None:
    study = storage.create_new_study([StudyDirection.MINIMIZE])
    forking = multiprocessing.get_context("fork")
    writers = [
        forking.Process(target=_write_trials, args=(mongodb_uri, study, 30, who)) for who in ("left", "right")
    ]

    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)

    trials = storage.get_all_trials(study)
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert [trial.number for trial in trials] == list(range(60))
    for who in ("left", "right"):
        own = [trial for trial in trials if trial.user_attrs["who"] == who]
        assert sorted(trial.value or 0 for trial in own) == [float(number) for number in range(30)]
        assert all(trial.params == {"x": 0.5} and len(trial.intermediate_values) == 1 for trial in own)
    assert len(storage.get_study_user_attrs(study)) == 60


def test_threads_of_one_storage_get_different_trials(storage: MongoStorage) -> None:
    study = storage.create_new_study([StudyDirection.MINIMIZE])

    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: storage.create_new_trial(study), range(40)))

    assert len(set(made)) == 40
    assert [trial.number for trial in storage.get_all_trials(study)] == list(range(40))


def test_of_many_that_take_a_waiting_trial_one_gets_it(storage: MongoStorage) -> None:
    study = storage.create_new_study([StudyDirection.MINIMIZE])
    waiting = storage.create_new_trial(study, create_trial(state=TrialState.WAITING))

    with ThreadPoolExecutor(8) as threads:
        taken = list(
            threads.map(lambda _: storage.set_trial_state_values(waiting, TrialState.RUNNING), range(8))
        )

    assert sorted(taken) == [False] * 7 + [True]


def test_a_study_that_another_storage_deletes_is_gone_here_too(
    mongodb_uri: str, storage: MongoStorage
) -> None:
    study = storage.create_new_study([StudyDirection.MINIMIZE])
    storage.create_new_trial(study)
    assert len(storage.get_all_trials(study)) == 1

    other = pickle.loads(pickle.dumps(storage))  # noqa: S301
    other.delete_study(study)
    other.close()

    with pytest.raises(KeyError):
        storage.get_all_trials(study)
    with pytest.raises(KeyError):
        storage.create_new_trial(study)


def test_what_another_storage_finishes_is_seen_here(mongodb_uri: str, storage: MongoStorage) -> None:
    study = storage.create_new_study([StudyDirection.MAXIMIZE])
    first, second = storage.create_new_trial(study), storage.create_new_trial(study)
    assert storage.get_n_trials(study, TrialState.COMPLETE) == 0

    other = MongoStorage(mongodb_uri)
    other.set_trial_state_values(second, TrialState.COMPLETE, [1.0])
    other.set_trial_state_values(first, TrialState.COMPLETE, [1.0])
    other.close()

    assert storage.get_n_trials(study, TrialState.COMPLETE) == 2
    assert storage.get_best_trial(study).number == 0


def _count_trials(storage: MongoStorage, study: int, made: int) -> None:
    """Run in a forked child: read what the parent wrote, over a connection of its own, and write more."""
    read = len(storage.get_all_trials(study))
    storage.create_new_trial(study)
    storage.close()
    os._exit(0 if read == made else 1)


def test_a_forked_child_goes_on_with_its_parents_storage(storage: MongoStorage) -> None:
    study = storage.create_new_study([StudyDirection.MINIMIZE])
    storage.create_new_trial(study)
    # In a thread, as Optuna's own `n_jobs` has them: the child has none of these.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(storage.get_all_trials, study).result()

    child = multiprocessing.get_context("fork").Process(target=_count_trials, args=(storage, study, 1))
    child.start()
    child.join(60)

    assert child.exitcode == 0
    assert len(storage.get_all_trials(study)) == 2


def test_a_trial_without_heartbeats_fails_and_is_tried_again(mongodb_uri: str) -> None:
    with pytest.warns(optuna.exceptions.ExperimentalWarning):
        retry = optuna.storages.RetryHeartbeatStaleTrialCallback(max_retry=1)
    storage = MongoStorage(
        mongodb_uri, heartbeat_interval=60, grace_period=1, heartbeat_stale_trial_callback=retry
    )
    study = optuna.create_study(storage=storage)
    lost, alive, silent = (storage.create_new_trial(study._study_id) for _ in range(3))
    with MongoClient(mongodb_uri) as client:
        storage.record_heartbeat(lost)
        storage.record_heartbeat(alive)
        # A minute ago by the server's own clock.
        client.get_default_database().optuna_trials.update_one(
            {"_id": lost}, [{"$set": {"heartbeat": {"$subtract": ["$heartbeat", 60_000]}}}]
        )

    with pytest.warns(optuna.exceptions.ExperimentalWarning):
        optuna.storages.fail_stale_trials(study)

    states = {trial._trial_id: trial.state for trial in study.trials}
    assert states.pop(lost) is TrialState.FAIL
    assert (states.pop(alive), states.pop(silent)) == (TrialState.RUNNING, TrialState.RUNNING)
    assert list(states.values()) == [TrialState.WAITING]
    storage.close()


def test_a_study_with_heartbeats_runs(mongodb_uri: str) -> None:
    storage = MongoStorage(mongodb_uri, heartbeat_interval=1)
    study = optuna.create_study(storage=storage)

    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3, n_jobs=2)

    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 3
    storage.close()


@pytest.mark.parametrize(
    "key", ["with.dots", "$dollar", "per%cent", "%2E", "", "0", "a b", "ключ", "nul\0", "\u202e"]
)
def test_any_text_is_a_name(storage: MongoStorage, key: str) -> None:
    study = storage.create_new_study([StudyDirection.MINIMIZE], study_name=f"s{key}")
    trial = storage.create_new_trial(study)

    storage.set_study_user_attr(study, key, [1])
    storage.set_trial_param(trial, key, 0.5, FloatDistribution(0, 1))
    storage.set_trial_user_attr(trial, key, 2**70)

    assert storage.get_study_user_attrs(study) == {key: [1]}
    assert storage.get_trial(trial).params == {key: 0.5}
    assert storage.get_trial(trial).user_attrs == {key: 2**70}


@pytest.mark.parametrize("wrong", ["localhost:27017", "sqlite:///x", "mongodb://", "mongodb://:x"])
def test_a_uri_that_is_none_says_what_one_looks_like(wrong: str) -> None:
    with pytest.raises(StorageUnavailable, match=r"no MongoDB URI.*mongodb://USER"):
        MongoStorage(wrong)


def test_a_wrong_password_says_so_and_does_not_show_it(mongod_server: MongodServer) -> None:
    wrong = mongod_server.uri.replace(":", ":wrong", 2).replace(":wrong//", "://")

    with pytest.raises(StorageUnavailable, match=r"refuses this user.*Check user, password") as refused:
        MongoStorage(wrong)
    assert "wrong" not in str(refused.value)


def test_no_server_says_where_it_was_looked_for() -> None:
    port = free_port()

    with pytest.raises(StorageUnavailable, match=rf"127\.0\.0\.1:{port} does not answer.*Is it running"):
        MongoStorage(f"mongodb://127.0.0.1:{port}/?serverSelectionTimeoutMS=200")


@pytest.mark.slow
def test_a_server_that_goes_and_comes_back_costs_an_error_and_nothing_written(
    private_mongod: MongodServer,
) -> None:
    storage = MongoStorage(private_mongod.uri + "&serverSelectionTimeoutMS=500")
    study = storage.create_new_study([StudyDirection.MINIMIZE])
    trial = storage.create_new_trial(study)
    storage.set_trial_state_values(trial, TrialState.COMPLETE, [1.0])

    private_mongod.kill()
    with pytest.raises(StorageUnavailable, match="does not answer"):
        storage.create_new_trial(study)
    private_mongod.start()

    assert [trial.value for trial in storage.get_all_trials(study)] == [1.0]
    storage.create_new_trial(study)
    storage.close()
