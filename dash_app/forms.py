"""What somebody wrote into the form of a script becomes a job; what cannot is said in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from bus.codec import MalformedMessage, check_free_form
from schemas.arguments.vocabulary import Argument
from schemas.specs import JobSpec, ScriptRef


class FormError(ValueError):
    """Something in the form cannot be used; the message names the field and what to do."""


class Field(msgspec.Struct, frozen=True):
    """The id of a field: the argument's name, and what sort of field it is."""

    field: str
    kind: str


@dataclass(frozen=True)
class Given:
    """A filled-in form, as text and ticks."""

    values: Mapping[str, Any]
    more: str = ""
    name: str = ""
    machine: str | None = None
    memory_mb: Any = 0
    gpus: Any = 0
    retries: Any = 0


def read_form(fields: Any, values: Any, ticks: Any, more: Any, name: Any, *rest: Any) -> Given:
    """Return a form from what the browser sends: fields by their ids, the ticks of those that have them.

    Raises:
        FormError: If it is not what the page sends.
    """
    try:
        named = msgspec.convert(fields, list[Field])
    except msgspec.ValidationError as error:
        raise FormError(f"This form cannot be read ({error}). Reload the page.") from None
    if not isinstance(values, list) or not isinstance(ticks, list) or len(values) != len(named):
        raise FormError("This form cannot be read. Reload the page.")
    ticked = iter(ticks)
    found = {
        one.field: next(ticked, False) if one.kind == "bool" else value
        for one, value in zip(named, values, strict=True)
    }
    machine, memory, gpus, retries = rest
    machine = str(machine) if machine else None
    return Given(found, str(more or ""), str(name or ""), machine, memory, gpus, retries)


def build_spec(script: ScriptRef, arguments: tuple[Argument, ...], given: Given) -> JobSpec:
    """Return the job.

    Raises:
        FormError: If a value does not fit.
    """
    params: dict[str, Any] = {}
    argv: list[str] = []
    for argument in arguments:
        value = read_value(argument, given.values.get(argument.name))
        if value is None:
            continue
        if argument.is_parameter:
            params[argument.name] = value
        elif isinstance(value, bool):
            argv.append(argument.flag)
        else:
            words = [str(one) for one in value] if isinstance(value, list) else [str(value)]
            argv += [*([argument.flag] if argument.flag else []), *words]
    params |= read_lines(given.more)
    spec = {
        "script": msgspec.to_builtins(script),
        "params": params,
        "argv": argv,
        "name": given.name.strip(),
        "needs": _needs(given),
        "retry_on_failure": _whole("Retries", given.retries),
    }
    try:
        check_free_form(params)
        return msgspec.convert(spec, JobSpec)
    except msgspec.ValidationError as error:
        raise FormError(f"This cannot be submitted: {error}.") from None
    except MalformedMessage as error:
        raise FormError(f"A parameter cannot be used: {error.detail}.") from None


def read_value(argument: Argument, given: Any) -> Any:
    """Return the value of one field; None when it was left empty, so that the script's default counts.

    Raises:
        FormError: If it is not of the argument's kind, or missing where it must be there.
    """
    if argument.kind == "bool":
        return True if given else None
    text = "" if given is None else str(given).strip()
    if not text:
        if argument.required:
            raise FormError(f"{argument.name} is missing: the script asks for it.")
        return None
    if argument.many:
        return [_one(argument, part) for part in text.split()]
    return _one(argument, text)


def _one(argument: Argument, text: str) -> Any:
    value: Any = text
    try:
        if argument.kind == "int":
            value = int(text)
        elif argument.kind == "float":
            value = float(text)
    except ValueError:
        kind = "a whole number" if argument.kind == "int" else "a number"
        raise FormError(f"{argument.name}: {text[:60]!r} is not {kind}.") from None
    if argument.choices and text not in {str(choice) for choice in argument.choices}:
        allowed = ", ".join(str(choice) for choice in argument.choices)
        raise FormError(f"{argument.name}: {text[:60]!r} is none of {allowed}.")
    return value


def read_lines(text: str) -> dict[str, Any]:
    """Return lines of `name=value` as parameters; a value is JSON, else it is text.

    Raises:
        FormError: If a line has no name or no `=`.
    """
    params: dict[str, Any] = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        name, equals, value = line.partition("=")
        if not equals or not name.strip():
            raise FormError(f"More parameters: {line[:60]!r} is not name=value, such as lr=0.1.")
        try:
            params[name.strip()] = msgspec.json.decode(value.strip())
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
            params[name.strip()] = value.strip()
    return params


def _needs(given: Given) -> dict[str, Any]:
    memory, gpus = _whole("Memory", given.memory_mb), _whole("GPUs", given.gpus)
    needs: dict[str, Any] = {"memory_mb": memory, "gpus": gpus}
    return {**needs, "agent": given.machine} if given.machine else needs


def _whole(what: str, given: Any) -> int:
    try:
        value = int(str(given).strip() or 0) if given is not None else 0
    except ValueError:
        raise FormError(f"{what}: {str(given)[:60]!r} is not a whole number.") from None
    if value < 0:
        raise FormError(f"{what}: it cannot be less than nothing.")
    return value
