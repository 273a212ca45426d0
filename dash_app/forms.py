"""What somebody wrote into the form of a script becomes a job or a sweep; what cannot is said in words."""

from typing import Any

import msgspec

from bus.codec import MalformedMessage, check_free_form
from dash_app.fields import read_lines, read_number, read_range, read_value
from dash_app.form_state import FormError, Given, key_of
from schemas.arguments.checking import find_problems
from schemas.arguments.spelling import name_parameter
from schemas.arguments.vocabulary import Argument, Script
from schemas.spaces import SpaceError, check_space
from schemas.specs import Dimension, JobSpec, ScriptRef, SweepSpec


class Parts(msgspec.Struct, frozen=True):
    """What a form comes to: parameters, words before them, and what is varied."""

    params: dict[str, Any]
    argv: tuple[str, ...]
    space: dict[str, Dimension]


def read_parts(script: Script, source: str, given: Given) -> Parts:
    """Return what is passed to a script.

    Args:
        script: As it was read.
        source: Its text.
        given: The form.

    Raises:
        FormError: If a value or a range does not fit.
    """
    command = given.command if given.command in script.commands else ""
    if script.commands and not command:
        raise FormError(f"Choose what it is to do: {', '.join(script.commands)}.")
    params: dict[str, Any] = {}
    space: dict[str, Dimension] = {}
    before: list[str] = []
    after: list[str] = []
    for argument in script.of_command(command):
        key = key_of(argument)
        # Parameters come last on the command line, so what belongs before a command is a word.
        is_early = bool(command) and not argument.command
        if key in given.ranges and argument.flag and not argument.many and not is_early:
            space[_parameter(argument, source)] = read_range(argument, given.ranges[key])
            continue
        value = read_value(argument, given.values.get(key))
        if value is None:
            continue
        if not argument.flag or is_early or (argument.repeated and isinstance(value, list)):
            (before if is_early else after).extend(_words(argument, value))
        else:
            params[argument.name if value is not False else _off(argument, source)] = value is False or value
    params |= read_lines(given.more)
    argv = (*before, *command.split(), *after)
    found = find_problems(script, source, params, argv=argv, space=space)
    if found:
        raise FormError(found[0])
    return Parts(params, argv, space)


def build_spec(script: ScriptRef, parts: Parts, given: Given) -> JobSpec:
    """Return the job.

    Raises:
        FormError: If a value does not fit.
    """
    spec = {
        "script": msgspec.to_builtins(script),
        "params": parts.params,
        "argv": parts.argv,
        "name": given.name.strip(),
        "needs": _needs(given),
        "retry_on_failure": read_number("Retries", given.retries),
    }
    job: JobSpec = _converted(spec, JobSpec, parts.params)
    return job


def build_sweep(job: JobSpec, parts: Parts, given: Given) -> SweepSpec:
    """Return the sweep of a job over what is varied.

    Raises:
        FormError: If it cannot be searched so.
    """
    try:
        check_space(parts.space)
    except SpaceError as error:
        raise FormError(f"{error}.") from None
    sampler = given.sampler
    if sampler == "auto":
        sampler = "tpe" if given.metric.strip() else "random"
    spec = {
        "job": msgspec.to_builtins(job),
        "space": msgspec.to_builtins(parts.space),
        "sampler": sampler,
        "trials": read_number("Trials", given.trials),
        "metric": given.metric.strip(),
        "direction": given.direction,
        "parallel": read_number("At a time", given.parallel),
        "name": given.name.strip(),
    }
    sweep: SweepSpec = _converted(spec, SweepSpec, spec["space"])
    return sweep


def _converted(spec: dict[str, Any], kind: Any, free: Any) -> Any:
    try:
        check_free_form(free)
        return msgspec.convert(spec, kind)
    except msgspec.ValidationError as error:
        raise FormError(f"This cannot be submitted: {error}.") from None
    except MalformedMessage as error:
        raise FormError(f"A parameter cannot be used: {error.detail}.") from None


def _parameter(argument: Argument, source: str) -> str:
    """Return the parameter that varies an argument: of a switch that is on, the one that turns it off."""
    return _off(argument, source) if argument.kind == "bool" and argument.default is True else argument.name


def _off(argument: Argument, source: str) -> str:
    return name_parameter(argument.off, source) if argument.off else argument.name


def _words(argument: Argument, value: Any) -> list[str]:
    if value is True:
        return [argument.flag]
    if value is False:
        return [argument.off]
    words = [str(one) for one in value] if isinstance(value, list) else [str(value)]
    if not argument.flag:
        return words
    if argument.repeated:
        return [part for word in words for part in (argument.flag, word)]
    return [argument.flag, *words]


def _needs(given: Given) -> dict[str, Any]:
    memory, gpus = read_number("Memory", given.memory_mb), read_number("GPUs", given.gpus)
    needs: dict[str, Any] = {"memory_mb": memory, "gpus": gpus}
    return {**needs, "agent": given.machine} if given.machine else needs
