"""/audit: who did what to whose access. For admins."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from hq.rest import queries
from hq.rest.audit import read_audit
from hq.rest.house import House, answer
from hq.rest.parameters import After, AtLeast, Limit


def build_router(house: House) -> APIRouter:
    """Return the routes below the API's root."""
    router = APIRouter(tags=["house"])

    @router.get("/audit")
    async def list_audit(
        who: Annotated[
            str | None, Query(max_length=200, description="Who did it, or whom it was done to.")
        ] = None,
        what: Annotated[
            str | None,
            Query(
                pattern=r"^[a-z-]{1,31}(\.[a-z-]{1,31})?$",
                description="`token.created`, or `token` for all that begin so.",
            ),
        ] = None,
        since: Annotated[float | None, Query(ge=0, le=1e11, description="Unix seconds.")] = None,
        limit: Limit = 100,
        after: After = None,
        at_least: AtLeast = None,
    ) -> Response:
        """List who got in, tried to, or changed who may: the newest first."""
        await queries.catch_up(house.database, at_least)
        found = await read_audit(house.database, limit=limit, after=after, who=who, what=what, since=since)
        return answer(found)

    return router
