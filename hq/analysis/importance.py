"""How much each parameter matters to a value: fANOVA, mean decrease in impurity, PED-ANOVA, all by Optuna."""

import warnings
from dataclasses import replace
from typing import Any, get_args

from optuna.exceptions import ExperimentalWarning
from optuna.importance import (
    BaseImportanceEvaluator,
    FanovaImportanceEvaluator,
    MeanDecreaseImpurityImportanceEvaluator,
    PedAnovaImportanceEvaluator,
    get_param_importances,
)
from optuna.trial import TrialState

from hq.analysis.frame import Goal, Table
from hq.analysis.questions import LEAST_TRIALS, Method, why_too_few
from hq.analysis.studies import frozen_trials, study_in_memory

METHODS: tuple[Method, ...] = get_args(Method)
#: So many are looked at, the latest: a forest over more takes longer and says the same.
MOST_TRIALS = 2_000
_SEED = 0


def importance(table: Table, goal: Goal, method: Method = "fanova") -> dict[str, Any]:
    """Return the share of each parameter, the largest first: `{method, trials, shares, why}`.

    Shares sum to one. Without enough trials they are empty and `why` says so. Parameters that only some
    trials have are left out: their share would be of another sum.

    Raises:
        ValueError: If there is no such method.
    """
    if method not in METHODS:
        raise ValueError(f"importance by {method} is not known; there are {', '.join(METHODS)}")
    # As if there were no other objective: the methods look at one.
    alone = replace(table, goals=(goal,))
    complete = [trial for trial in frozen_trials(alone) if trial.state is TrialState.COMPLETE][-MOST_TRIALS:]
    trials = len(complete)
    nothing: dict[str, Any] = {"method": method, "trials": trials, "shares": {}}
    if trials < LEAST_TRIALS:
        return nothing | {"why": why_too_few(trials)}
    # By name: Optuna's mean decrease in impurity gives parameters in another order each other's shares.
    shared = sorted(name for name in table.params if all(name in trial.params for trial in complete))
    if not shared or len({trial.value for trial in complete}) < 2:
        return nothing | {"why": "all values, or all parameters, are the same"}
    study = study_in_memory(alone.goals, complete)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        shares = get_param_importances(study, evaluator=_evaluator(method), params=shared)
    return nothing | {"shares": {name: float(share) for name, share in shares.items()}, "why": ""}


def _evaluator(method: Method) -> BaseImportanceEvaluator:
    match method:
        case "fanova":
            return FanovaImportanceEvaluator(seed=_SEED)
        case "mdi":
            return MeanDecreaseImpurityImportanceEvaluator(seed=_SEED)
        case "ped-anova":
            return PedAnovaImportanceEvaluator()
