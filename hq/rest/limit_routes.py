"""/limits: how many jobs of a user, or that name a limit, run at once."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from hq.read_models.models import LIMITS
from hq.rest import queries
from hq.rest.bodies import LimitBody, takes
from hq.rest.database import find
from hq.rest.house import House, answer, principal_of, read_body
from hq.rest.parameters import AtLeast, IdempotencyKey
from schemas.requests import SetLimit

_MOST = 1000


def build_router(house: House) -> APIRouter:
    """Return the routes below the API's root."""
    router = APIRouter(tags=["house"])

    @router.get("/limits")
    async def list_limits(at_least: AtLeast = None) -> Response:
        """List the limits that hold, of users and of names that jobs give under `within`."""
        await queries.catch_up(house.database, at_least)
        rows = await find(house.database, LIMITS, {"at_most": {"$ne": None}}, sort=[("_id", 1)], limit=_MOST)
        shown = [
            {"kind": row["kind"], "name": row["limit"], "at_most": row["at_most"], "by": row["by"]}
            for row in rows
        ]
        return answer({"limits": shown})

    @router.post("/limits", openapi_extra=takes(LimitBody))
    async def set_limit(request: Request, idempotency_key: IdempotencyKey = None) -> Response:
        """Set a limit, or take it away with `at_most` null. What runs goes on; jobs beyond it wait."""
        body: LimitBody = await read_body(request, LimitBody)
        wanted = SetLimit(
            key=idempotency_key,
            on_behalf_of=principal_of(request).name,
            of=body.kind,
            name=body.name,
            at_most=body.at_most,
        )
        return answer(await house.asking.change(wanted))

    return router
