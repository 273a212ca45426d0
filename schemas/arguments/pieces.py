"""What every framework's reader makes its arguments of: choices, defaults, help and numbers as they are."""

from collections.abc import Iterable
from typing import Any

from schemas.arguments.constants import UNKNOWN, Member
from schemas.arguments.vocabulary import Kind

_CHOICES_AT_MOST = 200
_HELP_AT_MOST = 1_000
#: Where the name of a type is enough to know the kind.
KINDS: dict[str, Kind] = {
    "int": "int",
    "float": "float",
    "click.INT": "int",
    "click.FLOAT": "float",
    "numpy.float32": "float",
    "numpy.float64": "float",
}


def plain_value(value: Any) -> Any:
    """Return a default as JSON has it: enum members by value, what is unknown or no scalar as None."""
    match value:
        case Member(value=inner):
            return plain_value(inner)
        case list():
            parts = [plain_value(one) for one in value[:_CHOICES_AT_MOST]]
            return parts if all(isinstance(one, str | int | float) for one in parts) else None
        case str() | int() | float():
            return value
    return None


def plain_choices(values: Any) -> tuple[str | int | float, ...]:
    """Return choices as scalars; none when one of them cannot be known or there are too many."""
    if isinstance(values, dict):
        values = list(values)
    if not isinstance(values, list) or not 0 < len(values) <= _CHOICES_AT_MOST:
        return ()
    found = [plain_value(one) for one in values]
    return tuple(found) if all(isinstance(one, str | int | float) for one in found) else ()


def kind_of_values(values: Iterable[Any]) -> Kind:
    """Return the kind that a default or choices suggest where no type is given."""
    found = {type(one) for one in values}
    if found == {int}:
        return "int"
    return "float" if found and found <= {int, float} else "text"


def number(value: Any) -> float | None:
    """Return a bound as a number; None when it is none."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def tidy(text: Any) -> str:
    """Return a help text as one paragraph; empty for what is no text."""
    return " ".join(text.split())[:_HELP_AT_MOST] if isinstance(text, str) else ""


def first_paragraph(text: str | None) -> str:
    """Return what a docstring says first."""
    return tidy((text or "").strip().partition("\n\n")[0])


def known(value: Any, otherwise: Any = None) -> Any:
    """Return the value, or something else when it is UNKNOWN."""
    return otherwise if value is UNKNOWN else value
