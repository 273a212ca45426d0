#!/usr/bin/env python3
"""Make a table ready for learning: types found, blanks filled, categories made dummies.

Reads a text table (CSV; comma, semicolon, tab or bar), writes an encoded CSV and
prints a JSON result on its last line. Columns are prefixed by what they are:
con_ (a number), cat_ (a category), rem_ (the remainder: identifiers, free text).
Runs by hand and as a job alike; knows nothing of models or of where it runs.
"""

import argparse
import csv
import io
import json
import math
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

BLANKS = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "-"})
SEPARATORS = (",", ";", "\t", "|")
DATE_FORMATS = ("%d.%m.%Y", "%Y/%m/%d", "%d/%m/%Y", "%m/%d/%Y")
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?")
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?|[+-]?\d+")


class UnusableTable(ValueError):
    """A table that cannot be prepared; the message says why and what to do."""


@dataclass
class Column:
    """What was found out about one column, and its values as numbers or text."""

    name: str
    type: str
    why: str
    values: pd.Series
    filled: dict[str, object] | None = None
    baseline: str | None = None


@dataclass
class Prepared:
    frame: pd.DataFrame
    columns: list[Column]
    dropped: dict[str, str] = field(default_factory=dict)


# --- reading ------------------------------------------------------------------------


def read_table(path: Path, separator: str | None = None) -> tuple[pd.DataFrame, dict[str, object]]:
    """Return the table as text, blanks as None, with how it was read.

    Raises:
        UnusableTable: If the file is missing, empty, not a text table, or has no rows or one column.
    """
    text, encoding = _read_text(path)
    separator = separator or detect_separator(text)
    try:
        found = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        rows = [row for row in found if any(map(str.strip, row))]
    except csv.Error as error:
        raise UnusableTable(f"{path} cannot be read as a table: {error}.") from None
    width = len(rows[0])
    if width < 2:
        raise UnusableTable(
            f"{path} has one column when split at {separator!r}: a table needs two or more. "
            "If it uses another separator, give it with --separator."
        )
    if len(rows) < 2:
        raise UnusableTable(f"{path} has a header and no rows: there is nothing to prepare.")
    for number, row in enumerate(rows[1:], 2):
        if len(row) != width:
            raise UnusableTable(f"{path}: row {number} has {len(row)} fields, the header has {width}.")
    frame = pd.DataFrame(rows[1:], columns=list(_unique_names(rows[0])), dtype=object)
    return blank(frame), {"source": str(path), "separator": separator, "encoding": encoding}


def _read_text(path: Path) -> tuple[str, str]:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise UnusableTable(
            f"There is no file {path} (looked from {Path.cwd()}). A job runs in a directory of its own: "
            "give the whole path."
        ) from None
    except OSError as error:
        raise UnusableTable(f"{path} cannot be read: {error.strerror}.") from None
    if b"\0" in raw:
        raise UnusableTable(f"{path} is not a text table: it contains NUL bytes. Export it as CSV (UTF-8).")
    for encoding in ("utf-8-sig", "cp1252", "latin-1"):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if not text.strip():
            raise UnusableTable(f"{path} is empty: there is nothing to prepare.")
        return text, encoding
    raise AssertionError("latin-1 decodes any bytes")


def detect_separator(text: str) -> str:
    """Return the separator that splits the first rows into the most columns of one width."""

    def columns(separator: str) -> int:
        lines = [line for line in text.splitlines()[:50] if line.strip()]
        try:
            widths = [len(row) for row in csv.reader(lines, delimiter=separator)]
        except csv.Error:
            return 0  # said in words when the table is read
        return widths[0] if len(set(widths)) == 1 and widths[0] > 1 else 0

    best = max(SEPARATORS, key=columns)
    # Ragged under every separator: the header decides, and the reader then names the bad row.
    return best if columns(best) else max(SEPARATORS, key=text.splitlines()[0].count)


def _unique_names(header: list[str]) -> Iterator[str]:
    seen: set[str] = set()
    for number, given in enumerate(header, 1):
        name = wanted = given.strip() or f"column_{number}"
        extra = 2
        while name in seen:
            name, extra = f"{wanted}_{extra}", extra + 1
        seen.add(name)
        yield name


