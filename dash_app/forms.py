"""What somebody wrote into the form of a script becomes a job or a sweep; what cannot is said in words."""

from typing import Any

import msgspec

from bus.codec import MalformedMessage, check_free_form
from dash_app import component_ids as ids
from dash_app.fields import read_lines, read_number, read_range, read_value
from dash_app.form_search import read_constraints, read_objectives, read_pruner, read_stop, words_of
from dash_app.form_state import ComponentId, FormError, Given, key_of, said_at
from schemas.arguments.checking import find_problems
from schemas.arguments.spelling import name_parameter
from schemas.arguments.vocabulary import Argument, Script
from schemas.early_stopping import Pruner
from schemas.searches import SearchError, check_search
from schemas.spaces import SpaceError, check_space
from schemas.specs import Dimension, JobSpec, ScriptRef, ServiceSpec, SweepSpec


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
        raise FormError(f"Choose what it is to do: {', '.join(script.commands)}.", ids.FORM_COMMAND)
    params: dict[str, Any] = {}
    space: dict[str, Dimension] = {}
    before: list[str] = []
    after: list[str] = []
    wrong: list[FormError] = []
    for argument in script.of_command(command):
        key = key_of(argument)
        # Parameters come last on the command line, so what belongs before a command is a word.
        is_early = bool(command) and not argument.command
        if key in given.ranges and argument.flag and not argument.many and not is_early:
            try:
                space[_parameter(argument, source)] = read_range(argument, given.ranges[key])
            except FormError as error:
                wrong.append(error)
            continue
        try:
            with said_at(ids.field(key, argument.kind)):
                value = read_value(argument, given.values.get(key))
        except FormError as error:
            wrong.append(error)
            continue
        if value is None:
            continue
        if not argument.flag or is_early or (argument.repeated and isinstance(value, list)):
            (before if is_early else after).extend(_words(argument, value))
        else:
            params[argument.name if value is not False else _off(argument, source)] = value is False or value
    if wrong:
        wrong[0].others = tuple(wrong[1:])
        raise wrong[0]
    with said_at(ids.FORM_MORE):
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
        "retry_on_failure": _single("Retries", given.retries, ids.FORM_RETRIES),
        "artifacts": words_of(given.artifacts),
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
    objectives = read_objectives(given)
    sampler = given.sampler
    if sampler == "auto":
        sampler = "tpe" if objectives else "random"
    pruner = read_pruner(given)
    spec: dict[str, Any] = {
        "job": msgspec.to_builtins(job),
        "space": msgspec.to_builtins(parts.space),
        "sampler": sampler,
        "trials": _single("Trials", given.trials, ids.FORM_TRIALS),
        "parallel": _single("At a time", given.parallel, ids.FORM_PARALLEL),
        "name": given.name.strip(),
        "constraints": read_constraints(given.constraints),
        "stop": read_stop(given.stop),
    }
    if len(objectives) == 1:
        spec |= objectives[0]
    elif objectives:
        spec["objectives"] = objectives
    if pruner is not None:
        with said_at(ids.FORM_PRUNER_OPTIONS):
            spec["pruner"] = _pruner(pruner)
    if str(given.seed).strip():
        spec["seed"] = _single("Seed", given.seed, ids.FORM_SEED)
    sweep: SweepSpec = _converted(spec, SweepSpec, spec["space"])
    try:
        check_search(sweep)
    except (SearchError, SpaceError) as error:
        why = str(error)
        raise FormError(f"{why[0].upper()}{why[1:]}.", _place_of(why)) from None
    return sweep


def build_service(job: JobSpec, given: Given) -> ServiceSpec:
    """Return the service of a script: its parameters come with each call.

    Raises:
        FormError: If it cannot be one.
    """
    if not given.service.strip():
        raise FormError("Give the service a name: it is called by that.", ids.FORM_SERVICE, is_missing=True)
    function = given.function.strip()
    if function and not function.isidentifier():
        raise FormError(f"{function[:60]!r} names no function of the script.", ids.FORM_FUNCTION)
    kept = msgspec.structs.replace(job, params={}, argv=(), name="", retry_on_failure=0, artifacts=())
    spec = {
        "name": given.service.strip(),
        "job": msgspec.to_builtins(kept),
        "function": function or None,
        "min_warm": _single("Machines", given.min_warm, ids.FORM_MIN_WARM),
        "concurrency": _single("Calls at a time", given.concurrency, ids.FORM_CONCURRENCY),
    }
    with said_at(ids.FORM_SERVICE):
        service: ServiceSpec = _converted(spec, ServiceSpec, {})
    return service


def _pruner(pruner: dict[str, Any]) -> Any:
    """Return a pruner whose options are there, as JSON."""
    try:
        found: Any = msgspec.convert(pruner, Pruner)
    except msgspec.ValidationError as error:
        raise FormError(f"Early stopping: {error}.") from None
    return msgspec.to_builtins(found)


def _place_of(why: str) -> ComponentId | None:
    """Return the field that a sentence about the whole search is beside."""
    words = {
        "constraint": ids.FORM_CONSTRAINTS,
        "pruner": ids.FORM_PRUNER,
        "sampler": ids.FORM_SAMPLER,
        "objective": ids.FORM_METRIC,
        "metric": ids.FORM_METRIC,
    }
    return next((place for word, place in words.items() if word in why), None)


def _single(what: str, given: Any, field: str) -> int:
    with said_at(field):
        return read_number(what, given)


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
    memory = _single("Memory", given.memory_mb, ids.FORM_MEMORY)
    gpus = _single("GPUs", given.gpus, ids.FORM_GPUS)
    needs: dict[str, Any] = {"memory_mb": memory, "gpus": gpus}
    return {**needs, "agent": given.machine} if given.machine else needs
