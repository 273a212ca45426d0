"""What people write of a search beside its space: objectives, constraints, options, points to try."""

import re
from collections.abc import Callable, Sequence
from typing import Any, get_args

from idlehands.cli.exits import USAGE, Stop
from schemas.objectives import Constraint, Objective
from schemas.samplers import SamplerName, options_of

OBJECTIVE_HELP = "METRIC:min or METRIC:max, such as loss:min; several for a Pareto front."
CONSTRAINT_HELP = "METRIC<=BOUND or METRIC>=BOUND, such as 'mb<=100'."
TRY_HELP = "A point to try first: NAME=VALUE,NAME=VALUE, or a JSON object; the sampler adds what is missing."
_DIRECTIONS = {
    "min": "minimize",
    "minimize": "minimize",
    "max": "maximize",
    "maximize": "maximize",
}
_CONSTRAINT = re.compile(r"(.+?)\s*(<=|>=)\s*(\S+)")


def parse_objective(text: str) -> Objective:
    """Return `METRIC:min` or `METRIC:max` as an objective.

    Raises:
        Stop: If it cannot be understood.
    """
    metric, _, end = text.rpartition(":")
    direction = _DIRECTIONS.get(end)
    if not metric or direction is None:
        raise Stop(USAGE, f"--objective {text!r} is not {OBJECTIVE_HELP}")
    return Objective(metric, "minimize" if direction == "minimize" else "maximize")


def parse_constraint(text: str) -> Constraint:
    """Return `METRIC<=BOUND` or `METRIC>=BOUND` as a constraint.

    Raises:
        Stop: If it cannot be understood.
    """
    found = _CONSTRAINT.fullmatch(text.strip())
    try:
        bound = float(found[3]) if found else None
    except ValueError:
        bound = None
    if found is None or bound is None:
        raise Stop(USAGE, f"--constraint {text!r} is not {CONSTRAINT_HELP}")
    if found[2] == "<=":
        return Constraint(found[1], at_most=bound)
    return Constraint(found[1], at_least=bound)


def parse_options(given: Sequence[str], sampler: str, parse_value: Callable[[str], Any]) -> dict[str, Any]:
    """Return `NAME=VALUE` words as a sampler's options.

    Raises:
        Stop: If one cannot be understood, or this sampler has no such option.
    """
    found = _parse_pairs(given, "--sampler-option", "NAME=VALUE, such as n_startup_trials=20", parse_value)
    known = options_of(sampler)
    for name in found:
        if name not in known:
            has = f"it has {', '.join(known)}" if known else "it has none"
            raise Stop(USAGE, f"--sampler-option {name} is no option of the sampler {sampler}: {has}")
    return found


def check_sampler(name: str) -> None:
    """Make sure that there is such a sampler.

    Raises:
        Stop: With those that there are.
    """
    known = get_args(SamplerName)
    if name not in known:
        raise Stop(USAGE, f"There is no sampler {name!r}: take {', '.join(known)}")


def parse_point(text: str, parse_value: Callable[[str], Any]) -> dict[str, Any]:
    """Return a point to try.

    Raises:
        Stop: If it cannot be understood.
    """
    if text.startswith("{"):
        point = parse_value(text)
        if isinstance(point, dict):
            return point
        raise Stop(USAGE, f"--try {text!r} is not {TRY_HELP}")
    return _parse_pairs(text.split(","), "--try", TRY_HELP, parse_value)


def complete_search(given: dict[str, Any]) -> None:
    """Turn what a sweep file says in short into what a spec says, and choose a sampler where it names none.

    Raises:
        Stop: If something cannot be understood.
    """
    if isinstance(given.get("objectives"), dict):
        given["objectives"] = [f"{name}:{end}" for name, end in given["objectives"].items()]
    for key, parse in (("objectives", parse_objective), ("constraints", parse_constraint)):
        if isinstance(given.get(key), list):
            given[key] = [parse(one) if isinstance(one, str) else one for one in given[key]]
    if "sampler" not in given:
        given["sampler"] = default_sampler(given)
    check_sampler(str(given["sampler"]))


def default_sampler(given: dict[str, Any]) -> str:
    """Return the sampler of a sweep that names none: one that learns, if there is something to learn."""
    return "tpe" if given.get("metric") or given.get("objectives") else "random"


def _parse_pairs(
    given: Sequence[str], option: str, expected: str, parse_value: Callable[[str], Any]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for word in given:
        name, equals, text = word.partition("=")
        if not equals or not name.strip():
            raise Stop(USAGE, f"{option} {word!r} is not {expected}")
        found[name.strip()] = parse_value(text)
    return found