def blank(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with stripped text, and None where a cell says nothing."""

    def clean(value: object) -> object:
        text = "" if value is None else str(value).strip()
        return None if text.lower() in BLANKS else text

    return pd.DataFrame({name: [clean(value) for value in frame[name]] for name in frame}, dtype=object)


def example_table() -> tuple[pd.DataFrame, dict[str, object]]:
    """Return scikit-learn's diabetes table in its own units: real numbers and one real category.

    Two columns are derived from it and the result says so: `patient`, the row's number,
    and `bmi_class`, the bmi in the classes of the World Health Organization.
    """
    from sklearn.datasets import load_diabetes

    frame = load_diabetes(as_frame=True, scaled=False).frame
    classes = pd.cut(
        frame["bmi"], [0, 18.5, 25, 30, math.inf], right=False, labels=["under", "normal", "over", "obese"]
    )
    frame = frame.rename(columns={"target": "progression"})
    frame.insert(0, "patient", range(1, len(frame) + 1))
    frame["bmi_class"] = classes.astype(str)
    source = "scikit-learn's diabetes table; patient (row number) and bmi_class are derived from it"
    return blank(frame), {"source": source}


# --- types --------------------------------------------------------------------------


def detect_column(name: str, text: pd.Series, wanted: str | None = None, levels: int = 10) -> Column:
    """Return the column with its type and its values: numbers where it is continuous or a date.

    Args:
        text: Text or None per row, at least one value.
        wanted: A type that the user has decided, or None to detect it.
        levels: Whole numbers of at most so many distinct values are a category.
    """
    known = text.dropna()
    distinct = known.nunique()
    if wanted == "categorical":
        return Column(name, "categorical", "you said so", text)
    if wanted == "remainder":
        return Column(name, "remainder", "you said so", text)
    numbers = to_numbers(known)
    if numbers is not None:
        spread = numbers.reindex(text.index)
        whole = bool((numbers.dropna() % 1 == 0).all())
        if wanted == "continuous":
            return Column(name, "continuous", "you said so", spread)
        if whole and len(known) > 2 and _counts_up(numbers):
            return Column(name, "remainder", "whole numbers that count up: an identifier", text)
        distinct = numbers.nunique()
        if whole and distinct <= levels and (distinct <= 2 or len(known) >= 5 * distinct):
            # "1" and "1.0" are one level.
            labels = numbers.dropna().astype("int64").astype(str).reindex(text.index)
            return Column(name, "categorical", f"whole numbers of {distinct} distinct values", labels)
        return Column(name, "continuous", "numbers", spread)
    if wanted == "continuous":
        odd = next(value for value in known if to_numbers(pd.Series([value], dtype=object)) is None)
        raise UnusableTable(f"column {name!r} cannot be continuous: {odd!r} is not a number.")
    dates, how = to_days(known)
    if dates is not None:
        return Column(name, "date", f"{how}; days since 1970-01-01", dates.reindex(text.index))
    if distinct > max(levels, 50) or (distinct > levels and distinct > len(known) / 2):
        return Column(name, "remainder", f"text of {distinct} distinct values in {len(known)}", text)
    return Column(name, "categorical", f"text of {distinct} distinct values", text)


def _counts_up(numbers: pd.Series) -> bool:
    return bool((numbers.diff().dropna() == 1).all())


def to_numbers(text: pd.Series) -> pd.Series | None:
    """Return the values as floats (decimal commas understood, infinities as NaN), or None."""
    # Python's float() also takes "1_000" and other scripts' digits, which no table means as a number.
    if not all(re.fullmatch(r"[0-9+\-.,eEinfINFtyTY]+", value) for value in text):
        return None
    if any("," in value for value in text):
        if not all(_DECIMAL_COMMA.fullmatch(value) for value in text):
            return None
        text = text.str.replace(",", ".", regex=False)
    try:
        numbers = text.map(float).astype(float)
    except ValueError:
        return None
    return numbers.mask(numbers.abs() == math.inf)


def to_days(text: pd.Series) -> tuple[pd.Series | None, str]:
    """Return dates as days since 1970-01-01 with how they were read, or None when they are none."""
    if all(_ISO.fullmatch(value) for value in text):
        formats: tuple[str, ...] = ("ISO8601",)
    else:
        formats = DATE_FORMATS
    for form in formats:
        try:
            moments = pd.to_datetime(text, format=form, utc=True)
        except (ValueError, OverflowError):
            continue
        # A year before 1677 or after 2262 is a valid date too: pandas chooses a wider unit by itself.
        return (moments - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1), f"dates as {form}"
    return None, ""


# --- filling and encoding -----------------------------------------------------------


def fill(column: Column) -> None:
    """Fill the column's blanks in place: the median of numbers, the most frequent of categories."""
    missing = int(column.values.isna().sum())
    if not missing or column.type == "remainder":
        return
    if column.type == "categorical":
        # Ties go to the smallest, so that the same table is always filled alike.
        with_what: object = min(column.values.mode())
        how = "most frequent"
    else:
        with_what, how = float(column.values.median()), "median"
    column.values = column.values.fillna(with_what)
    column.filled = {"count": missing, "with": with_what, "how": how}


def prepare(
    table: pd.DataFrame, wanted: dict[str, str] | None = None, target: str | None = None, levels: int = 10
) -> Prepared:
    """Return the encoded frame and what was done to each column.

    The target keeps one column: a category that is to be predicted is never made dummies.

    Raises:
        UnusableTable: If a named column is not in the table, cannot be what was asked, or nothing is left.
    """
    wanted = wanted or {}
    for name in [*wanted, *([target] if target else [])]:
        if name not in table.columns:
            raise UnusableTable(f"there is no column {name!r}; there are: {', '.join(table.columns)}.")
    done = Prepared(pd.DataFrame(index=table.index), [])
    encoded: dict[str, pd.Series] = {}
    for name in table.columns:
        if table[name].isna().all():
            done.dropped[name] = "every cell is blank"
            continue
        column = detect_column(name, table[name], wanted.get(name), levels)
        if column.values.isna().all():
            done.dropped[name] = "no finite number"
            continue
        fill(column)
        if column.type == "categorical" and name != target and column.values.nunique() == 1:
            done.dropped[name] = f"every row says {column.values.iloc[0]!r}"
            continue
        done.columns.append(column)
        for key, values in _encode(column, keep_whole=name == target):
            encoded[_free_name(key, encoded)] = values
    if not encoded:
        raise UnusableTable(
            "no column is left: " + "; ".join(f"{n}: {why}" for n, why in done.dropped.items())
        )
    done.frame = pd.DataFrame(encoded)
    return done


def _encode(column: Column, *, keep_whole: bool) -> Iterator[tuple[str, pd.Series]]:
    prefix = {"continuous": "con", "date": "con", "categorical": "cat", "remainder": "rem"}[column.type]
    if column.type != "categorical" or keep_whole:
        yield f"{prefix}_{column.name}", column.values
        return
    # The dummy trap: with a column for every level they would sum to one and be collinear
    # with the intercept. The most frequent level is the baseline and gets none.
    counts = column.values.value_counts()
    levels = sorted(counts.index, key=_level_order)
    column.baseline = min(levels, key=lambda level: (-counts[level], level))
    for level in levels:
        if level != column.baseline:
            yield f"{prefix}_{column.name}_{level}", (column.values == level).astype(int)


def _level_order(level: str) -> tuple[int, str]:
    """Sort whole numbers by size: 9 before 10."""
    return (int(level), "") if re.fullmatch(r"-?\d{1,18}", level) else (0, level)


def _free_name(name: str, taken: dict[str, pd.Series]) -> str:
    """Return the name, numbered when column a of level b_c meets column a_b of level c."""
    found, extra = name, 2
    while found in taken:
        found, extra = f"{name}_{extra}", extra + 1
    return found


# --- the command --------------------------------------------------------------------


def main(argv: list[str] | None = None) -> None:
    """Prepare one table as the command line says and print the result."""
    begun = time.monotonic()
    options = _parse(argv)
    path = options.input or options.table
    wanted = {
        name: kind for kind in ("continuous", "categorical", "remainder") for name in getattr(options, kind)
    }
    output = Path(options.output).resolve()
    try:
        table, how = read_table(Path(path), options.separator) if path else example_table()
        print(f"read {len(table)} rows, {len(table.columns)} columns: {how['source']}", flush=True)
        done = prepare(table, wanted, options.target, options.levels)
        done.frame.to_csv(output, index=False)
    except UnusableTable as error:
        sys.exit(f"prepare_data: {error}")
    except OSError as error:
        sys.exit(f"prepare_data: the encoded table cannot be written to {output}: {error.strerror}.")
    for column in done.columns:
        print(f"{column.name}: {column.type} ({column.why})", flush=True)
    result = {
        "path": str(output),
        "rows": len(done.frame),
        "columns": len(done.frame.columns),
        **how,
        "types": {column.name: column.type for column in done.columns},
        "filled": {column.name: column.filled for column in done.columns if column.filled},
        "baselines": {column.name: column.baseline for column in done.columns if column.baseline},
        "dropped": done.dropped,
        "seconds": round(time.monotonic() - begun, 3),
    }
    print(json.dumps(result, ensure_ascii=False, allow_nan=False), flush=True)


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Make a table ready for learning.")
    parser.add_argument("table", nargs="?", help="CSV file (default: a table that scikit-learn brings along)")
    parser.add_argument("--input", help="the same as TABLE, for those who pass parameters as flags")
    parser.add_argument("--output", default="encoded.csv", help="where to write (default: %(default)s)")
    parser.add_argument("--separator", help="what separates the columns (default: detected)")
    parser.add_argument("--target", help="the column to predict: typed and filled, never made dummies")
    parser.add_argument("--levels", type=int, default=10, help="most values of a whole-number category")
    for kind in ("continuous", "categorical", "remainder"):
        parser.add_argument(
            f"--{kind}", nargs="+", default=[], metavar="COLUMN", help=f"columns that are {kind}"
        )
    options = parser.parse_args(argv)
    if options.table and options.input and options.table != options.input:
        parser.error(f"two tables were given, {options.table} and {options.input}: one is prepared at a time")
    if options.separator and len(options.separator) != 1:
        parser.error(f"a separator is one character, not {options.separator!r}")
    return options


if __name__ == "__main__":
    main()
