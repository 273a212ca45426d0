"""What people write after --pruner and --stop, as a sweep's spec has it."""

import re
from collections.abc import Sequence
from typing import Any

from msgspec.structs import fields

from idlehands.cli.exits import USAGE, Stop
from schemas.durations import DurationUnknown, parse_duration

PRUNER_HELP = (
    "median, percentile, halving, hyperband, threshold, wilcoxon or patient; options after a colon: "
    "halving:min_resource=1,reduction_factor=3, patient:patience=3,pruner=median"
)
STOP_HELP = "time=2h, machine-hours=8, kwh=1.5, target=0.99, no-better=20 (trials)"
_WORD = re.compile(r"[a-z_]+")
_RULES = {
    "time": "wall_seconds",
    "machine-hours": "machine_hours",
    "kwh": "kwh",
    "target": "target",
    "no-better": "no_better_in",
}


def parse_pruner(text: str) -> dict[str, Any]:
    """Return `NAME` or `NAME:OPTION=VALUE,...` as a pruner's spec; that it has such options is checked later.

    Raises:
        Stop: If it cannot be understood.
    """
    kind, colon, rest = text.partition(":")
    if not _WORD.fullmatch(kind) or (colon and not rest):
        raise Stop(USAGE, f"--pruner {text!r} is not {PRUNER_HELP}")
    pruner: dict[str, Any] = {"type": kind}
    for part in rest.split(",") if rest else ():
        name, equals, value = part.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or not _WORD.fullmatch(name):
            raise Stop(USAGE, f"--pruner {text!r}: {part!r} is not OPTION=VALUE")
        pruner[name] = {"type": value} if name == "pruner" else _number(value, f"--pruner {text!r}: {name}")
    _check_pruner(pruner)
    return pruner


def _check_pruner(pruner: dict[str, Any]) -> None:
    from schemas.early_stopping import Pruner

    known = {str(kind.__struct_config__.tag): fields(kind) for kind in Pruner.__args__}
    for name in (pruner["type"], pruner.get("pruner", pruner)["type"]):
        if name not in known:
            raise Stop(USAGE, f"There is no pruner {name!r}: take {', '.join(known)}")
    options = known[pruner["type"]]
    for name in pruner.keys() - {"type"} - {one.name for one in options}:
        has = ", ".join(one.name for one in options)
        raise Stop(USAGE, f"--pruner {pruner['type']} has no option {name}: it has {has}")
    for one in options:
        if one.required and one.name not in pruner:
            raise Stop(USAGE, f"--pruner {pruner['type']} needs {one.name}: {pruner['type']}:{one.name}=3")


def parse_stop(given: Sequence[str], *, wind_down: bool) -> dict[str, Any]:
    """Return `RULE=VALUE` words as the rules that stop a sweep.

    Raises:
        Stop: If one cannot be understood.
    """
    rules: dict[str, Any] = {}
    for word in given:
        name, equals, value = word.partition("=")
        if not equals or name not in _RULES:
            raise Stop(USAGE, f"--stop {word!r} is not {STOP_HELP}")
        if name == "time":
            try:
                rules["wall_seconds"] = parse_duration(value)
            except DurationUnknown as error:
                raise Stop(USAGE, f"--stop {word!r}: {error}") from None
        else:
            rules[_RULES[name]] = _number(value, f"--stop {word!r}: {name}")
    if wind_down:
        rules["live"] = "wind_down"
    return rules


def _number(text: str, what: str) -> float | int:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        raise Stop(USAGE, f"{what} must be a number, not {text!r}") from None
