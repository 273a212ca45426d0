"""What somebody outside may have submitted, and what of their message becomes a parameter of it. Pure.

The template is the operator's. Of a message only what the list of parameters names is read, by JSON
pointer (RFC 6901), and only if it has the type and bounds given there; all else is ignored.
"""

import re
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct
from msgspec.structs import replace

from hq.core.decide.ids import Ids
from hq.core.decide.pipelines import plan_pipeline
from hq.core.decide.refused import Refused
from hq.core.decide.specs import check_spec, check_sweep
from schemas.names import Name, ShortText
from schemas.pipelines import PipelineSpec, Step
from schemas.specs import JobSpec, SweepSpec

POINTER_PATTERN = r"^(/([^/~\x00]|~[01])*)*$"
Pointer = Annotated[str, Meta(pattern=POINTER_PATTERN, max_length=200)]
Scalar = str | int | float | bool
_LONGEST_TEXT = 1000
_INDEX = re.compile(r"0|[1-9][0-9]{0,5}")


class Parameter(Struct, frozen=True, forbid_unknown_fields=True):
    """One value of a message, and what it must be."""

    #: Where in the message; "" is all of it.
    pointer: Pointer = ""
    type: Literal["text", "integer", "number", "boolean"] = "text"
    #: Of numbers.
    minimum: float | None = None
    maximum: float | None = None
    #: Of texts: signs at most, and which there are, if not any.
    max_length: Annotated[int, Meta(ge=1, le=_LONGEST_TEXT)] = 200
    choices: Annotated[tuple[ShortText, ...], Meta(max_length=100)] = ()
    #: Of a message that has none; None: such a message is refused.
    default: Scalar | None = None


class Submits(Struct, frozen=True, forbid_unknown_fields=True):
    """A job, a sweep or a pipeline, one of the three."""

    job: JobSpec | None = None
    sweep: SweepSpec | None = None
    #: A parameter of a step is called `STEP/NAME`.
    pipeline: PipelineSpec | None = None


