"""Constants of a script as values: which ones there are, and arithmetic on them within bounds."""

import ast
import math
from dataclasses import dataclass
from typing import Any, Final

_TEXT_AT_MOST = 10_000
_INT64 = 2**63
#: Ranges and texts are gone through up to this length.
ITEMS_AT_MOST = 1_000


class _Unknown:
    def __repr__(self) -> str:
        return "UNKNOWN"


#: What cannot be seen without running the script.
UNKNOWN: Final = _Unknown()


@dataclass(frozen=True)
class Member:
    """A member of an enum of the script."""

    name: str
    value: Any


def items(several: Any) -> list[Any]:
    """Return the items of a list, a dict or a short text.

    Raises:
        TypeError: If it has none.
    """
    if isinstance(several, list | dict) or (isinstance(several, str) and len(several) < ITEMS_AT_MOST):
        return list(several)
    raise TypeError


def all_known(values: list[Any]) -> Any:
    """Return the values, or UNKNOWN if one of them is."""
    return UNKNOWN if any(one is UNKNOWN for one in values) else values


def unary(op: ast.unaryop, value: Any) -> Any:
    """Return a sign or `not` of a value."""
    match op:
        case ast.USub():
            return UNKNOWN if value is UNKNOWN else -value
        case ast.UAdd():
            return value
        case ast.Not():
            return UNKNOWN if value is UNKNOWN else not value
    return UNKNOWN


def binary(left: Any, op: ast.operator, right: Any) -> Any:
    """Return a sum, product or the like, where it is small; UNKNOWN else."""
    if isinstance(left, str) and isinstance(right, str):
        # Path("out") is its text here, and Path("out") / "run" is one too.
        return left + right if isinstance(op, ast.Add) else f"{left}/{right}"
    if isinstance(left, list) and isinstance(right, list):
        return left + right if isinstance(op, ast.Add) else UNKNOWN
    if not isinstance(left, int | float) or not isinstance(right, int | float):
        return UNKNOWN
    match op:
        case ast.Add():
            return left + right
        case ast.Sub():
            return left - right
        case ast.Mult():
            return left * right
        case ast.Div():
            return left / right
        case ast.FloorDiv():
            return left // right
        case ast.LShift():
            small = isinstance(left, int) and isinstance(right, int) and 0 <= right < 63
            return int(left) << int(right) if small else UNKNOWN
        case ast.Pow():
            # Bounded before it is computed: 9 ** 9 ** 9 would take for ever.
            return left**right if abs(right) < 64 and abs(left) < 1e9 else UNKNOWN
    return UNKNOWN


def bounded(value: Any) -> Any:
    """Return the value if any database and any page can take it, else UNKNOWN."""
    match value:
        case bool():
            return value
        case int():
            return value if -_INT64 <= value < _INT64 else UNKNOWN
        case float():
            return value if math.isfinite(value) else UNKNOWN
        case str():
            return value if _is_text(value) else UNKNOWN
    return value


def _is_text(value: str) -> bool:
    """Tell whether it is text of an ordinary length, without lone surrogates."""
    return len(value) <= _TEXT_AT_MOST and not any("\ud800" <= letter <= "\udfff" for letter in value)
