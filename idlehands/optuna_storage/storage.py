"""`MongoStorage`: Optuna's storage interface over `studies` and `trials`, in any process and thread."""

import os
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.storages import BaseStorage
from optuna.storages._heartbeat import BaseHeartbeat
from optuna.study import StudyDirection
from optuna.study._frozen import FrozenStudy
from optuna.trial import FrozenTrial, TrialState

from idlehands.optuna_storage.connection import Connection
from idlehands.optuna_storage.documents import TRIALS_PER_STUDY, copy_trial, study_id_of
from idlehands.optuna_storage.studies import Studies
from idlehands.optuna_storage.trials import Trials

StaleTrialCallback = Callable[["optuna.Study", FrozenTrial], None]


class _Here:
    """What one process has: a connection and what it knows."""

    def __init__(
        self, uri: str, known: dict[int, tuple[str, list[StudyDirection]]], finished: dict[int, FrozenTrial]
    ) -> None:
        self.connection = Connection(uri)
        self.studies = Studies(self.connection, known)
        self.trials = Trials(self.connection, self.studies, finished)


class MongoStorage(BaseStorage, BaseHeartbeat):
    """Studies in MongoDB, shared by any number of threads, processes and machines.

    Every call that changes something returns when a majority of the servers has it in its journal
    (the URI may ask for less by `w=` and `journal=`). It can be pickled, and used after a fork.

    Args:
        uri: mongodb://USER:PASSWORD@HOST:27017/DATABASE; without a database, `optuna`. Collections there:
            `optuna_studies`, `optuna_trials`, `optuna_counters`.
        heartbeat_interval: Seconds between heartbeats of a trial that `Study.optimize` runs; none without.
        grace_period: Seconds without a heartbeat after which a trial fails; default: twice the interval.
        heartbeat_stale_trial_callback: Called with the study and each trial that failed so, for
            instance `optuna.storages.RetryHeartbeatStaleTrialCallback`.

    Raises:
        StorageUnavailable: If the URI makes no sense, or MongoDB does not answer or refuses. So does
            every call.
        ValueError: If the interval or the grace period is not positive.
    """

    def __init__(
        self,
        uri: str,
        *,
        heartbeat_interval: int | None = None,
        grace_period: int | None = None,
        heartbeat_stale_trial_callback: StaleTrialCallback | None = None,
    ) -> None:
        for name, seconds in (("heartbeat_interval", heartbeat_interval), ("grace_period", grace_period)):
            if seconds is not None and seconds <= 0:
                raise ValueError(f"`{name}` is {seconds}; it must be a positive number of seconds.")
        self._uri = uri
        self._heartbeat_interval = heartbeat_interval
        self._grace_period = grace_period
        self._stale_callback = heartbeat_stale_trial_callback
        #: By process: after a fork the parent's stays here, unused, since the child may not close it.
        self._processes: dict[int, _Here] = {}
        # By id, what nothing can change any more; a forked child goes on with its parent's.
        self._known: dict[int, tuple[str, list[StudyDirection]]] = {}
        self._finished: dict[int, FrozenTrial] = {}
        self._here()

    def _here(self) -> _Here:
        process = os.getpid()
        here = self._processes.get(process)
        if here is None:
            made = _Here(self._uri, self._known, self._finished)
            here = self._processes.setdefault(process, made)
            if here is not made:  # another thread was faster
                made.connection.close()
        return here

    @contextmanager
    def _working(self) -> Iterator[_Here]:
        here = self._here()
        with here.connection.in_words():
            yield here

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_processes": {}, "_known": {}, "_finished": {}}

    def close(self) -> None:
        """Close this process's connection. The next call opens another."""
        here = self._processes.pop(os.getpid(), None)
        if here is not None:
            here.connection.close()

    # Studies

    def create_new_study(self, directions: Sequence[StudyDirection], study_name: str | None = None) -> int:
        """See `BaseStorage`."""
        with self._working() as here:
            return here.studies.create(directions, study_name)

    def delete_study(self, study_id: int) -> None:
        """See `BaseStorage`."""
        with self._working() as here:
            here.studies.delete(study_id)
            here.trials.forget(study_id)

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        """See `BaseStorage`."""
        with self._working() as here:
            here.studies.set_attribute(study_id, "user", key, value)

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        """See `BaseStorage`."""
        with self._working() as here:
            here.studies.set_attribute(study_id, "system", key, value)

    def get_study_id_from_name(self, study_name: str) -> int:
        """See `BaseStorage`."""
        with self._working() as here:
            return here.studies.id_of(study_name)

    def get_study_name_from_id(self, study_id: int) -> str:
        """See `BaseStorage`."""
        known = self._known.get(study_id)
        if known is not None:
            return known[0]
        with self._working() as here:
            return here.studies.read_unchanging(study_id)[0]

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        """See `BaseStorage`."""
        known = self._known.get(study_id)
        if known is not None:
            return known[1]
        with self._working() as here:
            return here.studies.read_unchanging(study_id)[1]

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        """See `BaseStorage`."""
        with self._working() as here:
            return here.studies.attributes(study_id, "user")

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """See `BaseStorage`."""
        with self._working() as here:
            return here.studies.attributes(study_id, "system")

    def get_all_studies(self) -> list[FrozenStudy]:
        """See `BaseStorage`."""
        with self._working() as here:
            return here.studies.all()

    # Trials

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """See `BaseStorage`."""
        with self._working() as here:
            return here.trials.create(study_id, template_trial)

    def set_trial_param(
        self, trial_id: int, param_name: str, param_value_internal: float, distribution: BaseDistribution
    ) -> None:
        """See `BaseStorage`."""
        with self._working() as here:
            here.trials.set_parameter(trial_id, param_name, param_value_internal, distribution)

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """See `BaseStorage`."""
        with self._working() as here:
            return here.trials.set_state(trial_id, state, values)

    def set_trial_intermediate_value(self, trial_id: int, step: int, intermediate_value: float) -> None:
        """See `BaseStorage`."""
        with self._working() as here:
            here.trials.set_step(trial_id, step, intermediate_value)

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """See `BaseStorage`."""
        with self._working() as here:
            here.trials.set_attribute(trial_id, "user", key, value)

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """See `BaseStorage`."""
        with self._working() as here:
            here.trials.set_attribute(trial_id, "system", key, value)

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """See `BaseStorage`."""
        # Before all else: samplers ask for thousands of these.
        known = self._finished.get(trial_id)
        if known is not None:
            return known
        with self._working() as here:
            return here.trials.get(trial_id)

    def get_trial_number_from_id(self, trial_id: int) -> int:
        """See `BaseStorage`."""
        return self.get_trial(trial_id)._number

    def get_trial_id_from_study_id_trial_number(self, study_id: int, trial_number: int) -> int:
        """See `BaseStorage`."""
        trial_id = study_id * TRIALS_PER_STUDY + trial_number
        if trial_number >= 0 and trial_id in self._finished:
            return trial_id
        if trial_number < 0 or study_id_of(trial_id) != study_id:
            raise KeyError(f"The study {study_id} has no trial {trial_number}.")
        return self.get_trial(trial_id)._trial_id

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """See `BaseStorage`."""
        with self._working() as here:
            trials = here.trials.all(study_id, states)
        return [copy_trial(trial) for trial in trials] if deepcopy else trials

    def get_best_trial(self, study_id: int) -> FrozenTrial:
        """See `BaseStorage`."""
        directions = self.get_study_directions(study_id)
        if len(directions) > 1:
            raise RuntimeError("Best trial can be obtained only for single-objective optimization.")
        with self._working() as here:
            best = here.trials.best(study_id, directions[0] is StudyDirection.MAXIMIZE)
        if best is None:
            raise ValueError("No trials are completed yet.")
        return best

    # Heartbeats

    def record_heartbeat(self, trial_id: int) -> None:
        """See `BaseHeartbeat`."""
        with self._working() as here:
            here.trials.beat(trial_id)

    def _get_stale_trial_ids(self, study_id: int) -> list[int]:
        if self._heartbeat_interval is None:
            return []
        with self._working() as here:
            return here.trials.stale(study_id, self._grace_period or 2 * self._heartbeat_interval)

    def get_heartbeat_interval(self) -> int | None:
        """See `BaseHeartbeat`."""
        return self._heartbeat_interval

    def get_heartbeat_stale_trial_callback(self) -> StaleTrialCallback | None:
        """See `BaseHeartbeat`."""
        return self._stale_callback
