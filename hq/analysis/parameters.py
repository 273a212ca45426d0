"""What parameters have to do with a value: slice, contour, parallel coordinates; and the Pareto front."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from hq.analysis.frame import PARAM, VALUE, Goal, Table, plain, with_value

Document = dict[str, Any]

#: Cells of a contour along each axis.
GRID = 28


def slices(table: Table, goal: Goal) -> list[Document]:
    """Return, per parameter, each trial's value over it: `[{name, log, numeric, x, y, trials}]`."""
    known = with_value(table.frame, goal)
    found = []
    for name in table.params:
        rows = known[known[PARAM + name].notna()]
        found.append(
            {
                "name": name,
                "numeric": is_numeric(rows[PARAM + name]),
                "log": table.is_log(name) and is_numeric(rows[PARAM + name]),
                "x": [plain(value) for value in rows[PARAM + name]],
                "y": rows[VALUE + goal.name].tolist(),
                "trials": [int(number) for number in rows["trial"]],
            }
        )
    return found


def is_numeric(values: pd.Series) -> bool:
    """Tell whether all values are numbers; True and False are none."""
    return bool(len(values)) and all(
        isinstance(value, int | float | np.number) and not isinstance(value, bool) for value in values
    )


def contour(table: Table, goal: Goal, x: str, y: str) -> Document:
    """Return the value over two numeric parameters, as points and as a surface between them.

    The surface weighs the trials by their distance (inverse squares, in the scale of the search); it is empty
    with fewer than three trials.

    Raises:
        KeyError: If there is no such parameter.
        ValueError: If one of them is not a number, or they are the same.
    """
    if x == y:
        raise ValueError(f"a contour needs two parameters, and both are {x}")
    known = with_value(table.frame, goal)
    known = known[known[PARAM + x].notna() & known[PARAM + y].notna()]
    for name in (x, y):
        if len(known) and not is_numeric(known[PARAM + name]):
            raise ValueError(f"{name} is not a number, so nothing lies between its values")
    across, up = (_scaled(known[PARAM + name], table.is_log(name)) for name in (x, y))
    values = known[VALUE + goal.name].to_numpy(dtype=float)
    surface: Document = {"x": [], "y": [], "z": []}
    if len(values) > 2:
        surface = _surface(across, up, values, (table.is_log(x), table.is_log(y)))
    return {
        "x": [plain(value) for value in known[PARAM + x]],
        "y": [plain(value) for value in known[PARAM + y]],
        "values": values.tolist(),
        "trials": [int(number) for number in known["trial"]],
        "log": [table.is_log(x), table.is_log(y)],
        "surface": surface,
    }


def _scaled(values: pd.Series, log: bool) -> np.ndarray:
    numbers: np.ndarray = values.to_numpy(dtype=float)
    return np.log10(numbers) if log and (numbers > 0).all() else numbers


def _surface(across: np.ndarray, up: np.ndarray, values: np.ndarray, log: tuple[bool, bool]) -> Document:
    axes = [np.linspace(points.min(), points.max(), GRID) for points in (across, up)]
    spans = [max(float(np.ptp(points)), 1e-12) for points in (across, up)]
    grid_x, grid_y = np.meshgrid(*axes)
    distances = ((grid_x[..., None] - across) / spans[0]) ** 2 + ((grid_y[..., None] - up) / spans[1]) ** 2
    weights = 1.0 / (distances + 1e-4) ** 2
    z = (weights * values).sum(axis=-1) / weights.sum(axis=-1)
    unscaled = [10**axis if is_log else axis for axis, is_log in zip(axes, log, strict=True)]
    return {"x": unscaled[0].tolist(), "y": unscaled[1].tolist(), "z": z.tolist()}


def coordinates(table: Table) -> Document:
    """Return what parallel coordinates are drawn of: parameters and values, per trial that has a value."""
    goals = table.goals
    known = table.frame
    if goals:
        known = known[known[[VALUE + goal.name for goal in goals]].notna().all(axis=1)]
    axes = [{"name": name, "log": table.is_log(name), "is_value": False} for name in table.params]
    axes += [{"name": goal.name, "log": False, "is_value": True} for goal in goals]
    columns = [*(PARAM + name for name in table.params), *(VALUE + goal.name for goal in goals)]
    lines = [
        {"trial": int(row["trial"]), "places": [plain(row[column]) for column in columns]}
        for row in known.to_dict("records")
    ]
    return {"axes": axes, "lines": lines}


def pareto(frame: pd.DataFrame, goals: Sequence[Goal]) -> Document:
    """Return all trials by their values, and the front by number: `{names, trials, values, front}`.

    A trial is on the front when none is at least as good by every objective and better by one.
    """
    known = frame
    for goal in goals:
        known = with_value(known, goal)
    values = known[[VALUE + goal.name for goal in goals]].to_numpy(dtype=float)
    losses = values * np.array([1.0 if goal.minimize else -1.0 for goal in goals])
    front = [
        int(number)
        for number, loss in zip(known["trial"], losses, strict=True)
        if not ((losses <= loss).all(axis=1) & (losses < loss).any(axis=1)).any()
    ]
    return {
        "names": [goal.name for goal in goals],
        "trials": [int(number) for number in known["trial"]],
        "values": values.tolist(),
        "front": front if goals else [],
    }


def differing(table: Table, trials: Sequence[int]) -> Document:
    """Return chosen trials side by side: `{trials, params: [{name, values, differs}], values: likewise}`."""
    by_number = table.frame.set_index("trial")
    chosen = [number for number in dict.fromkeys(trials) if number in by_number.index]
    rows = [by_number.loc[number] for number in chosen]

    def line(name: str, column: str) -> Document:
        values = [plain(row[column]) for row in rows]
        return {"name": name, "values": values, "differs": len({repr(value) for value in values}) > 1}

    names = [str(name)[len(PARAM) :] for name in table.frame.columns if str(name).startswith(PARAM)]
    facts = [
        {"trial": number, "job": row["job"], "state": row["state"], "agent": row["agent"]}
        | {"seconds": _finite(row["seconds"])}
        for number, row in zip(chosen, rows, strict=True)
    ]
    return {
        "trials": facts,
        "params": [line(name, PARAM + name) for name in names],
        "values": [line(goal.name, VALUE + goal.name) for goal in table.goals],
    }


def _finite(value: Any) -> float | None:
    return None if value is None or not math.isfinite(float(value)) else float(value)
