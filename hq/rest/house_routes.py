"""/status, /agents, /today and /events: how the house is, who is in it, and what happened."""

import time
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query
from pymongo.errors import PyMongoError
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from hq.rest import queries
from hq.rest.asking import NoAnswer
from hq.rest.following_events import CONTENT_TYPE, follow_events
from hq.rest.history import parse_point, read_events
from hq.rest.house import House, answer, principal_of
from hq.rest.paging import make_cursor, read_cursor
from hq.rest.parameters import After, AtLeast
from hq.rest.policy import ADMINS
from hq.rest.today import read_today
from hq.rest.validators import weak_etag
from schemas.requests import ReadStatus


def build_router(house: House) -> APIRouter:
    """Return the routes below the API's root."""
    router = APIRouter(tags=["house"])

    @router.get("/status")
    async def get_status() -> Response:
        """Say what runs and what does not; answers also when HQ, broker or database are away."""
        return answer(await read_status(house))

    @router.get("/agents")
    async def list_agents(
        limit: Annotated[int, Query(ge=1, le=10_000, description="Most rows of one page.")] = 1000,
        after: After = None,
        at_least: AtLeast = None,
    ) -> Response:
        """List the machines by name: what each is, and what it said last."""
        await queries.catch_up(house.database, at_least)
        skip = read_cursor("agents", after) or 0
        found = await read_house(house)
        more = len(found) > skip + limit
        page = {
            "agents": found[skip : skip + limit],
            "next": make_cursor("agents", skip + limit) if more else None,
        }
        return answer(page, headers={"etag": weak_etag(msgspec.json.encode(_timeless(page)))})

    @router.get("/today")
    async def get_today(at_least: AtLeast = None) -> Response:
        """Say what each machine did since midnight, with its energy, and when the queue will be empty."""
        await queries.catch_up(house.database, at_least)
        return answer(await read_today(house, time.time()))

    @router.get("/events", responses={200: {"content": {CONTENT_TYPE: {}}}})
    async def list_events(
        request: Request,
        after: Annotated[
            str | None,
            Query(
                max_length=40,
                description="`12` or `12.3`.",
                json_schema_extra={"pattern": r"^([0-9]{1,15}(\.[0-9]{1,9})?)?$"},
            ),
        ] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 200,
    ) -> Response:
        """Return committed events in order, after a position; for readers who missed a notice.

        With `Accept: text/event-stream` they are followed as server-sent events, from `after` or the
        header `Last-Event-ID` on.
        """
        # Who got in from where is for admins.
        hidden = () if principal_of(request).role in ADMINS else ("Audited",)
        if CONTENT_TYPE in request.headers.get("accept", ""):
            begin = request.headers.get("last-event-id") or after
            parse_point(begin)
            headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
            return StreamingResponse(follow_events(house.database, begin, hidden), 200, headers, CONTENT_TYPE)
        return answer(await read_events(house.database, after=after, limit=limit, without=hidden))

    return router


async def read_status(house: House) -> dict[str, Any]:
    """Return what HQ says of itself and how far the read models are, with what cannot be reached named."""
    status: dict[str, Any] = {"hq": None, "read_models": None, "broker": house.live.connected, "trouble": []}
    try:
        reply = await house.asking.ask(ReadStatus(), 2.0)
        status["hq"] = reply.result
    except NoAnswer as error:
        where = "HQ" if house.live.connected else "the broker is not reached and HQ"
        status["trouble"].append(f"{where}: {error}")
    try:
        status["read_models"] = {"position": await queries.read_position(house.database)}
    except PyMongoError as error:
        status["trouble"].append(f"the database does not answer: {type(error).__name__}")
    if house.outside is not None and (standing := house.outside.household.standing()) is not None:
        status["household"] = standing
    return status


async def read_house(house: House) -> list[dict[str, Any]]:
    """Return every machine: from the read model, with what was heard of it last."""
    known = {agent["name"]: agent for agent in await queries.read_agents(house.database)}
    # Heard but not stored yet: its boot is about to be committed.
    for name in house.live.names():
        known.setdefault(name, {"name": name})
    return [{**agent, **house.live.agent(name)} for name, agent in sorted(known.items())]


def _timeless(page: dict[str, Any]) -> dict[str, Any]:
    """Return a page of machines without how long ago each was heard and its load, which waver always."""
    rows = [
        {**row, "heard": {**(row.get("heard") or {}), "seconds_ago": 0, "load": None}}
        for row in page["agents"]
    ]
    return {**page, "agents": rows}
