"""One field of a form at a time: text, ticks and ranges as values that fit, or why they do not."""

import math
from typing import Any

import msgspec

from dash_app import component_ids as ids
from dash_app.form_state import Ends, FormError, key_of, said_at
from schemas.arguments.values import why_unfit
from schemas.arguments.vocabulary import Argument
from schemas.specs import Choice, Dimension, FloatRange, IntRange


def read_value(argument: Argument, given: Any) -> Any:
    """Return the value of one field; None when it was left empty, so that the script's default counts.

    A switch that is on by itself is False when it was put off.

    Raises:
        FormError: If it is not of the argument's kind, or missing where it must be there.
    """
    if argument.kind == "bool":
        if argument.default is True and argument.off:
            return None if given in (True, None) else False
        return True if given else None
    several = [str(one) for one in given if str(one).strip()] if isinstance(given, list) else None
    text = "" if given is None or several is not None else str(given).strip()
    if not text and not several:
        if argument.required:
            raise FormError(f"{argument.name} is missing: the script asks for it.", is_missing=True)
        return None
    parts = several if several is not None else text.split() if argument.many else [text]
    found = [_one(argument, part) for part in parts]
    value = found if argument.many else found[0]
    why = why_unfit(argument, value) if not argument.repeated else ""
    if why:
        raise FormError(why)
    return value


def read_range(argument: Argument, given: Ends) -> Dimension:
    """Return what is varied of one argument.

    Raises:
        FormError: If it is not two numbers, or no values.
    """
    if argument.kind == "bool":
        return Choice((True, False))
    key = key_of(argument)
    if argument.choices or argument.kind == "text":
        parts = given.among if isinstance(given.among, list) else str(given.among or "").split(",")
        with said_at(ids.end("among", key)):
            values = tuple(_one(argument, str(part).strip()) for part in parts if str(part).strip())
            if not values:
                raise FormError(f"{argument.name}: give the values to try.")
        return Choice(tuple(dict.fromkeys(values)))
    with said_at(ids.end("low", key)):
        low = _end(argument, given.low, "from")
    with said_at(ids.end("high", key)):
        high = _end(argument, given.high, "to")
    if argument.kind == "int":
        return IntRange(int(low), int(high), log=given.log)
    return FloatRange(low, high, given.log)


def _end(argument: Argument, given: Any, which: str) -> float:
    text = "" if given is None else str(given).strip()
    if not text:
        raise FormError(f"{argument.name}: say {which} where it is varied.")
    value: float = _one(argument, text)
    why = why_unfit(argument, value)
    if why:
        raise FormError(why)
    return value


def _one(argument: Argument, text: str) -> Any:
    try:
        if argument.kind == "int":
            return int(text)
        if argument.kind == "float":
            value = float(text)
            if not math.isfinite(value):
                raise ValueError
            return value
    except ValueError:
        kind = "a whole number" if argument.kind == "int" else "a number"
        raise FormError(f"{argument.name}: {text[:60]!r} is not {kind}.") from None
    return text


def read_lines(text: str) -> dict[str, Any]:
    """Return lines of `name=value` as parameters; a value is JSON, else it is text.

    Raises:
        FormError: If a line has no name or no `=`.
    """
    params: dict[str, Any] = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        name, equals, value = line.partition("=")
        if not equals or not name.strip():
            raise FormError(f"More parameters: {line[:60]!r} is not name=value, such as lr=0.1.")
        try:
            params[name.strip()] = msgspec.json.decode(value.strip())
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
            params[name.strip()] = value.strip()
    return params


def read_number(what: str, given: Any) -> int:
    """Return a whole number that is not negative; nothing is 0.

    Raises:
        FormError: If it is none.
    """
    try:
        value = int(str(given).strip() or 0) if given is not None else 0
    except ValueError:
        raise FormError(f"{what}: {str(given)[:60]!r} is not a whole number.") from None
    if value < 0:
        raise FormError(f"{what}: it cannot be less than nothing.")
    return value
