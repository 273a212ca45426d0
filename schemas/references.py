"""References in a job's parameters to what other jobs and sweeps brought.

    result://JOB/accuracy        a field of its JSON result; /classes/0 goes deeper, nothing more is all of it
    result://SWEEP/params/depth  of the best trial; also /value, /trial and /job
    artifact://JOB/out/table.csv a file that it kept, as a `blob://` that agents make a path

A reference is a whole value, or a whole word, never a part of a text. What it
refers to must have ended first.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from schemas.specs import JobSpec

_SCHEMES = ("result://", "artifact://")
_REFERENCE = re.compile(r"(result|artifact)://([a-z0-9][a-z0-9-]{0,31})(?:/(.+))?", re.DOTALL)


class ReferenceUnusable(ValueError):
    """Something that begins like a reference and is none; the message says how it would be one."""


class Reference(Struct, frozen=True):
    """What a value refers to: `parent` is an id, or in a pipeline the name of a step."""

    text: str
    scheme: str
    parent: str
    path: str = ""


def parse_reference(text: str) -> Reference:
    """Return what a value that begins like a reference refers to.

    Raises:
        ReferenceUnusable: If it cannot be understood.
    """
    found = _REFERENCE.fullmatch(text)
    if found is None or (found[1] == "artifact" and not found[3]):
        raise ReferenceUnusable(
            f"{text[:200]!r} refers to nothing: write result://JOB/FIELD or artifact://JOB/FILE"
        )
    return Reference(text, found[1], found[2], found[3] or "")


def is_reference(value: Any) -> bool:
    """Tell whether a value begins like a reference."""
    return isinstance(value, str) and value.startswith(_SCHEMES)


def find_references(spec: JobSpec) -> dict[str, Reference]:
    """Return the references in the parameters and words of a job, by their text.

    Raises:
        ReferenceUnusable: If one cannot be understood.
    """
    texts = dict.fromkeys(_references_in(spec.params.values()))
    texts.update(dict.fromkeys(_references_in(spec.argv)))
    return {text: parse_reference(text) for text in texts}


def map_references(spec: JobSpec, change: Callable[[str], Any]) -> JobSpec:
    """Return the spec with `change(text)` in the place of every reference. What takes a place is not read."""
    params = {name: _mapped(value, change) for name, value in spec.params.items()}
    argv = tuple(_word(change(word)) if word.startswith(_SCHEMES) else word for word in spec.argv)
    return replace(spec, params=params, argv=argv)


def fill_in(spec: JobSpec, values: Mapping[str, Any]) -> JobSpec:
    """Return the spec with values in the place of references; those without a value stay."""
    return map_references(spec, lambda text: values.get(text, text)) if values else spec


def _references_in(values: Any) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            if value.startswith(_SCHEMES):
                yield value
        elif isinstance(value, list | tuple):
            yield from _references_in(value)
        elif isinstance(value, dict):
            yield from _references_in(value.values())


def _mapped(value: Any, change: Callable[[str], Any]) -> Any:
    if isinstance(value, str):
        return change(value) if value.startswith(_SCHEMES) else value
    if isinstance(value, list | tuple):
        return [_mapped(one, change) for one in value]
    if isinstance(value, dict):
        return {name: _mapped(one, change) for name, one in value.items()}
    return value


def _word(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
