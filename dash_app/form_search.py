"""How a form says a search: objectives, constraints, a pruner, rules to stop by, each from a line of text."""

import re
from collections.abc import Iterator
from typing import Any

from dash_app import component_ids as ids
from dash_app.form_state import FormError, Given, said_at
from schemas.durations import DurationUnknown, parse_duration

_CONSTRAINT = re.compile(r"([^<>=]{1,200}?)\s*(<=|>=)\s*(\S+)")
_NAME = re.compile(r"[a-z_]{1,40}")
#: What people call the rules, and what specs do.
_RULES = {
    "time": "wall_seconds",
    "machine-hours": "machine_hours",
    "kwh": "kwh",
    "target": "target",
    "no-better": "no_better_in",
}


def read_objectives(given: Given) -> list[dict[str, str]]:
    """Return what is searched for, in order; nothing when no metric is named."""
    pairs = (
        (given.metric, given.direction),
        (given.metric_2, given.direction_2),
        (given.metric_3, given.direction_3),
    )
    return [{"metric": name.strip(), "direction": way} for name, way in pairs if name.strip()]


def read_constraints(text: str) -> list[dict[str, Any]]:
    """Return `mb <= 100, accuracy >= 0.5` as constraints.

    Raises:
        FormError: If one is none.
    """
    found = []
    for word in _words(text):
        parts = _CONSTRAINT.fullmatch(word)
        try:
            bound = float(parts[3]) if parts else None
        except ValueError:
            bound = None
        if parts is None or bound is None:
            raise FormError(
                f"Constraints: {word[:60]!r} is not METRIC <= BOUND, such as mb <= 100.",
                ids.FORM_CONSTRAINTS,
            )
        found.append({"metric": parts[1], "at_most" if parts[2] == "<=" else "at_least": bound})
    return found


def read_pruner(given: Given) -> dict[str, Any] | None:
    """Return the pruner with its options; None when none was chosen.

    Raises:
        FormError: If an option is not `name=value`. Whether it has such options is checked with the sweep.
    """
    if given.pruner == "none":
        return None
    pruner: dict[str, Any] = {"type": given.pruner}
    for name, value in _pairs(given.pruner_options, "Options of early stopping", ids.FORM_PRUNER_OPTIONS):
        name = name.replace("-", "_")
        with said_at(ids.FORM_PRUNER_OPTIONS):
            pruner[name] = {"type": value} if name == "pruner" else _number(name, value)
    return pruner


def read_stop(text: str) -> dict[str, Any]:
    """Return `time=2h, target=0.99` as the rules that stop a sweep.

    Raises:
        FormError: If there is no such rule, or its value is none.
    """
    rules: dict[str, Any] = {}
    for name, value in _pairs(text, "Stop when", ids.FORM_STOP):
        if name not in _RULES:
            raise FormError(f"Stop when: {name!r} is none of {', '.join(_RULES)}.", ids.FORM_STOP)
        with said_at(ids.FORM_STOP):
            rules[_RULES[name]] = _seconds(value) if name == "time" else _number(name, value)
    return rules


def write_pruner(pruner: dict[str, Any]) -> str:
    """Return a pruner as `--pruner` takes it."""
    options = [
        f"{name}={value['type'] if isinstance(value, dict) else value}"
        for name, value in pruner.items()
        if name != "type"
    ]
    return str(pruner["type"]) + (f":{','.join(options)}" if options else "")


def words_of(text: str) -> list[str]:
    """Return the parts of a line that has commas between them."""
    return list(_words(text))


def _words(text: str) -> Iterator[str]:
    for word in re.split(r"[,\n]", text):
        if word.strip():
            yield word.strip()


def _pairs(text: str, what: str, field: str) -> Iterator[tuple[str, str]]:
    for word in _words(text):
        name, equals, value = word.partition("=")
        if not equals or not value.strip() or not _NAME.fullmatch(name.strip().replace("-", "_")):
            raise FormError(f"{what}: {word[:60]!r} is not name=value.", field)
        yield name.strip(), value.strip()


def _seconds(text: str) -> float:
    try:
        return parse_duration(text)
    except DurationUnknown as error:
        raise FormError(f"Stop when: {error}.") from None


def _number(name: str, text: str) -> int | float:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    raise FormError(f"{name}: {text[:60]!r} is not a number.")
