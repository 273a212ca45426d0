"""The trials' half of the storage: each call that changes one is one atomic write on its document."""

import json
import threading
from collections.abc import Container, Sequence
from datetime import datetime
from typing import Any, Literal

from optuna.distributions import BaseDistribution
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState
from pymongo.errors import DuplicateKeyError

from idlehands.optuna_storage.connection import Connection
from idlehands.optuna_storage.documents import (
    RUNNING,
    TRIALS_PER_STUDY,
    UNFINISHED,
    WAITING,
    Document,
    field_name,
    from_template,
    ids_of_trials,
    new_trial,
    now,
    parameter,
    read_trial,
    study_id_of,
    trial_id_of,
)
from idlehands.optuna_storage.history import History
from idlehands.optuna_storage.studies import Studies


class Trials:
    """All trials of a database, with what this process knows of them."""

    def __init__(self, connection: Connection, studies: Studies, finished: dict[int, FrozenTrial]) -> None:
        self._trials = connection.trials
        self._studies = studies
        self._lock = threading.Lock()
        self._histories: dict[int, History] = {}
        #: The trials known to have ended, by id.
        self._finished = finished
        #: Per study the number that is probably free.
        self._next: dict[int, int] = {}

    def create(self, study_id: int, template: FrozenTrial | None) -> int:
        """Add a trial and return its id: the numbers of a study have no gap and come once.

        Raises:
            KeyError: If there is no such study.
            ValueError: If a parameter's distribution does not fit those of the study's other trials.
        """
        if template is None:
            document = new_trial(TrialState.RUNNING, datetime.now())
        else:
            document = from_template(template)
            for name, distribution in template.distributions.items():
                self._studies.agree(study_id, name, distribution)
        number = self._next.get(study_id)
        if number is None:
            self._studies.check(study_id)
            number = self._read_next(study_id)
        while True:
            try:
                self._trials.insert_one({"_id": trial_id_of(study_id, number), **document})
                break
            except DuplicateKeyError:
                number = self._read_next(study_id)
        self._next[study_id] = number + 1
        try:
            # Again, after the insertion: who deletes the study deletes it first, then all its trials.
            self._studies.check(study_id)
        except KeyError:
            self.forget(study_id)
            self._trials.delete_one({"_id": trial_id_of(study_id, number)})
            raise
        return trial_id_of(study_id, number)

    def _read_next(self, study_id: int) -> int:
        last = self._trials.find_one({"_id": ids_of_trials(study_id)}, {"_id": 1}, sort=[("_id", -1)])
        return 0 if last is None else int(last["_id"]) % TRIALS_PER_STUDY + 1

    def set_parameter(
        self, trial_id: int, name: str, internal: float, distribution: BaseDistribution
    ) -> None:
        """Set a parameter.

        Raises:
            KeyError: If there is no such trial.
            UpdateFinishedTrialError: If it has ended.
            ValueError: If its distribution does not fit that of the study's other trials.
        """
        study_id = study_id_of(trial_id)
        try:
            if self._studies.distribution(study_id, name) is None:
                # Before it becomes the first of its name: an ended trial has no say in that.
                self._explain_refusal(trial_id)
            self._studies.agree(study_id, name, distribution)
        except ValueError:
            self._explain_refusal(trial_id)
            raise
        except KeyError:
            raise _no_trial(trial_id) from None
        self._change(trial_id, {f"params.{field_name(name)}": parameter(internal, distribution)})

    def set_attribute(self, trial_id: int, kind: Literal["user", "system"], key: str, value: Any) -> None:
        """Set an attribute; see `set_parameter` for the errors, and TypeError if it cannot be JSON."""
        self._change(trial_id, {f"{kind}.{field_name(key)}": json.dumps(value)})

    def set_step(self, trial_id: int, step: int, value: float) -> None:
        """Set the value of a step; see `set_parameter` for the errors."""
        self._change(trial_id, {f"steps.{int(step)}": float(value)})

    def set_state(self, trial_id: int, state: TrialState, values: Sequence[float] | None) -> bool:
        """Set state and values. Return False if it was to run and runs: of several, one gets a waiting trial.

        Raises:
            KeyError: If there is no such trial.
            UpdateFinishedTrialError: If it has ended.
        """
        change: Document = {"state": int(state)}
        if values is not None:
            change["values"] = [float(value) for value in values]
        if state.is_finished():
            change["complete"] = now()
        if state is not TrialState.RUNNING:
            self._change(trial_id, change)
            return True
        change["start"] = now()
        if self._trials.update_one({"_id": trial_id, "state": WAITING}, {"$set": change}).matched_count:
            return True
        self._explain_refusal(trial_id)
        return False

    def _change(self, trial_id: int, change: Document) -> None:
        matching = {"_id": trial_id, "state": {"$in": UNFINISHED}}
        if not self._trials.update_one(matching, {"$set": change}).matched_count:
            self._explain_refusal(trial_id)
            raise _no_trial(trial_id)

    def _explain_refusal(self, trial_id: int) -> None:
        found = self._trials.find_one({"_id": trial_id}, {"state": 1})
        if found is None:
            raise _no_trial(trial_id)
        if found["state"] not in UNFINISHED:
            number = trial_id % TRIALS_PER_STUDY
            raise UpdateFinishedTrialError(f"Trial#{number} has already finished and can not be updated.")

    def get(self, trial_id: int) -> FrozenTrial:
        """Read a trial.

        Raises:
            KeyError: If there is no such trial.
        """
        found = self._trials.find_one({"_id": trial_id})
        if found is None:
            raise _no_trial(trial_id)
        return read_trial(found)

    def all(self, study_id: int, states: Container[TrialState] | None) -> list[FrozenTrial]:
        """Return a study's trials by number: the process's own objects, which nobody may change.

        Raises:
            KeyError: If there is no such study.
        """
        return self._fresh(study_id).trials(states)

    def best(self, study_id: int, maximize: bool) -> FrozenTrial | None:
        """Return the best completed trial of a study with one value; see `all` for the error."""
        return self._fresh(study_id).best(maximize)

    def _fresh(self, study_id: int) -> History:
        with self._lock:
            history = self._histories.get(study_id)
            if history is None:
                history = self._histories[study_id] = History(study_id, self._trials, self._finished)
        if not history.refresh():
            self._studies.check(study_id)
        return history

    def forget(self, study_id: int) -> None:
        """Forget the trials of a study that was deleted."""
        with self._lock:
            history = self._histories.pop(study_id, None)
            if history is not None:
                history.forget()
            self._next.pop(study_id, None)

    def beat(self, trial_id: int) -> None:
        """Note, by the server's clock, that a trial is being worked on."""
        self._trials.update_one({"_id": trial_id, "state": RUNNING}, {"$currentDate": {"heartbeat": True}})

    def stale(self, study_id: int, grace_seconds: float) -> list[int]:
        """Return the running trials whose last heartbeat is older than that by the server's clock."""
        found = self._trials.find(
            {
                "state": RUNNING,
                "_id": ids_of_trials(study_id),
                "heartbeat": {"$exists": True},
                "$expr": {"$lt": ["$heartbeat", {"$subtract": ["$$NOW", round(grace_seconds * 1000)]}]},
            },
            {"_id": 1},
        )
        return [int(one["_id"]) for one in found.sort("_id", 1)]


def _no_trial(trial_id: int) -> KeyError:
    return KeyError(f"There is no trial with the id {trial_id}.")
