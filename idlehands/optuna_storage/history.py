"""What one process knows of a study's trials: those that have ended are never read again.

Each look reads the trials that were unfinished at the last one, and those that are newer than the
newest known one. Trials in the list are never changed, only replaced.
"""

import threading
from collections.abc import Container, Iterable

from optuna.trial import FrozenTrial, TrialState
from pymongo.collection import Collection

from idlehands.optuna_storage.documents import (
    TRIALS_PER_STUDY,
    Document,
    ids_of_trials,
    read_trial,
    trial_id_of,
)

#: The driver's first batch has 101 documents otherwise, and the first look reads all.
_BATCH = 5_000


class History:
    """The trials of one study, by number. Threads may share it."""

    def __init__(
        self, study_id: int, collection: Collection[Document], finished: dict[int, FrozenTrial]
    ) -> None:
        self._study_id = study_id
        self._collection = collection
        self._lock = threading.Lock()
        self._trials: list[FrozenTrial] = []
        self._unfinished: set[int] = set()
        #: By id, shared with the other studies: read without a lock, since nothing in it ever changes.
        self._finished = finished
        #: The completed trials with the lowest and with the highest only value, the earlier of two equals.
        self._lowest: FrozenTrial | None = None
        self._highest: FrozenTrial | None = None

    def refresh(self) -> bool:
        """Read what has changed. Return whether there is a trial; without one the study may be gone."""
        with self._lock:
            found = self._collection.find(self._unknown(), batch_size=_BATCH).sort("_id", 1)
            if not self._take(found):
                # The newest known trial is always read too: it goes when the study is deleted.
                self.forget()
            return bool(self._trials)

    def _unknown(self) -> Document:
        newest = len(self._trials) - 1
        newer = ids_of_trials(self._study_id)
        if newest < 0:
            return {"_id": newer}
        newer["$gte"] = trial_id_of(self._study_id, newest)
        older = [trial_id_of(self._study_id, number) for number in self._unfinished if number < newest]
        return {"$or": [{"_id": {"$in": sorted(older)}}, {"_id": newer}]} if older else {"_id": newer}

    def _take(self, documents: Iterable[Document]) -> int:
        taken = 0
        for document in documents:
            number = document["_id"] % TRIALS_PER_STUDY
            if number > len(self._trials):
                # A scan can miss one that was written while it ran. Numbers have no gaps: next time.
                break
            trial = read_trial(document)
            if number == len(self._trials):
                self._trials.append(trial)
            else:
                self._trials[number] = trial
            self._mark(trial)
            taken += 1
        return taken

    def _mark(self, trial: FrozenTrial) -> None:
        if not trial.state.is_finished():
            self._unfinished.add(trial.number)
            return
        self._unfinished.discard(trial.number)
        self._finished[trial._trial_id] = trial
        if trial.state is TrialState.COMPLETE and trial._values is not None and len(trial._values) == 1:
            value = trial._values[0]
            # By number too: a trial of before may end later.
            if self._lowest is None or (value, trial.number) < _rank(self._lowest, 1):
                self._lowest = trial
            if self._highest is None or (-value, trial.number) < _rank(self._highest, -1):
                self._highest = trial

    def forget(self) -> None:
        """Forget all: the study is gone."""
        for trial in self._trials:
            self._finished.pop(trial._trial_id, None)
        self._trials, self._unfinished = [], set()
        self._lowest = self._highest = None

    def trials(self, states: Container[TrialState] | None = None) -> list[FrozenTrial]:
        """Return the trials known, by number."""
        with self._lock:
            if states is None:
                return list(self._trials)
            if TrialState.COMPLETE in states or TrialState.PRUNED in states or TrialState.FAIL in states:
                return [trial for trial in self._trials if trial.state in states]
            # What waits or runs is asked for before every new trial, and is little.
            return [self._trials[at] for at in sorted(self._unfinished) if self._trials[at].state in states]

    def best(self, maximize: bool) -> FrozenTrial | None:
        """Return the best trial known of a study with one value."""
        with self._lock:
            return self._highest if maximize else self._lowest


def _rank(trial: FrozenTrial, sign: int) -> tuple[float, int]:
    return (sign * trial._values[0], trial.number)  # type: ignore[index]
