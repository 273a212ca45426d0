"""What the browser sends of the form of a script: read into one thing, or refused."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from dash import ALL
from msgspec import Struct, field

from dash_app import component_ids as ids
from schemas.arguments.vocabulary import Argument


class FormError(ValueError):
    """Something in the form cannot be used; the message names the field and what to do."""


class _Field(Struct, frozen=True):
    field: str
    kind: str


class _End(Struct, frozen=True):
    end: str
    of: str


class _Vary(Struct, frozen=True):
    vary: str


class _Log(Struct, frozen=True):
    log: str


class Ends(Struct, frozen=True):
    """What a range was given as, as text: two numbers, or values to choose from."""

    low: Any = None
    high: Any = None
    among: Any = None
    log: bool = False


class Given(Struct, frozen=True):
    """A filled-in form, as text and ticks."""

    #: By `key_of` an argument.
    values: Mapping[str, Any] = field(default_factory=dict)
    #: Those that are varied.
    ranges: Mapping[str, Ends] = field(default_factory=dict)
    more: str = ""
    command: str = ""
    name: str = ""
    machine: str | None = None
    environment: str = "auto"
    memory_mb: Any = 0
    gpus: Any = 0
    retries: Any = 0
    trials: Any = 20
    metric: str = ""
    direction: str = "maximize"
    #: auto: one that learns where there is a metric to learn from.
    sampler: str = "auto"
    parallel: Any = 16


def key_of(argument: Argument) -> str:
    """Return what the fields of an argument are called: commands may have arguments of one name."""
    return f"{argument.command} {argument.name}".strip()


#: Fields that are there once, and the property that holds what was entered.
_SINGLE = {
    "more": ids.FORM_MORE,
    "command": ids.FORM_COMMAND,
    "name": ids.FORM_NAME,
    "machine": ids.FORM_MACHINE,
    "environment": ids.FORM_ENVIRONMENT,
    "memory_mb": ids.FORM_MEMORY,
    "gpus": ids.FORM_GPUS,
    "retries": ids.FORM_RETRIES,
    "trials": ids.FORM_TRIALS,
    "metric": ids.FORM_METRIC,
    "direction": ids.FORM_DIRECTION,
    "sampler": ids.FORM_SAMPLER,
    "parallel": ids.FORM_PARALLEL,
}


def form_parts(kind: Callable[[Any, str], Any]) -> dict[str, Any]:
    """Return every part of the form as what a callback takes: `State`, or `Input` to be told of changes."""
    return {
        "fields": kind({"field": ALL, "kind": ALL}, "id"),
        "values": kind({"field": ALL, "kind": ALL}, "value"),
        "ticks": kind({"field": ALL, "kind": "bool"}, "checked"),
        "varied": kind({"vary": ALL}, "id"),
        "varied_ticks": kind({"vary": ALL}, "checked"),
        "ends": kind({"end": ALL, "of": ALL}, "id"),
        "end_values": kind({"end": ALL, "of": ALL}, "value"),
        "logs": kind({"log": ALL}, "id"),
        "log_ticks": kind({"log": ALL}, "checked"),
        **{name: kind(identity, "value") for name, identity in _SINGLE.items()},
    }


def read_form(sent: Mapping[str, Any]) -> Given:
    """Return a form from what the browser sends.

    Raises:
        FormError: If it is not what the page sends.
    """
    try:
        fields = msgspec.convert(sent["fields"], list[_Field])
        ticked = iter(sent["ticks"])
        values = {
            one.field: next(ticked, False) if one.kind == "bool" else value
            for one, value in zip(fields, sent["values"], strict=True)
        }
        varied = _ticked(
            [one.vary for one in msgspec.convert(sent["varied"], list[_Vary])], sent["varied_ticks"]
        )
        logs = _ticked([one.log for one in msgspec.convert(sent["logs"], list[_Log])], sent["log_ticks"])
        ends: dict[str, dict[str, Any]] = {}
        for end, value in zip(msgspec.convert(sent["ends"], list[_End]), sent["end_values"], strict=True):
            ends.setdefault(end.of, {})[end.end] = value
        ranges = {name: msgspec.convert({**ends.get(name, {}), "log": name in logs}, Ends) for name in varied}
        single = {name: sent[name] for name in _SINGLE if sent.get(name) is not None}
        return msgspec.convert({**single, "values": values, "ranges": ranges}, Given)
    except (msgspec.ValidationError, ValueError, TypeError, KeyError) as error:
        raise FormError(f"This form cannot be read ({str(error)[:200]}). Reload the page.") from None


def _ticked(names: list[str], ticks: Any) -> set[str]:
    return {name for name, tick in zip(names, ticks, strict=True) if tick is True}
