"""Conditions on MQTT topics: `home/solar/export_watts > 300`, `home/film_night == off`.

One topic, one comparison, one value; nothing is ever evaluated as code. What
was not heard, or is no number where one is compared, is not met.
"""

import re

from msgspec import Struct

_SIGN = re.compile(r"\s*(==|!=|<=|>=|<|>)\s*")
_ORDERS = ("<", "<=", ">", ">=")
_LONGEST = 300
_VALUE_LONGEST = 200


class ConditionBroken(ValueError):
    """A condition that cannot be understood; the message shows how one looks."""


class Condition(Struct, frozen=True):
    """One comparison."""

    topic: str
    sign: str
    value: str

    def __str__(self) -> str:
        return f"{self.topic} {self.sign} {self.value}"


def parse_condition(text: str) -> Condition:
    """Return the condition that a text says.

    Raises:
        ConditionBroken: If it says none, or one on a topic that is of the house itself.
    """
    how = "write TOPIC, one of == != < <= > >=, and a value, as in 'home/film_night == off'"
    if len(text) > _LONGEST:
        raise ConditionBroken(f"a condition has at most {_LONGEST} characters, this one {len(text)}")
    # Signs inside of a topic are legal in MQTT; here the first one ends it.
    topic, sign, value = [*_SIGN.split(text.strip(), maxsplit=1), "", ""][:3]
    value = value.strip("\"'")
    if not topic or not value or any(letter.isspace() for letter in topic):
        raise ConditionBroken(f"{text!r} is no condition: {how}")
    if any(letter in topic for letter in "+#\0") or topic.startswith(("/", "$")) or topic.endswith("/"):
        raise ConditionBroken(f"{topic!r} must be one whole topic, without + and #, such as home/film_night")
    if any(letter in value for letter in "<>="):
        raise ConditionBroken(f"{text!r} has more than one comparison: {how}, and list several conditions")
    if topic.startswith("idlehands/"):
        raise ConditionBroken(
            f"{topic!r} is Idlehands' own: conditions are on topics such as home/film_night"
        )
    if sign in _ORDERS and _number(value) is None:
        raise ConditionBroken(f"{text!r} compares by size with {value!r}, which is no number")
    return Condition(topic, sign, value)


def is_met(condition: Condition, heard: dict[str, str]) -> bool:
    """Tell whether a condition holds for what was last heard of each topic."""
    if condition.topic not in heard:
        return False
    got = heard[condition.topic].strip()[:_VALUE_LONGEST]
    left, right = _number(got), _number(condition.value)
    if condition.sign in _ORDERS:
        if left is None or right is None:
            return False
        match condition.sign:
            case "<":
                return left < right
            case "<=":
                return left <= right
            case ">":
                return left > right
        return left >= right
    if left is not None and right is not None:
        equal = left == right
    else:
        equal = got.casefold() == condition.value.casefold()
    return equal if condition.sign == "==" else not equal


def describe(condition: Condition, heard: dict[str, str]) -> str:
    """Say why a condition is not met."""
    if condition.topic not in heard:
        return f"{condition.topic} has not been heard, and jobs run only while {condition}"
    return (
        f"{condition.topic} is {heard[condition.topic].strip()[:40]!r}, and jobs run only while {condition}"
    )


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    # Nothing is larger or smaller than nan, and nobody means it.
    return found if found == found else None
