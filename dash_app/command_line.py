"""The words for a terminal that would do what a form does."""

import shlex
from typing import Any

import msgspec

from dash_app.form_state import Given
from dash_app.forms import Parts
from schemas.arguments.spelling import spell
from schemas.arguments.suggesting import write_number
from schemas.specs import Choice, Dimension, FloatRange, IntRange


def command_line(script: str, source: str, parts: Parts, given: Given) -> str:
    """Return `idlehands run ...` or `idlehands sweep ...` for a form.

    Args:
        script: The script's file name.
        source: Its text, for how flags are spelled.
        parts: What the form comes to.
        given: The form.
    """
    options = _options(given)
    if not parts.space:
        said = [word for name, value in parts.params.items() for word in _flag(spell(name, source), value)]
        return _joined(["idlehands", "run", *options, script, *parts.argv, *said])
    words = ["idlehands", "sweep", *options, script]
    for name, dimension in parts.space.items():
        words += ["--space", f"{name}={write_dimension(dimension)}"]
    for name, value in parts.params.items():
        words += ["--param", f"{name}={_json(value)}"]
    words += ["--trials", str(given.trials)]
    words += {"auto": [], "random": ["--random"], "grid": ["--grid"]}.get(
        given.sampler, ["--sampler", given.sampler]
    )
    if given.metric.strip():
        words += ["--metric", given.metric.strip()]
    words += ["--minimize"] if given.direction == "minimize" else []
    words += ["--parallel", str(given.parallel)] if str(given.parallel) != "16" else []
    return _joined([*words, *(["--", *parts.argv] if parts.argv else [])])


def write_dimension(dimension: Dimension) -> str:
    """Return what is varied as `--space` takes it."""
    match dimension:
        case IntRange() | FloatRange():
            kind = "int" if isinstance(dimension, IntRange) else "float"
            low, high = write_number(dimension.low, kind), write_number(dimension.high, kind)
            scale = "" if not dimension.log else "log:" if kind == "float" else "whole:log:"
            return f"{scale}{low}..{high}"
        case Choice(values=values):
            return ",".join(_json(value) for value in values)
    return ""


def _options(given: Given) -> list[str]:
    words: list[str] = []
    if given.environment not in ("", "auto"):
        words += ["--env", given.environment]
    words += ["--agent", given.machine] if given.machine else []
    for flag, value in (
        ("--memory-mb", given.memory_mb),
        ("--gpus", given.gpus),
        ("--retry-on-failure", given.retries),
    ):
        if str(value or "0") != "0":
            words += [flag, str(value)]
    return [*words, "--name", given.name.strip()] if given.name.strip() else words


def _flag(flag: str, value: Any) -> list[str]:
    if value is None or value is False:
        return []
    if value is True:
        return [flag]
    return [flag, *(str(one) for one in (value if isinstance(value, list) else [value]))]


def _json(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _joined(words: list[str]) -> str:
    return " ".join(shlex.quote(word) for word in words)
