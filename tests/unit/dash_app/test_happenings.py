"""Events of the log as rows, and the log read backwards with filters."""

import asyncio
from typing import Any

import pytest
from pymongo import MongoClient

from dash_app.addresses import parse
from dash_app.presenters.happenings import KINDS, row, timeline, types_of
from hq.rest import looking_back
from hq.rest.database import Document, open_database
from schemas.events import AnyEvent

HOSTILE = "<b>\x1b[31m\u202e"
LEFT_OUT = {"Audited", "RequestAnswered"}


def test_all_is_every_type_but_what_is_for_admins_and_repeats() -> None:
    known = {type_.__name__ for type_ in AnyEvent.__args__}

    assert types_of("") == known - LEFT_OUT
    assert types_of("nonsense") == types_of("")
    assert {name for kind in KINDS for name in types_of(kind)} <= known - LEFT_OUT


def test_whatever_an_event_says_is_plain_text() -> None:
    event = {"type": "JobFailed", "job": "ja", "why": HOSTILE, "result": {"failure": {"message": HOSTILE}}}

    shown = row({"position": 7, "index": 1, "at": 5.0, "event": event})

    assert shown["id"] == "7.1"
    assert shown["what"] == "Failed"
    assert (
        row({"position": 1, "index": 0, "at": 0, "event": {"type": "SomethingNew"}})["what"]
        == "Something new"
    )
    assert shown["about"] == "<b>\ufffd: <b>\ufffd"


def decision(position: int) -> Document:
    events = [
        {"type": "JobCancelled", "job": f"j{position}", "by": "olga" if position % 2 else "cli"},
        {"type": "AgentBooted", "agent": "attic", "slots": 2},
        {"type": "Audited", "by": "web"},
    ]
    return {"_id": position, "epoch": 1, "op": "x", "at": 1000.0 + position, "events": events}


@pytest.fixture
def uri(mongodb_uri: str) -> str:
    with MongoClient[dict[str, Any]](mongodb_uri) as mongo:
        mongo.get_default_database()["events"].insert_many([decision(n) for n in range(1, 11)])
    return mongodb_uri


def test_the_log_is_read_backwards_by_pages_and_filters(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def look(**given: Any) -> Any:
        database = open_database(uri)
        try:
            found = await looking_back.read_back(database, **given)
        finally:
            await database.client.close()
        return [f"{one['position']}.{one['index']}" for one in found["events"]], found["next"]

    everything = types_of("")
    assert asyncio.run(look(before=None, limit=3, types=everything)) == (["10.1", "10.0", "9.1", "9.0"], 9)
    assert asyncio.run(look(before=2, limit=3, types=everything)) == (["1.1", "1.0"], None)
    assert asyncio.run(look(before=None, limit=9, types=types_of("jobs"), about="olga"))[0] == [
        f"{n}.0" for n in (9, 7, 5, 3, 1)
    ]
    # No further than so many decisions at once, also where nothing fits.
    monkeypatch.setattr(looking_back, "LOOKED_AT", 4)
    assert asyncio.run(look(before=None, limit=9, types=everything, about="nobody")) == ([], 7)


def test_what_comes_is_read_in_order(uri: str) -> None:
    async def look() -> Any:
        database = open_database(uri)
        try:
            return await looking_back.read_since(database, 8, limit=5, types=types_of("jobs"))
        finally:
            await database.client.close()

    events, position = asyncio.run(look())

    assert [one["event"]["job"] for one in events] == ["j9", "j10"]
    assert position == 10


def test_addresses_of_events() -> None:
    view = parse("/events", "?kind=jobs&about=attic&before=7")

    assert (view.kind, view.before, dict(view.given)) == ("events", 7, {"kind": "jobs", "about": "attic"})


def test_a_job_has_a_timeline_in_words() -> None:
    events = [
        {"position": 7, "index": 0, "at": 1.0, "event": {"type": "JobHeld", "job": "j1", "by": "olga"}},
        {
            "position": 9,
            "index": 0,
            "at": 2.0,
            "event": {"type": "JobClaimed", "job": "j1", "agent": "attic"},
        },
    ]

    shown = str(timeline(events, "j1"))

    assert shown.index("Put on hold") < shown.index("Claimed") < shown.index("attic")
    assert "olga" in shown
    assert "/events?about=j1" in shown
    assert "Too long ago" in str(timeline([], "j1"))
