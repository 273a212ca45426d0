"""/jobs/ID/labels and /sweeps/ID/labels: project, tags and note, also of what has ended."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from hq.rest.bodies import LabelsBody, takes
from hq.rest.house import House, answer, principal_of, read_body
from hq.rest.parameters import IdempotencyKey, OnePathJob, OnePathSweep, checked_job, checked_sweep
from schemas.requests import Label


def build_router(house: House) -> APIRouter:
    """Return the routes below the API's root."""
    router = APIRouter()

    @router.post("/jobs/{job}/labels", tags=["jobs"], openapi_extra=takes(LabelsBody))
    async def label_job(
        job: OnePathJob, request: Request, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Change a job's project, tags or note, whether it has ended or not."""
        return answer(await _change(request, checked_job(job), idempotency_key))

    @router.post("/sweeps/{sweep}/labels", tags=["sweeps"], openapi_extra=takes(LabelsBody))
    async def label_sweep(
        sweep: OnePathSweep, request: Request, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Change a sweep's project, tags or note, whether it has ended or not. Its trials keep theirs."""
        return answer(await _change(request, checked_sweep(sweep), idempotency_key))

    async def _change(request: Request, one: str, key: str | None) -> dict[str, Any]:
        body: LabelsBody = await read_body(request, LabelsBody)
        wanted = Label(
            key=key,
            on_behalf_of=principal_of(request).name,
            ids=(one,),
            project=body.project,
            note=body.note,
            add_tags=body.add_tags,
            remove_tags=body.remove_tags,
        )
        return await house.asking.change(wanted)

    return router
