"""One short word for all that an object knows: equal before and after, nothing in it has changed."""

import hashlib
from collections import deque
from collections.abc import Mapping, Set
from typing import Any


def digest(value: Any, *, without: tuple[str, ...] = ()) -> str:
    """Return a hash over everything that can be reached from `value`.

    Args:
        value: Any object; functions count by their name.
        without: Names of attributes that may change: counters.
    """
    return hashlib.sha256(repr(_plain(value, without, set())).encode()).hexdigest()


def _plain(value: Any, without: tuple[str, ...], seen: set[int]) -> Any:
    if value is None or isinstance(value, str | bytes | int | float):
        return value
    if isinstance(value, Mapping):
        return (
            "map",
            [(_plain(key, without, seen), _plain(one, without, seen)) for key, one in value.items()],
        )
    if isinstance(value, Set):
        return ("set", sorted(repr(_plain(one, without, seen)) for one in value))
    if isinstance(value, list | tuple | deque):
        return [_plain(one, without, seen) for one in value]
    if callable(value):
        return getattr(value, "__qualname__", type(value).__name__)
    if id(value) in seen:
        return "again"
    attributes = _attributes(value)
    if not attributes:
        return repr(value)
    inner = seen | {id(value)}
    named = [(name, attributes[name]) for name in sorted(attributes) if name not in without]
    return (type(value).__name__, [(name, _plain(one, without, inner)) for name, one in named])


def _attributes(value: Any) -> dict[str, Any]:
    slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    found = {name: getattr(value, name) for name in slots if hasattr(value, name)}
    return found | getattr(value, "__dict__", {})
