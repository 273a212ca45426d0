"""The sweeps of a house as Optuna's studies, read-only: a storage over what REST reads.

Nothing is copied, so nothing can be older than the read models. A study's id is made from its sweep's, so it
stays the same; its trials follow it.
"""

import asyncio
import hashlib
import threading
from collections.abc import Container, Coroutine, Sequence
from typing import Any, NoReturn, TypeVar

from optuna.distributions import BaseDistribution
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.study._frozen import FrozenStudy
from optuna.trial import FrozenTrial, TrialState

from hq.analysis.frame import Table, trials_table
from hq.analysis.questions import Question
from hq.analysis.studies import directions_of, frozen_trials
from hq.rest import queries
from hq.rest.analyses import read_all_trials, read_steps
from hq.rest.database import Document, open_database
from hq.rest.problems import Problem

#: Sweeps shown, the newest.
MOST_SWEEPS = 500
#: More than a sweep may have.
_TRIALS = 10**6
_METRIC_NAMES = "study:metric_names"
Answer = TypeVar("Answer")


class ReadOnly(RuntimeError):
    """Something was to be changed that is only shown here."""


class SweepStorage(BaseStorage):
    """Reads the sweeps of the house whose database the URI names. Threads may share it."""

    def __init__(self, uri: str) -> None:
        self._database = open_database(uri)
        # The queries are asynchronous, Optuna is not.
        self._runner = asyncio.Runner()
        self._one_at_a_time = threading.Lock()
        #: Sweeps by the ids of their studies.
        self._sweeps: dict[int, str] = {}

    def _ask(self, question: Coroutine[Any, Any, Answer]) -> Answer:
        with self._one_at_a_time:
            return self._runner.run(question)

    def close(self) -> None:
        """Close the connection."""
        self._ask(self._database.client.close())
        self._runner.close()

    # Studies

    def get_all_studies(self) -> list[FrozenStudy]:
        """See `BaseStorage`."""
        found = self._ask(queries.read_sweeps(self._database, limit=MOST_SWEEPS))["sweeps"]
        studies = [_study(sweep) for sweep in found]
        self._sweeps = {study._study_id: sweep["id"] for study, sweep in zip(studies, found, strict=True)}
        return sorted(studies, key=lambda study: study._study_id)

    def _study(self, study_id: int) -> FrozenStudy:
        for study in self.get_all_studies():
            if study._study_id == study_id:
                return study
        raise KeyError(f"There is no sweep with the study id {study_id}.")

    def get_study_id_from_name(self, study_name: str) -> int:
        """See `BaseStorage`."""
        for study in self.get_all_studies():
            if study.study_name == study_name:
                return study._study_id
        raise KeyError(f"There is no sweep named {study_name!r}.")

    def get_study_name_from_id(self, study_id: int) -> str:
        """See `BaseStorage`."""
        return self._study(study_id).study_name

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        """See `BaseStorage`."""
        return self._study(study_id).directions

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        """See `BaseStorage`."""
        return self._study(study_id).user_attrs

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """See `BaseStorage`."""
        return self._study(study_id).system_attrs

    # Trials

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """See `BaseStorage`. Every call makes the trials anew, so nothing needs to be copied."""
        if study_id not in self._sweeps:
            self._study(study_id)
        try:
            table, steps = self._ask(self._read(self._sweeps[study_id]))
        except Problem as problem:
            raise KeyError(problem.detail) from problem
        trials = frozen_trials(table, steps, study_id * _TRIALS)
        return [trial for trial in trials if states is None or trial.state in states]

    async def _read(self, sweep: str) -> tuple[Table, dict[int, dict[int, float]]]:
        found, trials = await read_all_trials(self._database, sweep)
        points = await read_steps(self._database, found, trials, Question())
        steps = {
            trial: {int(step): float(value) for step, value in one if value is not None}
            for trial, one in points.items()
        }
        return trials_table(found["spec"], trials), steps

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """See `BaseStorage`."""
        for trial in self.get_all_trials(trial_id // _TRIALS):
            if trial._trial_id == trial_id:
                return trial
        raise KeyError(f"There is no trial with the id {trial_id}.")

    # What would change something

    def create_new_study(self, directions: Sequence[StudyDirection], study_name: str | None = None) -> int:
        """Refuse, as all that follows: see `ReadOnly`."""
        _refuse()

    def delete_study(self, study_id: int) -> None:
        """Refuse."""
        _refuse()

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        """Refuse."""
        _refuse()

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        """Refuse."""
        _refuse()

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Refuse."""
        _refuse()

    def set_trial_param(
        self, trial_id: int, param_name: str, param_value_internal: float, distribution: BaseDistribution
    ) -> None:
        """Refuse."""
        _refuse()

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """Refuse."""
        _refuse()

    def set_trial_intermediate_value(self, trial_id: int, step: int, intermediate_value: float) -> None:
        """Refuse."""
        _refuse()

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Refuse."""
        _refuse()

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Refuse."""
        _refuse()


def _refuse() -> NoReturn:
    raise ReadOnly("Sweeps are only shown here. Change them on the page of the house, or by `idlehands`.")


def study_id_of(sweep: str) -> int:
    """Return the id of a sweep's study: 31 bits, so that ids of trials stay below 2^53."""
    return int.from_bytes(hashlib.sha256(sweep.encode()).digest()[:4], "big") >> 1


def _study(sweep: Document) -> FrozenStudy:
    spec = sweep["spec"]
    goals = trials_table(spec, []).goals
    script = spec["job"].get("script") or {}
    name = spec.get("name") or spec["job"].get("name") or script.get("name") or script.get("entry") or "sweep"
    return FrozenStudy(
        study_name=f"{name} ({sweep['id']})",
        direction=None,
        directions=directions_of(goals),
        user_attrs={
            "sweep": sweep["id"],
            "status": str(sweep["status"]),
            "sampler": spec.get("sampler", "random"),
            "submitter": sweep["submitter"],
        },
        system_attrs={_METRIC_NAMES: [goal.name for goal in goals]} if goals else {},
        study_id=study_id_of(sweep["id"]),
    )
