"""Columns of the table of results by name, and conditions on them as people write them.

    accuracy >= 0.9, machine = attic, params.lr < 0.01, name ~ fold

Knows where each column lies in a stored result; reads nothing.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hq.rest.problems import Problem

#: Columns that a result has whatever its script printed.
OWN = {
    "job": "job",
    "sweep": "sweep",
    "trial": "trial",
    "script": "script",
    "machine": "agent",
    "at": "at",
    "outcome": "result.outcome",
    "seconds": "result.duration_seconds",
    "cpu_seconds": "result.cpu_seconds",
    "memory_mb": "result.max_rss_mb",
    "kwh": "result.energy.kwh",
    "cost": "result.energy.cost",
}
PARAMS, PRINTED = "params.", "result."
#: How an attempt ended. One that its sweep ended early did not fail, whatever its script made of that.
OUTCOME = "outcome"
PRUNED = "pruned"
#: Where it is said that it was ended early, and how.
EARLY_FIELD, EARLY = "result.failure.kind", "ended_early"
#: Of the job, not of its result: looked up first.
NAME = "name"
_MOST_CONDITIONS = 20
_LONGEST = 2000
#: A dot would lead into another document, and `$` is the database's own.
_PART = re.compile(r"[^.$\x00-\x1f~<>=!,\"']{1,64}")
_CONDITION = re.compile(
    r"""\s*(?P<name>[^<>=!~,"']+?)\s*(?P<sign><=|>=|!=|=|<|>|~)\s*(?P<value>"[^"]*"|[^,"]*?)\s*(?:,|$)"""
)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_SIGNS = {"<": "$lt", "<=": "$lte", ">": "$gt", ">=": "$gte"}
_WORDS: dict[str, Any] = {"true": True, "false": False, "none": None}


@dataclass(frozen=True)
class Condition:
    """One condition: a column, a sign (`= != < <= > >= ~`) and what it is compared with, as written."""

    name: str
    sign: str
    value: str


def fields_of(name: str) -> list[str]:
    """Return where a column is in a stored result; a bare name is a value that was printed, or a parameter.

    Raises:
        Problem: 422 when there can be no such column.
    """
    if name in OWN:
        return [OWN[name]]
    for group, place in ((PARAMS, "params."), (PRINTED, "result.result.")):
        if name.startswith(group) and _PART.fullmatch(name.removeprefix(group)):
            return [place + name.removeprefix(group)]
    if _PART.fullmatch(name):
        return [f"result.result.{name}", f"params.{name}"]
    raise Problem(
        422,
        "bad_column",
        f"{name[:80]!r} is no column: a name such as accuracy, params.lr, machine or seconds, without "
        ". $ and signs in it.",
    )


def part_of(name: str) -> str:
    """Return a name that can be a field of a document.

    Raises:
        Problem: 422 when it cannot.
    """
    if _PART.fullmatch(name):
        return name
    raise Problem(422, "bad_column", f"{name[:80]!r} is no column: a name without . $ and signs in it.")


def parse_conditions(text: str, check: Callable[[str], object] | None = None) -> tuple[Condition, ...]:
    """Return the conditions in a text, with commas between.

    Args:
        text: As people write it.
        check: Raises where there can be no such column; without it the columns are those of results.

    Raises:
        Problem: 422 with words about the first that cannot be understood.
    """
    if len(text) > _LONGEST or "\x00" in text:
        raise Problem(422, "bad_condition", f"A filter has at most {_LONGEST} characters, none of them NUL.")
    found: list[Condition] = []
    at = 0
    while text[at:].strip():
        match = _CONDITION.match(text, at)
        if match is None or len(found) == _MOST_CONDITIONS:
            raise Problem(
                422,
                "bad_condition",
                f"{text[at : at + 60].strip()!r} is no condition. Write such as accuracy >= 0.9, "
                f'machine = attic or note ~ "a, b": a column, = != < <= > >= or ~ (contains), a value; '
                f"at most {_MOST_CONDITIONS}, with commas between.",
            )
        value = match["value"]
        quoted = value.startswith('"')
        one = Condition(match["name"].strip(), match["sign"], value.strip('"') if quoted else value)
        if not value and one.sign not in ("=", "!="):
            raise Problem(422, "bad_condition", f"{one.name[:60]} {one.sign} what? A value is missing.")
        if one.sign in _SIGNS and _NUMBER.fullmatch(one.value) is None:
            raise Problem(
                422,
                "bad_condition",
                f"{one.name[:60]} {one.sign} {one.value[:60]}: {one.sign} compares numbers; for text "
                "there are = != and ~.",
            )
        if check is not None:
            check(one.name)
        elif one.name != NAME:
            fields_of(one.name)
        found.append(one)
        at = match.end()
    return tuple(found)


def query_of(condition: Condition) -> dict[str, Any]:
    """Return the condition as the database understands it.

    Raises:
        Problem: 422 when there can be no such column.
    """
    fields = fields_of(condition.name)
    test = test_of(condition)
    if condition.name == OUTCOME:
        return _outcome_query(condition, test)
    if len(fields) == 1:
        return {fields[0]: test}
    # What is unlike a value is unlike it wherever it might stand.
    return {"$and" if condition.sign == "!=" else "$or": [{field: test} for field in fields]}


def _outcome_query(condition: Condition, test: dict[str, Any]) -> dict[str, Any]:
    early, other = {EARLY_FIELD: EARLY}, {EARLY_FIELD: {"$ne": EARLY}, OWN[OUTCOME]: test}
    means_early = condition.value.lower() in PRUNED if condition.sign == "~" else condition.value == PRUNED
    if means_early != (condition.sign == "!="):
        return {"$or": [early, other]}
    return other


def test_of(condition: Condition) -> dict[str, Any]:
    """Return the test of one field."""
    value = condition.value
    if condition.sign == "~":
        return {"$regex": re.escape(value), "$options": "i"}
    if condition.sign in _SIGNS:
        return {_SIGNS[condition.sign]: float(value)}
    alike: list[Any] = [value]
    if _NUMBER.fullmatch(value):
        alike.append(float(value))
    if value.lower() in _WORDS:
        alike.append(_WORDS[value.lower()])
    return {"$in" if condition.sign == "=" else "$nin": alike}
