"""The words for a terminal that would do what a form does."""

import shlex
from typing import Any

import msgspec

from dash_app.form_search import read_constraints, read_objectives, read_pruner, words_of, write_pruner
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
    if given.becomes == "service":
        return _joined(["idlehands", "serve", *_service(script, given)])
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
    words += _search(given)
    words += ["--parallel", str(given.parallel)] if str(given.parallel) != "16" else []
    return _joined([*words, *(["--", *parts.argv] if parts.argv else [])])


def _search(given: Given) -> list[str]:
    objectives = read_objectives(given)
    words: list[str] = []
    if len(objectives) == 1:
        words += ["--metric", objectives[0]["metric"]]
        words += ["--minimize"] if objectives[0]["direction"] == "minimize" else []
    for one in objectives if len(objectives) > 1 else ():
        words += ["--objective", f"{one['metric']}:{one['direction'][:3]}"]
    for bound in read_constraints(given.constraints):
        sign, value = ("<=", bound["at_most"]) if "at_most" in bound else (">=", bound["at_least"])
        words += ["--constraint", f"{bound['metric']}{sign}{value:g}"]
    pruner = read_pruner(given)
    words += [] if pruner is None else ["--pruner", write_pruner(pruner)]
    for rule in words_of(given.stop):
        words += ["--stop", "=".join(part.strip() for part in rule.split("=", 1))]
    return words + (["--seed", str(given.seed)] if str(given.seed).strip() else [])


def _service(script: str, given: Given) -> list[str]:
    target = f"{script}:{given.function.strip()}" if given.function.strip() else script
    words = [target, "--name", given.service.strip(), *_needs(given)]
    for flag, value in (("--min-warm", given.min_warm), ("--concurrency", given.concurrency)):
        words += [flag, str(value)] if str(value) not in ("1", "") else []
    return words


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
    words = _needs(given)
    words += ["--retry-on-failure", str(given.retries)] if str(given.retries or "0") != "0" else []
    for one in words_of(given.artifacts):
        words += ["--artifact", one]
    return [*words, "--name", given.name.strip()] if given.name.strip() else words


def _needs(given: Given) -> list[str]:
    words: list[str] = []
    if given.environment not in ("", "auto"):
        words += ["--env", given.environment]
    words += ["--agent", given.machine] if given.machine else []
    for flag, value in (("--memory-mb", given.memory_mb), ("--gpus", given.gpus)):
        if str(value or "0") != "0":
            words += [flag, str(value)]
    return words


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
