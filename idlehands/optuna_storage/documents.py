"""How trials look in MongoDB, and back.

A trial is one document, so that each call is one atomic write:

    {_id: study * 10^8 + number, state, values, start, complete,
     params: {name: [internal value, distribution]}, user: {key: JSON}, system: {key: JSON},
     steps: {"0": 0.3}}

The id is the study's id and the trial's number in one: inserting it proves that the number was free.
Times are text, because BSON knows no microseconds; attributes are JSON, because BSON knows no large
integers.
"""

import copy
import json
from datetime import datetime
from functools import lru_cache
from typing import Any

from optuna.distributions import BaseDistribution, distribution_to_json, json_to_distribution
from optuna.trial import FrozenTrial, TrialState

Document = dict[str, Any]

#: Trials of one study. With it all ids stay below 2^53, which is what a web page can count to.
TRIALS_PER_STUDY = 10**8

RUNNING = int(TrialState.RUNNING)
WAITING = int(TrialState.WAITING)
UNFINISHED = [RUNNING, WAITING]

_STATES = {int(state): state for state in TrialState}
_IMMUTABLE = frozenset({type(None), bool, int, float, str})


def trial_id_of(study_id: int, number: int) -> int:
    """Return the id of a study's trial."""
    return study_id * TRIALS_PER_STUDY + number


def study_id_of(trial_id: int) -> int:
    """Return the id of the study that a trial belongs to."""
    return trial_id // TRIALS_PER_STUDY


def ids_of_trials(study_id: int) -> Document:
    """Return the condition for the ids of a study's trials."""
    return {"$gte": trial_id_of(study_id, 0), "$lt": trial_id_of(study_id + 1, 0)}


def field_name(key: str) -> str:
    """Return a key as a part of a path, without the dot, the dollar and the NUL that would mean more."""
    # The empty name is refused too.
    escaped = key.replace("%", "%25").replace(".", "%2E").replace("$", "%24").replace("\0", "%00")
    return escaped or "%"


def key_of(name: str) -> str:
    """Return the key that `field_name` made this of."""
    if "%" not in name:
        return name
    if name == "%":
        return ""
    return name.replace("%00", "\0").replace("%24", "$").replace("%2E", ".").replace("%25", "%")


def read_attributes(stored: Document) -> dict[str, Any]:
    """Return attributes as they were given."""
    return {key_of(name): json.loads(value) for name, value in stored.items()}


def new_trial(state: TrialState, start: datetime | None) -> Document:
    """Return a document, still without its id, of a trial that has nothing yet."""
    return {
        "state": int(state), "values": None, "start": _written(start), "complete": None,
        "params": {}, "user": {}, "system": {}, "steps": {},
    }  # fmt: skip


def from_template(trial: FrozenTrial) -> Document:
    """Return a document, still without its id, with all that a trial has.

    Raises:
        TypeError: If an attribute cannot be JSON.
    """
    return {
        "state": int(trial.state),
        "values": None if trial.values is None else [float(value) for value in trial.values],
        "start": _written(trial.datetime_start),
        "complete": _written(trial.datetime_complete),
        "params": {
            field_name(name): _given(trial, name)
            for name in trial.params
        },
        "user": {field_name(key): json.dumps(value) for key, value in trial.user_attrs.items()},
        "system": {field_name(key): json.dumps(value) for key, value in trial.system_attrs.items()},
        "steps": {str(int(step)): float(value) for step, value in trial.intermediate_values.items()},
    }  # fmt: skip


def parameter(internal: float, distribution: BaseDistribution) -> list[Any]:
    """Return how a parameter is stored."""
    return [float(internal), distribution_to_json(distribution)]


def _given(trial: FrozenTrial, name: str) -> list[Any]:
    distribution = trial.distributions[name]
    return parameter(distribution.to_internal_repr(trial.params[name]), distribution)


def now() -> str:
    """Return the local time as Optuna keeps it, with microseconds and without a zone."""
    return datetime.now().isoformat()


def read_trial(document: Document) -> FrozenTrial:
    """Return the trial that a document is."""
    params, distributions = {}, {}
    for stored, (internal, text) in document["params"].items():
        name = key_of(stored)
        distributions[name] = distribution = read_distribution(text)
        params[name] = distribution.to_external_repr(internal)
    return FrozenTrial(
        number=document["_id"] % TRIALS_PER_STUDY,
        state=_STATES[document["state"]],
        value=None,
        values=document["values"],
        datetime_start=_read(document["start"]),
        datetime_complete=_read(document["complete"]),
        params=params,
        distributions=distributions,
        user_attrs=read_attributes(document["user"]),
        system_attrs=read_attributes(document["system"]),
        intermediate_values={int(step): value for step, value in document["steps"].items()},
        trial_id=document["_id"],
    )


@lru_cache(maxsize=4096)
def read_distribution(text: str) -> BaseDistribution:
    """Return the distribution that was written so; trials share it, since nobody changes one."""
    return json_to_distribution(text)


def copy_trial(trial: FrozenTrial) -> FrozenTrial:
    """Return a trial whose parts may be changed without changing this one, sooner than `deepcopy` does."""
    copied = copy.copy(trial)
    copied._values = None if trial._values is None else list(trial._values)
    copied._params = dict(trial._params)
    copied._distributions = dict(trial._distributions)
    copied._user_attrs = _copy_values(trial._user_attrs)
    copied._system_attrs = _copy_values(trial._system_attrs)
    copied.intermediate_values = dict(trial.intermediate_values)
    return copied


def _copy_values(values: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value if type(value) in _IMMUTABLE else copy.deepcopy(value) for key, value in values.items()
    }


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _read(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
