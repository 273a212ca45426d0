"""Rows of the table of results for the page's grid, and all of them as CSV or Parquet for who is logged in.

/results/rows?where=&sweep=&pick=&sort=&columns=["params.lr",...]&start=0&end=100
/results/table.csv?where=&sweep=&pick=&sort=       and table.parquet, where pyarrow is installed
"""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any

import msgspec
from fastapi import FastAPI, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from dash_app.asked import Asked, asked_of, pairs_of
from dash_app.presenters.results import grid_row
from hq.rest import table
from hq.rest.house import House, answer
from hq.rest.policy import RESULTS_CSV, RESULTS_PARQUET, RESULTS_ROWS
from hq.rest.problems import Problem
from hq.rest.result_forms import write_parquet
from hq.rest.results import spreadsheet_cell

_ROWS_AT_MOST = 500
_COLUMNS_AT_MOST = 200


def add_routes(app: FastAPI, house: House) -> None:
    """Add the routes; the gate lets nobody here who is not logged in."""
    one_at_a_time = asyncio.Semaphore(1)

    @app.get(RESULTS_ROWS, include_in_schema=False)
    async def rows(
        request: Request,
        columns: Annotated[str, Query(max_length=20_000)] = "[]",
        start: Annotated[int, Query(ge=0, le=2**31)] = 0,
        end: Annotated[int, Query(ge=0, le=2**31)] = 100,
    ) -> Response:
        asked = asked_of(pairs_of(dict(request.query_params)))
        names = _names(columns)
        match = await table.match_of(house.database, asked.picked())
        limit = max(1, min(end - start, _ROWS_AT_MOST))
        found = await table.read_rows(
            house.database, match, names, sort=asked.sort, skip=start, limit=limit + 1
        )
        last = start + len(found) if len(found) <= limit else None
        if start >= table.MOST_SKIPPED:
            found, last = [], table.MOST_SKIPPED
        return answer({"rows": [grid_row(row) for row in found[:limit]], "last": last})

    @app.get(RESULTS_CSV, include_in_schema=False)
    async def as_csv(request: Request) -> Response:
        asked = asked_of(pairs_of(dict(request.query_params)))
        match = await table.match_of(house.database, asked.picked())
        known = [column.name for column in await table.read_columns(house.database, match)]
        names = list(asked.columns) or known
        headers = {"content-disposition": 'attachment; filename="results.csv"', "cache-control": "no-store"}
        return StreamingResponse(
            _lines(house, asked, match, names), 200, headers, media_type="text/csv; charset=utf-8"
        )

    @app.get(RESULTS_PARQUET, include_in_schema=False)
    async def as_parquet(request: Request) -> Response:
        asked = asked_of(pairs_of(dict(request.query_params)))
        match = await table.match_of(house.database, asked.picked())
        names = list(asked.columns) or [one.name for one in await table.read_columns(house.database, match)]
        columns: dict[str, list[Any]] = {name: [] for name in ("job", *names)}
        # One at a time: unlike CSV all of it is in memory.
        async with one_at_a_time:
            async for row in table.each_row(house.database, match, names, sort=asked.sort):
                for name, value in zip(columns, (row["job"], *row["values"]), strict=True):
                    columns[name].append(value)
            content = await asyncio.to_thread(write_parquet, columns)
        headers = {
            "content-disposition": 'attachment; filename="results.parquet"',
            "cache-control": "no-store",
        }
        return Response(content, 200, headers, "application/vnd.apache.parquet")


async def _lines(
    house: House, asked: Asked, match: dict[str, Any], names: Sequence[str]
) -> AsyncIterator[str]:
    yield _line(["job", *names])
    async for row in table.each_row(house.database, match, names, sort=asked.sort):
        yield _line([row["job"], *row["values"]])


def _line(cells: Sequence[Any]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow([spreadsheet_cell(value) for value in cells])
    return out.getvalue()


def _names(columns: str) -> list[str]:
    try:
        names = msgspec.json.decode(columns, type=list[str])
    except msgspec.DecodeError as error:
        raise Problem(422, "bad_parameter", f"columns: {str(error)[:200]}.") from None
    if len(names) > _COLUMNS_AT_MOST:
        raise Problem(422, "bad_parameter", f"columns: at most {_COLUMNS_AT_MOST}.")
    return names
