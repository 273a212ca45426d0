"""The trials of one sweep as Optuna's samplers read them: a storage of one study, in memory.

Optuna's own copies every trial at every change, for the sake of threads and of
objectives that change them. Here one thread reads and writes, so trials are
changed where they are, and what samplers ask for again and again is kept ready:
each trial's parameters as a row of numbers.
"""

import copy
import math
from collections.abc import Callable, Container, Sequence
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

STUDY = "sweep"
_ID = 0


class LedgerTrial(FrozenTrial):
    """A trial that knows by how much it oversteps its bounds, instead of looking it up each time."""

    bounds: dict[str, float]

    @property
    def constraints(self) -> dict[str, float]:
        """Return the constraint values: above 0 is overstepped."""
        return self.bounds


class Ledger(BaseStorage):
    """Trials by number, added as they are proposed and ended as they end.

    Args:
        directions: Of the objectives.
        distributions: Of all parameters.
    """

    def __init__(
        self, directions: Sequence[StudyDirection], distributions: dict[str, BaseDistribution]
    ) -> None:
        self.trials: list[LedgerTrial] = []
        self._directions = list(directions)
        self._distributions = distributions
        self._columns = {name: index for index, name in enumerate(distributions)}
        self._rows = np.full((64, len(distributions)), np.nan)
        self._attrs: dict[str, Any] = {}
        #: Complete or ended early.
        self.finished = 0
        #: Only complete, failed and running trials, one objective, and no bound overstepped.
        self.is_plain = len(self._directions) == 1
        #: Values of plain trials, lower is better; infinite while one runs, NaN when it failed.
        self._losses = np.full(64, math.inf)

    def add(self) -> LedgerTrial:
        """Add the next trial, which runs, without parameters."""
        number = len(self.trials)
        trial = LedgerTrial(number, TrialState.RUNNING, None, None, None, {}, {}, {}, {}, {}, number)
        trial.bounds = {}
        self.trials.append(trial)
        if number >= len(self._rows):
            self._rows = np.concatenate([self._rows, np.full_like(self._rows, np.nan)])
            self._losses = np.concatenate([self._losses, np.full_like(self._losses, math.inf)])
        return trial

    def set_params(self, trial: LedgerTrial, params: dict[str, Any]) -> None:
        """Give a trial its parameters, as Optuna knows them."""
        trial.params = params
        trial.distributions = {name: self._distributions[name] for name in params}
        for name, value in params.items():
            self._rows[trial.number, self._columns[name]] = self._distributions[name].to_internal_repr(value)

    def end(
        self,
        trial: LedgerTrial,
        values: Sequence[float],
        violations: Sequence[float],
        reached: tuple[float, float] | None = None,
    ) -> None:
        """End a trial: with values it is complete, having reached a step it is pruned, else it has failed."""
        if not values and reached is not None:
            trial.state = TrialState.PRUNED
            trial.intermediate_values = {int(reached[0]): reached[1]}
            trial.values = [reached[1]]
            self._losses[trial.number] = math.nan
            self.is_plain = False
            self.finished += 1
            return
        if not values:
            trial.state = TrialState.FAIL
            self._losses[trial.number] = math.nan
            return
        sign = -1.0 if self._directions[0] is StudyDirection.MAXIMIZE else 1.0
        self._losses[trial.number] = sign * values[0]
        self.is_plain = self.is_plain and all(value <= 0 for value in violations)
        trial.bounds = {str(number): value for number, value in enumerate(violations)}
        trial.values = list(values)
        self.finished += 1
        trial.state = TrialState.COMPLETE

    def split(
        self, number: int, gamma: Callable[[int], int], with_running: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the numbers of the good trials and of the others, as TPE tells them apart, without `number`.

        Only where `is_plain`.
        """
        losses = self._losses[: len(self.trials)].copy()
        losses[number] = math.nan
        complete = np.flatnonzero(np.isfinite(losses))
        ordered = complete[np.argsort(losses[complete], kind="stable")]
        count = gamma(len(complete))
        others = ordered[count:]
        if with_running:
            others = np.concatenate([others, np.flatnonzero(np.isinf(losses))])
        return np.sort(ordered[:count]), np.sort(others)

    def columns_of(self, numbers: Sequence[int] | np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Return the parameters of those trials that have all of them, by name."""
        columns = np.asarray([self._columns[name] for name in names], dtype=int)
        rows = self._rows[np.ix_(np.asarray(numbers, dtype=int), columns)]
        rows = rows[~np.isnan(rows).any(axis=1)]
        return {name: rows[:, index] for index, name in enumerate(names)}

    # --- what samplers read -------------------------------------------------------

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        found: list[FrozenTrial] = [one for one in self.trials if states is None or one.state in states]
        return copy.deepcopy(found) if deepcopy else found

    def get_trial(self, trial_id: int) -> FrozenTrial:
        return self.trials[trial_id]

    def get_study_id_from_name(self, study_name: str) -> int:
        return _ID

    def get_study_name_from_id(self, study_id: int) -> str:
        return STUDY

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        return self._directions

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        return self._attrs

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        self._attrs[key] = value

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        self.trials[trial_id].system_attrs[key] = value

    # --- what they never do -------------------------------------------------------

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        return {}

    def get_all_studies(self) -> list[Any]:
        raise NotImplementedError

    def create_new_study(self, directions: Sequence[StudyDirection], study_name: str | None = None) -> int:
        raise NotImplementedError

    def delete_study(self, study_id: int) -> None:
        raise NotImplementedError

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        raise NotImplementedError

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        raise NotImplementedError

    def set_trial_param(
        self, trial_id: int, param_name: str, param_value_internal: float, distribution: BaseDistribution
    ) -> None:
        raise NotImplementedError

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        raise NotImplementedError

    def set_trial_intermediate_value(self, trial_id: int, step: int, intermediate_value: float) -> None:
        raise NotImplementedError

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        raise NotImplementedError
