"""What a table of a dataset holds, from its first bytes: columns, types, what is missing, distributions.

Pure. Content is read as text and numbers and nothing else; whatever it says, it is bounded.
"""

import csv
import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dash_app.presenters.plain import plain

#: Of a file, the first bytes are looked at.
MOST_BYTES = 1024 * 1024
_ROWS_AT_MOST = 5_000
COLUMNS_AT_MOST = 60
_BINS = 16
_MISSING = ("", "na", "nan", "null", "none", "?")
_CORRELATED_AT_MOST = 12
_TEXT_LINES = 200


@dataclass(frozen=True)
class Table:
    """The first rows of a table as text; None where a value is missing."""

    names: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]


@dataclass(frozen=True)
class Profile:
    """One column: `number`, `text` or `empty`, and what its values are."""

    name: str
    kind: str
    missing: int
    distinct: int
    numbers: tuple[float, ...] = ()
    #: How many of the numbers are in each of equal parts between smallest and largest.
    bins: tuple[int, ...] = ()
    #: The most frequent values of text, with how often.
    frequent: tuple[tuple[str, int], ...] = field(default=())


def decode(content: bytes) -> str | None:
    """Return content as text; None when it is none."""
    if b"\x00" in content:
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The last character may be cut.
        if error.start >= len(content) - 4:
            return content[: error.start].decode("utf-8-sig")
        return None


def read_table(filename: str, text: str, is_whole: bool) -> Table | None:
    """Return the first rows of a CSV, TSV or JSON-lines file; None when it is none of these."""
    lines = text.splitlines()
    if not is_whole and len(lines) > 1:
        lines = lines[:-1]
    ending = filename.lower().rsplit(".", 1)[-1]
    if ending in ("jsonl", "ndjson"):
        return _json_lines(lines)
    if ending in ("csv", "tsv"):
        return _separated(lines, "\t" if ending == "tsv" else "")
    return None


def _separated(lines: list[str], delimiter: str) -> Table | None:
    if not lines:
        return None
    delimiter = delimiter or max(",;\t|", key=lines[0].count)
    try:
        read = list(csv.reader(lines[: _ROWS_AT_MOST + 1], delimiter=delimiter))
    except csv.Error:
        return None
    if not read or not read[0]:
        return None
    names = tuple(read[0][:COLUMNS_AT_MOST])
    rows = tuple(tuple(_value(row, at) for at in range(len(names))) for row in read[1:] if row)
    return Table(names, rows)


def _json_lines(lines: list[str]) -> Table | None:
    found: list[dict[str, Any]] = []
    for line in lines[:_ROWS_AT_MOST]:
        try:
            row = json.loads(line) if line.strip() else None
        except (ValueError, RecursionError):
            return None
        if isinstance(row, dict):
            found.append(row)
    names = tuple(dict.fromkeys(name for row in found for name in row))[:COLUMNS_AT_MOST]
    return (
        Table(names, tuple(tuple(_said(row.get(name)) for name in names) for row in found)) if found else None
    )


def _value(row: list[str], at: int) -> str | None:
    value = row[at].strip() if at < len(row) else ""
    return None if value.lower() in _MISSING else value


def _said(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return None if value is None or value.lower() in _MISSING else value
    return json.dumps(value)


def profiles(table: Table) -> list[Profile]:
    """Return what each column holds."""
    return [_profile(name, [row[at] for row in table.rows]) for at, name in enumerate(table.names)]


def _profile(name: str, values: list[str | None]) -> Profile:
    there = [value for value in values if value is not None]
    missing, distinct = len(values) - len(there), len(set(there))
    if not there:
        return Profile(name, "empty", missing, 0)
    numbers = [number for value in there if (number := _number(value)) is not None]
    if len(numbers) == len(there):
        return Profile(name, "number", missing, distinct, tuple(numbers), _bins(numbers))
    counts: dict[str, int] = {}
    for value in there:
        counts[value] = counts.get(value, 0) + 1
    frequent = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:3]
    return Profile(
        name, "text", missing, distinct, frequent=tuple((plain(one, 40), n) for one, n in frequent)
    )


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _bins(numbers: Sequence[float]) -> tuple[int, ...]:
    low, high = min(numbers), max(numbers)
    width = high - low
    if not 0 < width < math.inf:
        return (len(numbers),)
    counts = [0] * _BINS
    for number in numbers:
        counts[min(_BINS - 1, int((number - low) / width * _BINS))] += 1
    return tuple(counts)


def correlations(table: Table, found: Sequence[Profile]) -> tuple[list[str], list[list[float | None]]]:
    """Return the names of columns of numbers, and Pearson's correlation of each with each.

    Of rows where both are there; None where one does not vary.
    """
    at = [place for place, one in enumerate(found) if one.kind == "number" and one.distinct > 1]
    at = at[:_CORRELATED_AT_MOST]
    columns = [
        [None if (value := row[place]) is None else _number(value) for row in table.rows] for place in at
    ]
    matrix = [[_correlation(one, other) for other in columns] for one in columns]
    return [found[place].name for place in at], matrix


def _correlation(one: Sequence[float | None], other: Sequence[float | None]) -> float | None:
    pairs = [(a, b) for a, b in zip(one, other, strict=True) if a is not None and b is not None]
    if len(pairs) < 3:
        return None
    try:
        return statistics.correlation([a for a, _ in pairs], [b for _, b in pairs])
    except (statistics.StatisticsError, OverflowError):
        return None


def first_lines(text: str) -> str:
    """Return the beginning of a text, fit to be shown."""
    return "\n".join(plain(line, 400) for line in text.splitlines()[:_TEXT_LINES])
