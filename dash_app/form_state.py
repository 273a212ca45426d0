"""What the browser sends of the form of a script: read into one thing, or refused."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
from dash import ALL
from msgspec import Struct, field

from dash_app import component_ids as ids
from schemas.arguments.vocabulary import Argument

#: The id of a component, as Dash has it.
ComponentId = str | dict[str, str]


class FormError(ValueError):
    """Something in the form cannot be used; the message names the field and what to do.

    Attributes:
        at: The id of the field; None where it is of none, or of all.
        is_missing: Nothing was entered yet, which is wrong only once the form is sent.
        others: What else is wrong.
    """

    def __init__(self, words: str, at: ComponentId | None = None, *, is_missing: bool = False) -> None:
        super().__init__(words)
        self.at, self.is_missing = at, is_missing
        self.others: tuple[FormError, ...] = ()

    def all(self) -> tuple["FormError", ...]:
        """Return this and the others."""
        return (self, *self.others)


@contextlib.contextmanager
def said_at(field: ComponentId) -> Iterator[None]:
    """Let what is wrong in here be said beside a field."""
    try:
        yield
    except FormError as error:
        error.at = error.at or field
        raise


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
    #: Further objectives: the metric and which end is best.
    metric_2: str = ""
    direction_2: str = "maximize"
    metric_3: str = ""
    direction_3: str = "maximize"
    #: As text: `mb <= 100, seconds <= 60`; `min_resource=2`; `time=2h, target=0.99`.
    constraints: str = ""
    pruner: str = "none"
    pruner_options: str = ""
    stop: str = ""
    seed: Any = ""
    #: Globs, as text.
    artifacts: str = ""
    #: What it becomes: `run` is a job, or a sweep where something is varied.
    becomes: str = "run"
    service: str = ""
    function: str = ""
    min_warm: Any = 1
    concurrency: Any = 1


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
    "metric_2": ids.FORM_METRIC_2,
    "direction_2": ids.FORM_DIRECTION_2,
    "metric_3": ids.FORM_METRIC_3,
    "direction_3": ids.FORM_DIRECTION_3,
    "constraints": ids.FORM_CONSTRAINTS,
    "pruner": ids.FORM_PRUNER,
    "pruner_options": ids.FORM_PRUNER_OPTIONS,
    "stop": ids.FORM_STOP,
    "seed": ids.FORM_SEED,
    "artifacts": ids.FORM_ARTIFACTS,
    "becomes": ids.FORM_BECOMES,
    "service": ids.FORM_SERVICE,
    "function": ids.FORM_FUNCTION,
    "min_warm": ids.FORM_MIN_WARM,
    "concurrency": ids.FORM_CONCURRENCY,
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
