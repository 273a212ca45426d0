"""What people write after --space, as a sweep's spec has it.

lr=log:1e-5..1e-1             real, on a logarithmic scale
layers=1..4                   whole
units=16..256:16              in steps; also 0..1:0.25
width=whole:log:1..1024       whole, on a logarithmic scale
optimizer=adam,sgd            choices
momentum=0.0..1.0@optimizer=sgd     only with this value; more of them: @optimizer=sgd|rmsprop
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from idlehands.cli.exits import USAGE, Stop
from schemas.spaces import Choice, Dimension, Fixed, FloatRange, IntRange, SpaceError, check_space

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_INT_RANGE = re.compile(r"(whole:log:)?(-?\d+)\.\.(-?\d+)(?:[/:](\d+))?")
_FLOAT_RANGE = re.compile(rf"(log:)?({_NUMBER})\.\.({_NUMBER})(?:/(\d+))?(?::({_NUMBER}))?")
_CONDITIONS = re.compile(r"(?:@[^@=|,\s]+=[^@]*)+$")
SPACE_HELP = (
    "NAME=SPACE: a..b (whole numbers; a..b:2 in steps of 2), 0.1..0.5 (real; :0.1 in steps, /5 for five "
    "points in a grid), log:1e-4..1e-1 (a logarithmic scale; whole:log:1..1024), a,b,c (choices), fixed:x, "
    "and @OTHER=VALUE behind it for what exists only then."
)


def parse_space(given: Sequence[str], parse_value: Callable[[str], Any]) -> dict[str, Dimension]:
    """Return `NAME=SPACE` words as the space of a sweep.

    Raises:
        Stop: If one cannot be understood, or nothing can be chosen in it.
    """
    space: dict[str, Dimension] = {}
    for word in given:
        name, equals, text = word.partition("=")
        if not equals or not name or not text:
            raise Stop(USAGE, f"--space {word!r} is not {SPACE_HELP}")
        if name in space:
            raise Stop(USAGE, f"--space {name} is given twice: once, with all that it can be")
        space[name] = parse_dimension(name, text, parse_value)
    if space:
        try:
            check_space(space)
        except SpaceError as error:
            raise Stop(USAGE, f"--space {error}") from None
    return space


def parse_dimension(name: str, text: str, parse_value: Callable[[str], Any]) -> Dimension:
    """Return what a parameter can be.

    Raises:
        Stop: If it cannot be understood.
    """
    when: dict[str, tuple[Any, ...]] = {}
    if found := _CONDITIONS.search(text):
        for condition in found[0].split("@")[1:]:
            parent, _, values = condition.partition("=")
            when[parent] = tuple(parse_value(value) for value in values.split("|"))
        text = text[: found.start()]
    return _parse_values(name, text, when, parse_value)


def _parse_values(
    name: str, text: str, when: dict[str, tuple[Any, ...]], parse_value: Callable[[str], Any]
) -> Dimension:
    if found := _INT_RANGE.fullmatch(text):
        low, high, step = int(found[2]), int(found[3]), int(found[4] or 1)
        _check_range(f"--space {name}={text}", low, high, log=bool(found[1]))
        if step < 1:
            raise Stop(USAGE, f"--space {name}={text}: a step is more than 0")
        return IntRange(low, high, step, bool(found[1]), when=when)
    if found := _FLOAT_RANGE.fullmatch(text):
        log, lowest, highest = bool(found[1]), float(found[2]), float(found[3])
        _check_range(f"--space {name}={text}", lowest, highest, log=log)
        points, step_size = int(found[4] or 3), float(found[5]) if found[5] else None
        if points < 1 or (step_size is not None and step_size <= 0):
            raise Stop(USAGE, f"--space {name}={text}: steps and points are more than 0")
        return FloatRange(lowest, highest, log, points, step_size, when=when)
    if text.startswith("fixed:"):
        return Fixed(parse_value(text.removeprefix("fixed:")), when=when)
    if ".." in text or text.startswith(("log:", "whole:")) or not text:
        raise Stop(USAGE, f"--space {name}={text} is not {SPACE_HELP}")
    return Choice(tuple(parse_value(part) for part in text.split(",")), when=when)


def _check_range(what: str, low: float, high: float, *, log: bool) -> None:
    if low > high:
        raise Stop(USAGE, f"{what}: the first number must not be above the second")
    if log and low <= 0:
        raise Stop(USAGE, f"{what}: on a logarithmic scale the first number must be above 0")
