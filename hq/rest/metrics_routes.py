"""/readyz and /metrics: for whoever watches the house, a person's script or Prometheus."""

from fastapi import APIRouter
from starlette.responses import PlainTextResponse, Response

from hq.rest.exposition import CONTENT_TYPE
from hq.rest.house import House, answer
from hq.rest.metrics import Health


def build_router(house: House) -> APIRouter:
    """Return the routes at the server's root."""
    router = APIRouter(tags=["house"])
    health = Health(house)

    @router.get("/readyz")
    async def readyz() -> Response:
        """Say whether broker, database and HQ answer: 200 when all do, 503 otherwise. Needs no token."""
        parts = await health.read_ready()
        ok = all(parts.values())
        return answer({"ok": ok, **parts}, 200 if ok else 503)

    @router.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Return the house's figures in Prometheus's text format; parts that are away are left out."""
        return Response(await health.read_metrics(), 200, {"cache-control": "no-store"}, CONTENT_TYPE)

    return router
