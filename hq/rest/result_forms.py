"""Results in the form that a reader asks for: JSON, NDJSON, CSV or Parquet.

By `?format=`, else by the `Accept` header. Parquet needs pyarrow, which is
optional and loaded with the first such request.
"""

import importlib
import io
from typing import Any, Literal

import msgspec
from starlette.responses import Response

from hq.rest import results
from hq.rest.database import Document
from hq.rest.house import answer
from hq.rest.problems import Problem

Form = Literal["json", "ndjson", "csv", "parquet"]
_TYPES: dict[str, Form] = {
    "text/csv": "csv",
    "application/x-ndjson": "ndjson",
    "application/vnd.apache.parquet": "parquet",
}
#: For the OpenAPI document.
CONTENT: dict[int | str, dict[str, Any]] = {200: {"content": {kind: {} for kind in _TYPES}}}


def choose_form(asked: Form | None, accept: str) -> Form:
    """Return the form: as it was asked for, else the first in `accept` that there is, else JSON."""
    if asked is not None:
        return asked
    given = (part.partition(";")[0].strip().lower() for part in accept.split(","))
    return next((_TYPES[kind] for kind in given if kind in _TYPES), "json")


def render(page: Document, form: Form, sweep: str | None) -> Response:
    """Return one page of results in a form. All but JSON come as a file; a header names the next page.

    Raises:
        Problem: 501 for Parquet where pyarrow is not installed.
    """
    if form == "json":
        return answer(page)
    name = f"results{'-' + sweep if sweep else ''}.{form}"
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    if page["next"] is not None:
        headers["idlehands-next"] = page["next"]
    match form:
        case "csv":
            return Response(results.to_csv(page["results"]), 200, headers, "text/csv; charset=utf-8")
        case "ndjson":
            lines = b"".join(msgspec.json.encode(row) + b"\n" for row in page["results"])
            return Response(lines, 200, headers, "application/x-ndjson")
        case "parquet":
            return Response(to_parquet(page["results"]), 200, headers, "application/vnd.apache.parquet")


def to_parquet(rows: list[Document]) -> bytes:
    """Return results as a Parquet file, one column per parameter and per value that a script printed.

    A column whose values are not all of one kind is text, each value as JSON.

    Raises:
        Problem: 501 if pyarrow is not installed.
    """
    columns: dict[str, list[Any]] = {}
    for number, row in enumerate(rows):
        for name, value in _flat(row).items():
            columns.setdefault(name, [None] * number).append(value)
        for values in columns.values():
            values.extend([None] * (number + 1 - len(values)))
    return write_parquet(columns)


def write_parquet(columns: dict[str, list[Any]]) -> bytes:
    """Return columns of one length as a Parquet file; one of several kinds is text, each value as JSON.

    Raises:
        Problem: 501 if pyarrow is not installed.
    """
    try:
        arrow = importlib.import_module("pyarrow")
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise Problem(
            501,
            "no_parquet",
            "The web process has no pyarrow, so it cannot write Parquet. `pip install pyarrow` there, "
            "or ask for ?format=csv or ndjson.",
        ) from None
    made = {name: _column(arrow, values) for name, values in columns.items()}
    out = io.BytesIO()
    parquet.write_table(arrow.table(made), out)
    return out.getvalue()


def _flat(row: Document) -> dict[str, Any]:
    result = row["result"] or {}
    energy = result.get("energy") or {}
    own = {key: row.get(key) for key in ("job", "sweep", "trial", "script", "agent", "verdict", "at")}
    own |= {"outcome": row.get("outcome"), "seconds": float(result.get("duration_seconds", 0))}
    own |= {"kwh": energy.get("kwh"), "cost": energy.get("cost")}
    printed = {f"result.{key}": value for key, value in (result.get("result") or {}).items()}
    return own | {f"params.{key}": value for key, value in row["params"].items()} | printed


def _column(arrow: Any, values: list[Any]) -> Any:
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float}:
        values = [None if value is None else float(value) for value in values] if float in kinds else values
    elif len(kinds) > 1 or kinds & {dict, list}:
        values = [None if value is None else msgspec.json.encode(value).decode() for value in values]
    return arrow.array(values)
