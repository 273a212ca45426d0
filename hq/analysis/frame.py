"""The trials of a sweep as a table, one row each.

    trial  job  state  agent  start  end  seconds  param:NAME ...  value:NAME ...

`value:NAME` is there for each objective and is NaN where a trial has none; parameters that a trial does
not have are None. Nothing else of `hq.analysis` knows what a sweep looks like.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

Document = dict[str, Any]

PARAM = "param:"
VALUE = "value:"
#: The state in which a trial's values count.
COMPLETE = "succeeded"
_COLUMNS = ("trial", "job", "state", "agent", "start", "end", "seconds")


@dataclass(frozen=True)
class Goal:
    """One objective: the number that is searched for, and whether less of it is better."""

    name: str
    minimize: bool


@dataclass(frozen=True)
class Table:
    """All trials of a sweep, and what is searched for."""

    frame: pd.DataFrame
    goals: tuple[Goal, ...]
    #: As the sweep says it, by parameter.
    space: Document

    @property
    def params(self) -> list[str]:
        """Return the parameters that differ between trials, in the order of the sweep."""
        return [
            name for name in names_of(self.frame, PARAM) if self.frame[PARAM + name].map(repr).nunique() > 1
        ]

    def goal(self, name: str | None) -> Goal:
        """Return the objective of that name, the first without one.

        Raises:
            KeyError: If there is none.
        """
        for goal in self.goals:
            if name in (None, "", goal.name):
                return goal
        raise KeyError(name)

    def is_log(self, name: str) -> bool:
        """Tell whether a parameter was searched on a logarithmic scale."""
        return bool((self.space.get(name) or {}).get("log"))


def trials_table(spec: Document, trials: Sequence[Document]) -> Table:
    """Return the table of a sweep's trials as `hq.rest.queries` reads them."""
    goals = _goals(spec, trials)
    return Table(trials_frame(trials, goals, list(spec.get("space") or {})), goals, spec.get("space") or {})


def trials_frame(
    trials: Sequence[Document], goals: Sequence[Goal], params: Sequence[str] = ()
) -> pd.DataFrame:
    """Return one row per trial, by number.

    Args:
        trials: With `trial`, `job`, `status`, `agent`, `params`, `result`, `started`, `ended`.
        goals: What values are taken from the results.
        params: The parameters to show; those of all trials where none are named.
    """
    names = list(params) or list(dict.fromkeys(name for one in trials for name in one.get("params") or {}))
    rows = [_row(trial, goals, names) for trial in sorted(trials, key=lambda one: one.get("trial") or 0)]
    columns = [*_COLUMNS, *(PARAM + name for name in names), *(VALUE + goal.name for goal in goals)]
    frame = pd.DataFrame(rows, columns=pd.Index(columns)).astype(
        dict.fromkeys(names_to_object(names), object)
    )
    for goal in goals:
        frame[VALUE + goal.name] = frame[VALUE + goal.name].astype(float)
    return frame


def names_to_object(names: Sequence[str]) -> list[str]:
    """Return the columns in which values stay what they are: 1, True and "1" are three."""
    return [PARAM + name for name in names]


def _row(trial: Document, goals: Sequence[Goal], names: Sequence[str]) -> Document:
    result = trial.get("result") or {}
    start = result.get("started_at") or trial.get("started")
    end = result.get("ended_at") or trial.get("ended")
    params = trial.get("params") or {}
    # What a trial had when it was ended early is not what others are measured by.
    printed = (result.get("result") or {}) if str(trial["status"]) == COMPLETE else {}
    return {
        "trial": trial.get("trial") or 0,
        "job": trial["job"],
        "state": str(trial["status"]),
        "agent": trial.get("agent") or "",
        "start": start,
        "end": end,
        "seconds": result.get("duration_seconds"),
        **{PARAM + name: params.get(name) for name in names},
        **{VALUE + goal.name: _number(printed.get(goal.name)) for goal in goals},
    }


def _goals(spec: Document, trials: Sequence[Document]) -> tuple[Goal, ...]:
    """Return the objectives; the first number of the results where the sweep names none."""
    if spec.get("objectives"):
        return tuple(
            Goal(str(one["metric"]), one.get("direction") == "minimize") for one in spec["objectives"]
        )
    minimize = spec.get("direction") == "minimize"
    if spec.get("metric"):
        return (Goal(str(spec["metric"]), minimize),)
    for trial in trials:
        for name, value in ((trial.get("result") or {}).get("result") or {}).items():
            if not math.isnan(_number(value)):
                return (Goal(str(name), minimize),)
    return ()


def _number(value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return math.nan


def names_of(frame: pd.DataFrame, prefix: str) -> list[str]:
    """Return the names of all columns of a kind, without its prefix."""
    return [str(name)[len(prefix) :] for name in frame.columns if str(name).startswith(prefix)]


def with_value(frame: pd.DataFrame, goal: Goal) -> pd.DataFrame:
    """Return the trials that have a value of an objective."""
    return frame[frame[VALUE + goal.name].notna()]


def rows_of(frame: pd.DataFrame) -> list[Document]:
    """Return the rows as JSON has them: no NaN, and numbers of Python."""
    return [{str(name): plain(value) for name, value in row.items()} for row in frame.to_dict("records")]


def plain(value: Any) -> Any:
    """Return a cell as JSON has it."""
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
