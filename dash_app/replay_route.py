"""Events of a past time for the page that plays them: /events/rows?from=&to=&kind=&about=, Unix times."""

from typing import Annotated

from fastapi import FastAPI, Query
from starlette.responses import Response

from dash_app.presenters.happenings import row, types_of
from hq.rest.house import House, answer
from hq.rest.policy import EVENTS_ROWS
from hq.rest.replaying import read_between

_LATEST = 10**11


def add_routes(app: FastAPI, house: House) -> None:
    """Add the route; the gate lets nobody here who is not logged in."""

    @app.get(EVENTS_ROWS, include_in_schema=False)
    async def events_between(
        first: Annotated[float, Query(alias="from", ge=0, le=_LATEST)],
        last: Annotated[float, Query(alias="to", ge=0, le=_LATEST)],
        kind: Annotated[str, Query(max_length=20)] = "",
        about: Annotated[str, Query(max_length=64)] = "",
    ) -> Response:
        found = await read_between(house.database, first, last, types=types_of(kind), about=about)
        return answer({"rows": [row(one) for one in found["events"]], "more": found["more"]})