class Taking(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What both have in common: what is submitted, with which parameters, how often at most."""

    name: Annotated[Name, Meta(max_length=27)]
    submits: Submits
    parameters: Annotated[dict[ShortText, Parameter], Meta(max_length=50)] = {}
    #: Only of messages that have these values, by pointer: others are taken and submit nothing.
    only: Annotated[dict[Pointer, Scalar], Meta(max_length=20)] = {}
    #: Messages at most; what is more is refused.
    per_minute: Annotated[int, Meta(ge=1, le=600)] = 30


class Hook(Taking, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST /api/v1/hooks/NAME`. Its secret signs the message, or is the bearer's."""

    proof: Literal["signature", "bearer"] = "signature"


class TopicJob(Taking, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A topic of the household's own broker."""

    topic: Annotated[str, Meta(pattern=r"^[^+#\x00-\x1f\x7f]{1,200}$")]


class Unfit(ValueError):
    """A message, or a taking, that cannot be used; the text says what is wrong."""


class Unwanted(Exception):
    """A message that submits nothing, as `only` says; the text says why."""


def check_taking(taking: Taking) -> None:
    """Check that something can be submitted like this.

    Raises:
        Unfit: With what is wrong.
    """
    job, sweep, pipeline = taking.submits.job, taking.submits.sweep, taking.submits.pipeline
    if sum(one is not None for one in (job, sweep, pipeline)) != 1:
        raise Unfit("submits has a job, a sweep or a pipeline, one of the three")
    for called, one in taking.parameters.items():
        name = called if pipeline is None else _split(called, pipeline)[1]
        if not name or name.startswith("-"):
            raise Unfit(f"{name!r} cannot be the name of a parameter")
        if one.default is not None:
            try:
                _check(one, one.default)
            except Unfit as error:
                raise Unfit(f"the default of {name} cannot be: it {error}") from None
    try:
        if sweep is not None:
            check_sweep(sweep)
        elif job is not None:
            check_spec(job)
        elif pipeline is not None:
            _check_pipeline(pipeline)
    except Refused as refused:
        raise Unfit(refused.message) from None


def fill_in(taking: Taking, message: Any) -> Submits:
    """Return what a message submits.

    Raises:
        Unwanted: If `only` says that it submits nothing.
        Unfit: If a parameter is missing or is not what it must be.
    """
    for pointer, wanted in taking.only.items():
        found, value = find(message, pointer)
        if not found or not _same(value, wanted):
            raise Unwanted(f"{pointer or 'the message'} is not {wanted!r}")
    params: dict[str, Any] = {}
    for name, one in taking.parameters.items():
        found, value = find(message, one.pointer)
        if not found:
            if one.default is None:
                raise Unfit(f"{name}: there is nothing at {one.pointer!r}")
            value = one.default
        try:
            params[name] = _check(one, value)
        except Unfit as error:
            raise Unfit(f"{name}: what is at {one.pointer!r} {error}") from None
    job, sweep = taking.submits.job, taking.submits.sweep
    if job is not None:
        return Submits(job=_with(job, params, taking.name))
    if taking.submits.pipeline is not None:
        return Submits(pipeline=_with_steps(taking.submits.pipeline, params, taking.name))
    assert sweep is not None  # noqa: S101 - by `check_taking`
    return Submits(sweep=replace(sweep, job=_with(sweep.job, params, taking.name)))


def find(message: Any, pointer: str) -> tuple[bool, Any]:
    """Return whether there is something at a JSON pointer, and what."""
    value = message
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and _INDEX.fullmatch(key) and int(key) < len(value):
            value = value[int(key)]
        else:
            return False, None
    return value is not None, value


def _with(job: JobSpec, params: dict[str, Any], name: str) -> JobSpec:
    return replace(job, params={**job.params, **params}, name=job.name or name)


def _with_steps(pipeline: PipelineSpec, params: dict[str, Any], name: str) -> PipelineSpec:
    given: dict[str, dict[str, Any]] = {}
    for called, value in params.items():
        step, parameter = _split(called, pipeline)
        given.setdefault(step, {})[parameter] = value
    steps = tuple(_with_more(step, given.get(step.name, {})) for step in pipeline.steps)
    return replace(pipeline, steps=steps, name=pipeline.name or name)


def _with_more(step: Step, params: dict[str, Any]) -> Step:
    if step.sweep is not None:
        job = replace(step.sweep.job, params={**step.sweep.job.params, **params})
        return replace(step, sweep=replace(step.sweep, job=job))
    assert step.job is not None  # noqa: S101 - by `check_taking`
    return replace(step, job=replace(step.job, params={**step.job.params, **params}))


def _split(called: str, pipeline: PipelineSpec) -> tuple[str, str]:
    """Return the step and the parameter that a name of a pipeline's parameter says."""
    step, _, name = called.partition("/")
    known = [one.name for one in pipeline.steps]
    if step not in known or not name:
        raise Unfit(f"{called!r} names no step: call it STEP/NAME, of {', '.join(known)[:300]}")
    return step, name


def _check_pipeline(pipeline: PipelineSpec) -> None:
    # Its order and names as they would be submitted; what it needs of the house shows when it comes.
    for _, step in plan_pipeline(pipeline, Ids(0, 0), {}).steps:
        try:
            if step.sweep is not None:
                check_sweep(replace(step.sweep, job=replace(step.sweep.job, pipeline=None)))
            elif step.job is not None:
                check_spec(replace(step.job, pipeline=None))
        except Refused as refused:
            raise Refused(refused.code, f"step {step.name!r}: {refused.message}") from None


def _same(value: Any, wanted: Scalar) -> bool:
    # True is 1 in Python, and nowhere else.
    return isinstance(value, bool) == isinstance(wanted, bool) and value == wanted


def _check(one: Parameter, value: Any) -> Any:
    match one.type:
        case "boolean":
            if not isinstance(value, bool):
                raise Unfit("must be true or false")
            return value
        case "text":
            return _check_text(one, value)
        case "integer":
            if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
                value = int(value)
            if isinstance(value, bool) or not isinstance(value, int):
                raise Unfit("must be a whole number")
        case "number":
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise Unfit("must be a number")
    if not -(2**53) < value < 2**53:
        raise Unfit("is too large a number")
    if (one.minimum is not None and value < one.minimum) or (one.maximum is not None and value > one.maximum):
        raise Unfit(f"must be from {one.minimum} to {one.maximum}, and is {value}")
    return value


def _check_text(one: Parameter, value: Any) -> str:
    if not isinstance(value, str):
        raise Unfit("must be text")
    if one.choices:
        if value not in one.choices:
            raise Unfit(f"must be one of {', '.join(one.choices)}")
        return value
    if len(value) > one.max_length:
        raise Unfit(f"must have at most {one.max_length} signs, and has {len(value)}")
    # Scripts would take it for an option, agents for data or a model, HQ for another job's result.
    if value.startswith("-"):
        raise Unfit("must not begin with a hyphen")
    if "://" in value and not value.startswith(("https://", "http://")):
        raise Unfit("must not be a reference such as data://")
    if any(ord(sign) < 32 or ord(sign) == 127 for sign in value):
        raise Unfit("must not have control characters")
    return value
