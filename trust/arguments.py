"""Which arguments an author signs a script for, and whether given ones are such.

Pure: knows names, types and values, not where they come from. An agent looks here
before it starts a script whose author named its arguments.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args

import msgspec

ArgumentType = Literal["any", "text", "number", "integer", "boolean"]
TYPES: tuple[str, ...] = get_args(ArgumentType)


class Argument(msgspec.Struct, frozen=True, omit_defaults=True):
    """One argument that a script may be given."""

    name: str
    type: ArgumentType = "any"
    #: The only values that it may have; none: all of its type.
    choices: tuple[str | int | float | bool, ...] = ()


def why_refused(arguments: Iterable[Argument], params: Mapping[str, Any], words: Iterable[str] = ()) -> str:
    """Return why a script that was signed for `arguments` may not be given these, or "" when it may.

    Args:
        arguments: As signed.
        params: By name; a list is several values of its argument, None is left out.
        words: Raw words for the command line: a script with named arguments takes none.
    """
    known = {argument.name: argument for argument in arguments}
    if any(True for _ in words):
        return "its author signed it for named arguments only, and not for words of the command line"
    for name, value in params.items():
        argument = known.get(name)
        if argument is None:
            return f"its author did not sign it for an argument {name[:80]!r}"
        for one in value if isinstance(value, list | tuple) else (value,):
            if one is not None and not _fits(argument, one):
                what = f"one of {list(argument.choices)}" if argument.choices else argument.type
                return f"its author signed it for a {name[:80]!r} that is {what}, not {str(one)[:80]!r}"
    return ""


def _fits(argument: Argument, value: Any) -> bool:
    if isinstance(value, str) and value.startswith("-"):
        # A parser of command lines would take it for another option.
        return False
    if argument.choices:
        return any(
            value == one and isinstance(value, bool) == isinstance(one, bool) for one in argument.choices
        )
    match argument.type:
        case "text":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "any":
            return isinstance(value, str | int | float | bool)
