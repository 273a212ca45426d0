"""A past time of the log on the real database: from a moment to a moment, whatever compaction took away."""

import asyncio
from typing import Any

import pytest
from pymongo import MongoClient

from dash_app.addresses import parse
from dash_app.presenters.happenings import types_of
from hq.rest.database import open_database
from hq.rest.replaying import find_position, read_between


def decision(position: int) -> dict[str, Any]:
    event = {"type": "JobCancelled", "job": f"j{'ab'[position % 2] * 12}", "by": "cli", "why": None}
    return {"_id": position, "epoch": 1, "op": "0" * 32, "at": 1000.0 + 10 * position, "events": [event]}


@pytest.fixture
def uri(mongodb_uri: str) -> str:
    with MongoClient[dict[str, Any]](mongodb_uri) as mongo:
        # Positions 5 to 8 were compacted away.
        rows = [decision(at) for at in (1, 2, 3, 4, 9, 10)]
        mongo.get_default_database()["events"].insert_many(rows)
    return mongodb_uri


def read(uri: str, first: float, last: float, about: str = "", kind: str = "") -> list[int]:
    async def whole() -> Any:
        database = open_database(uri)
        try:
            return await read_between(database, first, last, types=types_of(kind), about=about)
        finally:
            await database.client.close()

    found = asyncio.run(whole())
    assert found["more"] is False
    return [one["position"] for one in found["events"]]


def test_a_past_time_has_what_happened_from_its_first_moment_until_before_its_last(uri: str) -> None:
    assert read(uri, 1010.0, 1040.0) == [1, 2, 3]
    assert read(uri, 1010.1, 1040.1) == [2, 3, 4]
    assert read(uri, 1041.0, 1100.1) == [9, 10]
    assert read(uri, 0.0, 9999.0, about="j" + "b" * 12) == [1, 3, 9]
    assert read(uri, 0.0, 9999.0, kind="machines") == []
    assert read(uri, 1101.0, 9999.0) == []


def test_a_moment_is_found_by_halving(uri: str) -> None:
    async def whole() -> list[int]:
        database = open_database(uri)
        try:
            return [await find_position(database, at) for at in (0.0, 1010.0, 1041.0, 1090.0, 1100.0, 1100.5)]
        finally:
            await database.client.close()

    assert asyncio.run(whole()) == [1, 1, 5, 5, 10, 11]


def test_an_empty_log_has_no_past(mongodb_uri: str) -> None:
    assert read(mongodb_uri, 0.0, 9999.0) == []


@pytest.mark.parametrize("query", ["?from=2&to=1", "?from=1", "?from=x&to=9", "?from=-1&to=9"])
def test_what_is_no_past_time_is_the_live_list(query: str) -> None:
    assert "from" not in dict(parse("/events", query).given)
    assert dict(parse("/events", "?from=1&to=2&kind=jobs&before=7").given)["to"] == "2"
    assert parse("/events", "?from=1&to=2&before=7").before is None
