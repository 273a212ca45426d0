"""One sweep as Optuna's pruners see it: trials with their values by step, live and ended.

In memory only, and filled anew from what HQ tells. A trial is judged at every
step beyond those that it had reached before: values come again when a trial is
run again, and say nothing new then.
"""

import logging
import math
import warnings
from typing import Any

import optuna
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState

from hq.search.pruners import build_pruner, describe_verdict
from schemas.early_stopping import Hyperband, Patient, SuccessiveHalving
from schemas.specs import SweepSpec
from schemas.states import JobStatus

log = logging.getLogger(__name__)
# What it tells of every trial is in our own log already.
optuna.logging.set_verbosity(optuna.logging.ERROR)

_ENDS = {JobStatus.SUCCEEDED: TrialState.COMPLETE, JobStatus.PRUNED: TrialState.PRUNED}


class Judge:
    """Knows one sweep. Trials have the numbers that HQ gave them.

    Raises:
        TypeError: If the pruner cannot be built.
        ValueError: Likewise.
    """

    def __init__(self, sweep: str, spec: SweepSpec) -> None:
        assert spec.pruner is not None  # noqa: S101 - who has none needs no judge
        self._spec, self._rule = spec, spec.pruner
        self._pruner = build_pruner(spec.pruner)
        self._storage = InMemoryStorage()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._study = optuna.create_study(
                storage=self._storage,
                study_name=sweep,
                direction=spec.direction,
                pruner=self._pruner,
                sampler=optuna.samplers.RandomSampler(),
            )
        innermost = spec.pruner.pruner if isinstance(spec.pruner, Patient) else spec.pruner
        #: Whether the pruner itself writes down how far trials came, as it judges them.
        self._notes_rungs = isinstance(innermost, SuccessiveHalving | Hyperband)
        self._ids: list[int] = []
        self._reached: dict[int, int] = {}

    def report(
        self, trial: int, values: dict[int, float], *, is_judged: bool = True
    ) -> tuple[int, str] | None:
        """Take in values by step; return the step at which the trial is to end, and why, if it is.

        Steps before those that it had reached replace what was known of them.
        """
        identity = self._identity(trial)
        if self._storage.get_trial(identity).state.is_finished():
            return None
        verdict: tuple[int, str] | None = None
        for step, value in sorted(values.items()):
            self._storage.set_trial_intermediate_value(identity, step, value)
            if step <= self._reached.get(trial, -1):
                continue
            self._reached[trial] = step
            if is_judged and verdict is None and self._is_lost(trial, identity):
                verdict = step, describe_verdict(self._rule, self._spec.metric, step, value)
        return verdict

    def end(self, trial: int, status: JobStatus, value: Any, values: dict[int, float]) -> None:
        """Take in how a trial ended: others are compared with it from now on. Repeating changes nothing.

        Args:
            trial: Its number.
            status: A final one.
            value: What its result says of the metric, whatever that is.
            values: All that it reported, by step.
        """
        identity = self._identity(trial)
        if self._storage.get_trial(identity).state.is_finished():
            return
        # What it says now is whole: verdicts on it come too late, but pruners note how far it came.
        self.report(trial, values, is_judged=self._notes_rungs)
        worth = _number(value)
        if worth is None and status is JobStatus.SUCCEEDED and values:
            worth = _number(values[max(values)])
        state = _ENDS.get(status, TrialState.FAIL)
        if state is TrialState.COMPLETE and worth is None:
            state = TrialState.FAIL
        self._storage.set_trial_state_values(
            identity, state, [worth] if state is TrialState.COMPLETE and worth is not None else None
        )

    def _identity(self, trial: int) -> int:
        study = self._study._study_id
        while len(self._ids) <= trial:
            self._ids.append(self._storage.create_new_trial(study))
        return self._ids[trial]

    def _is_lost(self, trial: int, identity: int) -> bool:
        try:
            with warnings.catch_warnings():
                # Trials without a finite value are part of the job, whatever numpy thinks of them.
                warnings.simplefilter("ignore")
                return bool(self._pruner.prune(self._study, self._storage.get_trial(identity)))
        except (ArithmeticError, ValueError, IndexError, KeyError) as error:
            log.error("the pruner of %s cannot judge trial %d: %r", self._study.study_name, trial, error)
            return False


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
