"""What differs between two runs of one job: results, versions of data, packages, machines. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

#: Of what a run is in; a difference there may explain one in the result.
_AROUND = ("python", "build")


class Difference(Struct, frozen=True):
    """One value that differs. None stands for a value that is not there."""

    what: str
    before: Any
    now: Any


def compare_results(before: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> list[Difference]:
    """Return how two results differ in what the script printed and in how it ended."""
    old, new = dict(before or {}), dict(now or {})
    found = [
        Difference(name, old.get(name), new.get(name))
        for name in ("outcome", "exit_code")
        if old.get(name) != new.get(name)
    ]
    return [*found, *_compare("result", old.get("result"), new.get("result"))]


def compare_surroundings(
    before: Mapping[str, Any] | None, now: Mapping[str, Any] | None, *, agents: tuple[Any, Any]
) -> list[Difference]:
    """Return how what two runs ran in differs: machine, Python, packages.

    Args:
        before: The environment of the first, None when it is not known.
        now: Of the second.
        agents: The names of their machines.
    """
    found = [] if agents[0] == agents[1] else [Difference("agent", *agents)]
    if before is None or now is None:
        return found
    for name in _AROUND:
        if before.get(name) != now.get(name):
            found.append(Difference(name, before.get(name), now.get(name)))
    found += _compare("machine", before.get("machine"), now.get("machine"))
    return [*found, *_compare("package", before.get("packages"), now.get("packages"))]


def _compare(what: str, before: Any, now: Any) -> list[Difference]:
    old, new = dict(_flatten(what, before)), dict(_flatten(what, now))
    return [
        Difference(name, old.get(name), new.get(name))
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name) or (name in old) != (name in new)
    ]


def _flatten(what: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for name in value:
            yield from _flatten(f"{what} {name}", value[name])
    elif isinstance(value, list) and value:
        for index, one in enumerate(value):
            yield from _flatten(f"{what}[{index}]", one)
    else:
        yield what, value
