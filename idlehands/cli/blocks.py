"""Blocks of options: a dataclass whose fields are options, and commands that take it as one parameter.

    @spread
    def submit(script: Script, job: JobOptions, json: Json = False) -> None:

is a command with the options of every field of `JobOptions` in the place of `job`, which gets an
instance of it. Typer reads signatures, and so sees them all. Knows no option itself.
"""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, get_type_hints

R = TypeVar("R")


def spread(command: Callable[..., R]) -> Callable[..., R]:
    """Return a command that has the fields of its blocks as options of its own.

    Every field needs a default. Options keep their order: of parameters, and of fields within a block.
    """
    hints = get_type_hints(command, include_extras=True)
    blocks = {name: hint for name, hint in hints.items() if _is_block(hint)}

    @functools.wraps(command)
    def whole(**given: Any) -> R:
        for name, block in blocks.items():
            mine = [field.name for field in dataclasses.fields(block)]
            given[name] = block(**{field: given.pop(field) for field in mine})
        return command(**given)

    parameters = list(_spread_parameters(inspect.signature(command), hints, blocks))
    whole.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    whole.__annotations__ = {one.name: one.annotation for one in parameters}
    # Else signatures would be read from the command inside.
    del whole.__wrapped__
    return whole


def _spread_parameters(
    written: inspect.Signature, hints: dict[str, Any], blocks: dict[str, Any]
) -> Iterator[inspect.Parameter]:
    kind = inspect.Parameter.KEYWORD_ONLY
    for name, parameter in written.parameters.items():
        if name not in blocks:
            yield inspect.Parameter(name, kind, default=parameter.default, annotation=hints[name])
            continue
        fields = get_type_hints(blocks[name], include_extras=True)
        for field in dataclasses.fields(blocks[name]):
            yield inspect.Parameter(field.name, kind, default=field.default, annotation=fields[field.name])


def _is_block(hint: Any) -> bool:
    return isinstance(hint, type) and dataclasses.is_dataclass(hint)
