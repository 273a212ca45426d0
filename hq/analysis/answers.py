"""From the name of an analysis to its answer, for trials that were read already."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hq.analysis import parameters, progress
from hq.analysis.frame import Goal, Table, rows_of, trials_table
from hq.analysis.questions import Kind, Question

Document = dict[str, Any]

#: Per trial its steps and the values there.
Steps = Mapping[int, Sequence[tuple[float, float | None]]]


class NotPossible(ValueError):
    """The question has no answer for this sweep; the message says why."""


def answer(
    kind: Kind,
    spec: Document,
    trials: Sequence[Document],
    asked: Question,
    now: float,
    steps: Steps | None = None,
) -> Document:
    """Return an analysis as a document with `goals`, `params` and what the kind has.

    Raises:
        NotPossible: If it needs what the sweep does not have.
    """
    table = trials_table(spec, trials)
    shared = {
        "goals": [{"name": goal.name, "minimize": goal.minimize} for goal in table.goals],
        "params": table.params,
        "trials": len(table.frame),
    }
    if kind == "trials":
        return shared | {"rows": rows_of(table.frame)}
    if kind == "timeline":
        return shared | {"machines": progress.timeline(table.frame, now)}
    if kind == "parallel":
        return shared | parameters.coordinates(table)
    if kind == "compare":
        return shared | parameters.differing(table, asked.compare)
    if kind == "curves":
        goal = _goal(table, asked) if table.goals else None
        return shared | {"curves": progress.curves(steps or {}, table.frame, goal)}
    goal = _goal(table, asked)
    of_value: dict[str, Callable[[], Document]] = {
        "best": lambda: progress.best_so_far(table.frame, goal),
        "distribution": lambda: progress.distribution(table.frame, goal),
        "slice": lambda: {"slices": parameters.slices(table, goal)},
        "contour": lambda: _contour(table, goal, asked),
        "pareto": lambda: parameters.pareto(table.frame, table.goals),
    }
    return shared | {"value": goal.name} | of_value[kind]()


def _goal(table: Table, asked: Question) -> Goal:
    try:
        return table.goal(asked.value)
    except KeyError as error:
        if not table.goals:
            raise NotPossible("No trial has a result with a number yet.") from error
        there = ", ".join(goal.name for goal in table.goals)
        raise NotPossible(f"This sweep does not search for {asked.value!r}, but for {there}.") from error


def _contour(table: Table, goal: Goal, asked: Question) -> Document:
    numeric = [name for name in table.params if parameters.is_numeric(table.frame["param:" + name].dropna())]
    x = asked.x or next(iter(numeric), "")
    y = asked.y or next((name for name in numeric if name != x), "")
    if not x or not y:
        raise NotPossible("A contour needs two parameters that are numbers and differ between trials.")
    try:
        return {"over": [x, y], "numeric": numeric} | parameters.contour(table, goal, x, y)
    except KeyError as error:
        raise NotPossible(f"There is no parameter {error.args[0]!r} in this sweep.") from error
    except ValueError as error:
        raise NotPossible(f"This cannot be drawn: {error}.") from error
