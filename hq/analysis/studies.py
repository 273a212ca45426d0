"""Sweeps as Optuna knows studies: distributions, trials, a study in memory.

A parameter has one distribution in all trials of a study: that of the sweep's space, widened where a trial
(added by hand, or of before the space was changed) lies outside of it.
"""

import datetime
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from hq.analysis.frame import PARAM, VALUE, Goal, Table, names_of, plain

Document = dict[str, Any]

#: What Optuna calls the states of our trials.
STATES = {
    "queued": TrialState.WAITING,
    "held": TrialState.WAITING,
    "running": TrialState.RUNNING,
    "succeeded": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
}


def directions_of(goals: Sequence[Goal]) -> list[StudyDirection]:
    """Return a study's directions; one that is searched for nothing maximizes it."""
    if not goals:
        return [StudyDirection.MAXIMIZE]
    return [StudyDirection.MINIMIZE if goal.minimize else StudyDirection.MAXIMIZE for goal in goals]


def distributions_of(table: Table) -> dict[str, BaseDistribution]:
    """Return the distribution of each parameter, over the space and all trials; of some there is none."""
    found: dict[str, BaseDistribution] = {}
    for name in names_of(table.frame, PARAM):
        values = [plain(value) for value in table.frame[PARAM + name] if plain(value) is not None]
        distribution = _distribution(table.space.get(name) or {}, values)
        if distribution is not None:
            found[name] = distribution
    return found


def _distribution(dimension: Document, values: Sequence[Any]) -> BaseDistribution | None:
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if dimension.get("type") in ("float", "int") and len(numbers) == len(values):
        low, high = min([dimension["low"], *numbers]), max([dimension["high"], *numbers])
        log = bool(dimension.get("log")) and low > 0
        if dimension["type"] == "int" and all(float(value).is_integer() for value in (low, high, *numbers)):
            return IntDistribution(int(low), int(high), log=log)
        return FloatDistribution(float(low), float(high), log=log)
    choices = dict.fromkeys(as_choice(value) for value in [*(dimension.get("values") or ()), *values])
    return CategoricalDistribution(list(choices)) if choices else None


def as_choice(value: Any) -> Any:
    """Return a value as Optuna has choices: what is no plain value is its JSON text."""
    return value if value is None or isinstance(value, bool | int | float | str) else json.dumps(value)


def frozen_trials(
    table: Table, steps: Mapping[int, Mapping[int, float]] | None = None, first_id: int = 0
) -> list[FrozenTrial]:
    """Return the trials as Optuna has them; one that succeeded without its values has failed for a study.

    Args:
        table: The trials.
        steps: Per trial the value of each step.
        first_id: The id of trial 0.
    """
    distributions = distributions_of(table)
    return [
        _frozen(row, table.goals, distributions, (steps or {}).get(int(row["trial"]), {}), first_id)
        for row in table.frame.to_dict("records")
    ]


def _frozen(
    row: Mapping[Any, Any],
    goals: Sequence[Goal],
    distributions: Mapping[str, BaseDistribution],
    steps: Mapping[int, float],
    first_id: int,
) -> FrozenTrial:
    params: Document = {}
    for name, distribution in distributions.items():
        value = plain(row[PARAM + name])
        if value is not None or (
            isinstance(distribution, CategoricalDistribution) and None in distribution.choices
        ):
            params[name] = as_choice(value)
    values = [float(row[VALUE + goal.name]) for goal in goals]
    state = STATES.get(row["state"], TrialState.FAIL)
    if state is TrialState.COMPLETE and (not values or any(math.isnan(value) for value in values)):
        state = TrialState.FAIL
    return FrozenTrial(
        number=int(row["trial"]),
        state=state,
        value=None,
        values=values if state is TrialState.COMPLETE else None,
        datetime_start=_moment(row["start"]),
        datetime_complete=_moment(row["end"]) if state.is_finished() else None,
        params=params,
        distributions={name: distributions[name] for name in params},
        user_attrs={"job": row["job"], "machine": row["agent"], "status": row["state"]},
        system_attrs={},
        intermediate_values=dict(steps),
        trial_id=first_id + int(row["trial"]),
    )


def _moment(unix: Any) -> datetime.datetime | None:
    known = plain(unix)
    # Optuna's times are local and know no zone.
    return None if known is None else datetime.datetime.fromtimestamp(known)


def study_in_memory(goals: Sequence[Goal], trials: Iterable[FrozenTrial]) -> optuna.Study:
    """Return a study that has these trials and nothing behind it."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(directions=directions_of(goals))
    study.add_trials(list(trials))
    return study
