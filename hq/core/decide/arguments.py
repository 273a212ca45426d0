"""Jobs whose script its author signed for other arguments: refused when they are submitted.

Agents look for themselves, and only there the signature counts. Here it spares
whoever submits a job that no machine would ever run.
"""

from functools import lru_cache
from typing import Any

import msgspec

from schemas.references import is_reference
from schemas.specs import Choice, Dimension, Fixed, FloatRange, IntRange, JobSpec, SweepSpec
from trust.arguments import Argument, why_refused


class _Said(msgspec.Struct, frozen=True):
    arguments: tuple[Argument, ...] | None = None


def why_not_signed(spec: JobSpec) -> str:
    """Return why the script's author did not sign it for what this job gives it, or ""."""
    arguments = _arguments_of(spec)
    return "" if arguments is None else why_refused(arguments, _known(spec.params), spec.argv)


def why_space_not_signed(spec: SweepSpec) -> str:
    """Return why the script's author did not sign it for what this sweep's trials give it, or ""."""
    arguments = _arguments_of(spec.job)
    if arguments is None:
        return ""
    params = _known(spec.job.params) | {name: _samples(dimension) for name, dimension in spec.space.items()}
    return why_refused(arguments, params, spec.job.argv)


def _known(params: dict[str, Any]) -> dict[str, Any]:
    """Return parameters without the references in them: of these only the names can be looked at yet."""
    return {name: _without_references(value) for name, value in params.items()}


def _without_references(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_without_references(one) for one in value]
    return None if is_reference(value) else value


def _samples(dimension: Dimension) -> list[Any]:
    match dimension:
        case Choice(values=values):
            return list(values)
        case Fixed(value=value):
            return [value]
        case FloatRange(low=low, high=high):
            return [float(low), float(high)]
        case IntRange(low=low, high=high):
            return [low, high]


def _arguments_of(spec: JobSpec) -> tuple[Argument, ...] | None:
    signature = spec.script.signature
    return None if signature is None else _read(signature.statement)


@lru_cache(maxsize=256)
def _read(statement: str) -> tuple[Argument, ...] | None:
    try:
        return msgspec.json.decode(statement, type=_Said).arguments
    except (msgspec.DecodeError, RecursionError):
        # Its agents say better what is wrong with it.
        return None
