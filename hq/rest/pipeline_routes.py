"""/pipelines: steps that are submitted together, how they stand, and going on after a failure."""

import re
from typing import Annotated

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from hq.rest import pipelines, queries
from hq.rest.bodies import PipelineBody, takes
from hq.rest.house import House, answer, principal_of, read_body
from hq.rest.links import SUBMITTED_PIPELINE
from hq.rest.parameters import After, AtLeast, IdempotencyKey, Limit, found
from hq.rest.problems import not_found
from schemas.names import PIPELINE_PATTERN
from schemas.requests import CancelPipeline, DeletePipeline, RetryPipeline, SubmitPipeline

_PIPELINE = re.compile(PIPELINE_PATTERN)
OnePathPipeline = Annotated[str, Path(json_schema_extra={"pattern": PIPELINE_PATTERN.replace(r"(?!\n)", "")})]


def build_router(house: House) -> APIRouter:
    """Return the routes below the API's root."""
    router = APIRouter(tags=["pipelines"])

    @router.post(
        "/pipelines",
        status_code=201,
        openapi_extra=takes(PipelineBody),
        responses={201: SUBMITTED_PIPELINE},
    )
    async def submit_pipeline(request: Request, idempotency_key: IdempotencyKey = None) -> Response:
        """Submit all steps or, when one is refused, none. The answer has the id of each step by its name."""
        body: PipelineBody = await read_body(request, PipelineBody)
        name = principal_of(request).name
        wanted = SubmitPipeline(key=idempotency_key, on_behalf_of=name, pipeline=body)
        return answer(await house.asking.change(wanted), 201)

    @router.get("/pipelines")
    async def list_pipelines(limit: Limit = 100, after: After = None, at_least: AtLeast = None) -> Response:
        """List pipelines, newest first, each with how it stands: running, succeeded or failed."""
        await queries.catch_up(house.database, at_least)
        return answer(await pipelines.list_pipelines(house.database, limit=limit, after=after))

    @router.get("/pipelines/{pipeline}")
    async def get_pipeline(pipeline: OnePathPipeline, at_least: AtLeast = None) -> Response:
        """Return one pipeline with its steps, how each stands, and why."""
        _check(pipeline)
        await queries.catch_up(house.database, at_least)
        one = await pipelines.read_pipeline(house.database, pipeline)
        return answer(found("pipeline", pipeline, one))

    @router.post("/pipelines/{pipeline}/retry", status_code=201, responses={201: SUBMITTED_PIPELINE})
    async def retry_pipeline(
        pipeline: OnePathPipeline, request: Request, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Submit again, as a new pipeline, the steps that did not succeed and those that follow them."""
        name = principal_of(request).name
        wanted = RetryPipeline(key=idempotency_key, on_behalf_of=name, pipeline=_check(pipeline))
        return answer(await house.asking.change(wanted), 201)

    @router.post("/pipelines/{pipeline}/cancel")
    async def cancel_pipeline(
        pipeline: OnePathPipeline, request: Request, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Cancel all steps that have not ended. The answer names them."""
        name = principal_of(request).name
        wanted = CancelPipeline(key=idempotency_key, on_behalf_of=name, pipeline=_check(pipeline))
        return answer(await house.asking.change(wanted))

    @router.delete("/pipelines/{pipeline}")
    async def delete_pipeline(
        pipeline: OnePathPipeline, request: Request, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Delete a pipeline that has ended, with its own steps, their results, logs and progress."""
        name = principal_of(request).name
        wanted = DeletePipeline(key=idempotency_key, on_behalf_of=name, pipeline=_check(pipeline))
        done = await house.asking.change(wanted)
        await queries.await_deletion(house.database, pipeline)
        return answer(done)

    return router


def _check(pipeline: str) -> str:
    if not _PIPELINE.match(pipeline):
        raise not_found("pipeline", pipeline)
    return pipeline
