"""Optuna's storages side by side: `MongoStorage`, and Optuna's own on SQLite and on PostgreSQL.

Each holds a study of 10,000 trials; then every call that a study makes is timed, the storages taking
turns. What Optuna puts before a database (its cache) is before these too, and all three promise that what
was written is on the disk. PostgreSQL takes part where `initdb` and `psycopg2` are installed.
"""

import contextlib
import gc
import itertools
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from benchmarks.figures import Figure
from benchmarks.optuna_backends import MONGO, Backend, all_backends
from benchmarks.setting import Effort

TRIALS = 10_000
#: Calls of each kind, per storage and repeat.
_TURNS = 12
#: Of those that read everything anew.
_LONG_TURNS = 1

_DISTRIBUTIONS = {
    "learning_rate": FloatDistribution(1e-5, 1e-1, log=True),
    "layers": IntDistribution(1, 8),
    "optimizer": CategoricalDistribution(("adam", "sgd", "rmsprop")),
}

#: What is timed, by name: seconds of each call.
Times = dict[str, list[float]]


def measure(effort: Effort) -> list[Figure]:
    """Return how long each call takes on each storage, and how many times faster than the others ours is."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    times: dict[str, Times] = {}
    with tempfile.TemporaryDirectory(prefix="idlehands-bench-") as folder, contextlib.ExitStack() as stack:
        backends = [stack.enter_context(make) for make in all_backends(Path(folder))]
        trials = _trials(effort.jobs(TRIALS))
        for backend in backends:
            backend.fill("large", trials)
        for _ in range(effort.repeats):
            for backend in backends:
                _measure_long(backend, times.setdefault(backend.name, {}), effort)
        studies = {backend.name: _Study(backend) for backend in backends}
        for _ in range(effort.repeats * effort.jobs(_TURNS)):
            for backend in random.sample(backends, len(backends)):
                studies[backend.name].take_turn(times[backend.name])
    return _figures(times, len(trials))


def _trials(count: int) -> list[FrozenTrial]:
    chance = random.Random(7)
    return [
        create_trial(
            state=TrialState.COMPLETE,
            value=chance.random(),
            params={
                "learning_rate": 10 ** chance.uniform(-5, -1),
                "layers": chance.randint(1, 8),
                "optimizer": chance.choice(("adam", "sgd", "rmsprop")),
            },
            distributions=_DISTRIBUTIONS,
            user_attrs={"machine": f"pc-{chance.randint(1, 9)}"},
            intermediate_values={step: chance.random() for step in range(5)},
        )
        for _ in range(count)
    ]


def _measure_long(backend: Backend, times: Times, effort: Effort) -> None:
    """Time what a process does once: open a study, read all of it, copy all of it."""
    for _ in range(_LONG_TURNS):
        with backend.opened() as storage:
            study_id = _timed(times, "get_study_id_from_name", storage.get_study_id_from_name, "large")
            _timed(times, "get_all_trials, first", storage.get_all_trials, study_id, deepcopy=False)
            _timed(times, "get_all_trials, copied", storage.get_all_trials, study_id)
            _timed(times, "get_all_studies", storage.get_all_studies)
        gc.collect()


class _Study:
    """A process that works on the large study, in one storage."""

    def __init__(self, backend: Backend) -> None:
        self._storage = backend.open()
        self._names = (f"{backend.name} {number}" for number in itertools.count())
        self._id = self._storage.get_study_id_from_name("large")
        self._storage.get_all_trials(self._id, deepcopy=False)
        self._study = optuna.load_study(
            study_name="large", storage=self._storage, sampler=optuna.samplers.RandomSampler(seed=1)
        )
        self._finished = self._storage.get_all_trials(self._id, deepcopy=False)[0]._trial_id

    def take_turn(self, times: Times) -> None:
        """Make one trial by the storage's calls, one by `ask` and `tell`, and read what studies read."""
        self._make_trial(times)
        self._read(times)
        self._make_study(times)
        _timed(times, "a whole trial (ask, suggest, report, tell)", self._ask_and_tell)

    def _make_trial(self, times: Times) -> None:
        storage = self._storage
        trial = _timed(times, "create_new_trial", storage.create_new_trial, self._id)
        _timed(times, "get_trial, running", storage.get_trial, trial)
        for name, distribution in _DISTRIBUTIONS.items():
            internal = 0.01 if name == "learning_rate" else 1.0
            _timed(times, "set_trial_param", storage.set_trial_param, trial, name, internal, distribution)
        _timed(times, "set_trial_intermediate_value", storage.set_trial_intermediate_value, trial, 1, 0.5)
        _timed(times, "set_trial_user_attr", storage.set_trial_user_attr, trial, "machine", "pc-1")
        _timed(times, "set_trial_system_attr", storage.set_trial_system_attr, trial, "note", [1])
        _timed(
            times,
            "set_trial_state_values",
            storage.set_trial_state_values,
            trial,
            TrialState.COMPLETE,
            [0.5],
        )

    def _read(self, times: Times) -> None:
        storage, study = self._storage, self._id
        _timed(times, "get_all_trials, one new", storage.get_all_trials, study, deepcopy=False)
        _timed(
            times,
            "get_all_trials, waiting",
            storage.get_all_trials,
            study,
            deepcopy=False,
            states=(TrialState.WAITING,),
        )
        _timed(times, "get_n_trials", storage.get_n_trials, study, TrialState.COMPLETE)
        _timed(times, "get_best_trial", storage.get_best_trial, study)
        _timed(times, "get_trial, finished", storage.get_trial, self._finished)
        _timed(times, "get_trial_number_from_id", storage.get_trial_number_from_id, self._finished)
        _timed(
            times,
            "get_trial_id_from_study_id_trial_number",
            storage.get_trial_id_from_study_id_trial_number,
            study,
            0,
        )
        _timed(times, "get_study_user_attrs", storage.get_study_user_attrs, study)
        _timed(times, "get_study_system_attrs", storage.get_study_system_attrs, study)
        _timed(times, "get_study_directions", storage.get_study_directions, study)
        _timed(times, "get_study_name_from_id", storage.get_study_name_from_id, study)

    def _make_study(self, times: Times) -> None:
        storage, name = self._storage, next(self._names)
        study = _timed(times, "create_new_study", storage.create_new_study, [StudyDirection.MINIMIZE], name)
        _timed(times, "set_study_user_attr", storage.set_study_user_attr, study, "who", "me")
        _timed(times, "set_study_system_attr", storage.set_study_system_attr, study, "note", [1])
        _timed(times, "delete_study", storage.delete_study, study)

    def _ask_and_tell(self) -> None:
        trial = self._study.ask(_DISTRIBUTIONS)
        for step in range(3):
            trial.report(0.5, step)
        self._study.tell(trial, 0.5)


def _timed(times: Times, name: str, call: Callable[..., Any], *given: Any, **named: Any) -> Any:
    before = time.perf_counter()
    result = call(*given, **named)
    times.setdefault(name, []).append(time.perf_counter() - before)
    return result


def _figures(times: dict[str, Times], trials: int) -> list[Figure]:
    return list(itertools.chain(_medians(times, trials), _ratios(times)))


def _medians(times: dict[str, Times], trials: int) -> Iterator[Figure]:
    for call in times[MONGO]:
        for name, calls in times.items():
            values = tuple(1000 * seconds for seconds in calls[call])
            yield Figure(f"{call}: {name}", "ms", values, note=f"a study of {trials} trials")


def _ratios(times: dict[str, Times]) -> Iterator[Figure]:
    for name in times:
        if name == MONGO:
            continue
        for call, ours in times[MONGO].items():
            ratio = statistics.median(times[name][call]) / statistics.median(ours)
            yield Figure(f"{call}: times faster than {name}", "x", (ratio,), floor="1")
