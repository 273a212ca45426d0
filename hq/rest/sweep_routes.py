"""/sweeps and /results: searches, their trials, and what came out."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from hq.rest import queries, results
from hq.rest.bodies import SweepBody, takes
from hq.rest.house import House, answer, principal_of, read_body
from hq.rest.links import SUBMITTED_SWEEP
from hq.rest.parameters import (
    After,
    AtLeast,
    IdempotencyKey,
    Limit,
    OnePathSweep,
    OneProject,
    OneSweep,
    OneSweepStatus,
    OneTag,
    Words,
    checked_sweep,
    found,
)
from hq.rest.result_forms import CONTENT, Form, choose_form, render
from schemas.requests import CancelSweep, DeleteSweep, SubmitSweep


def build_router(house: House) -> APIRouter:
    """Return the routes below the API's root."""
    router = APIRouter(tags=["sweeps"])

    @router.post("/sweeps", status_code=201, openapi_extra=takes(SweepBody), responses={201: SUBMITTED_SWEEP})
    async def submit_sweep(request: Request, idempotency_key: IdempotencyKey = None) -> Response:
        """Submit a sweep. The answer has its id and the log position that it stands at."""
        body: SweepBody = await read_body(request, SweepBody)
        wanted = SubmitSweep(key=idempotency_key, on_behalf_of=principal_of(request).name, sweep=body)
        return answer(await house.asking.change(wanted), 201)

    @router.get("/sweeps")
    async def list_sweeps(
        limit: Limit = 100,
        after: After = None,
        status: OneSweepStatus = None,
        project: OneProject = None,
        tag: OneTag = None,
        words: Words = "",
        at_least: AtLeast = None,
    ) -> Response:
        """List sweeps, newest first."""
        await queries.catch_up(house.database, at_least)
        page = await queries.read_sweeps(
            house.database, limit=limit, after=after, status=status, project=project, tag=tag, words=words
        )
        return answer(page)

    @router.get("/sweeps/{sweep}")
    async def get_sweep(sweep: OnePathSweep, at_least: AtLeast = None) -> Response:
        """Return one sweep with its space and how far it is."""
        checked_sweep(sweep)
        await queries.catch_up(house.database, at_least)
        return answer(found("sweep", sweep, await queries.read_sweep(house.database, sweep)))

    @router.delete("/sweeps/{sweep}")
    async def delete_sweep(
        sweep: OnePathSweep, request: Request, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Delete a sweep that has ended, and its jobs."""
        name = principal_of(request).name
        wanted = DeleteSweep(key=idempotency_key, on_behalf_of=name, sweep=checked_sweep(sweep))
        done = await house.asking.change(wanted)
        await queries.await_deletion(house.database, sweep)
        return answer(done)

    @router.get("/sweeps/{sweep}/trials")
    async def list_trials(
        sweep: OnePathSweep, limit: Limit = 200, after: After = None, at_least: AtLeast = None
    ) -> Response:
        """List a sweep's trials in order with parameters, status and result."""
        checked_sweep(sweep)
        await queries.catch_up(house.database, at_least)
        found("sweep", sweep, await queries.read_sweep(house.database, sweep))
        return answer(await queries.read_trials(house.database, sweep, limit=limit, after=after))

    @router.post("/sweeps/{sweep}/cancel")
    async def cancel_sweep(
        sweep: OnePathSweep, request: Request, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Cancel a sweep and all its trials that have not ended."""
        name = principal_of(request).name
        wanted = CancelSweep(key=idempotency_key, on_behalf_of=name, sweep=checked_sweep(sweep))
        return answer(await house.asking.change(wanted))

    @router.get("/results", responses=CONTENT)
    async def list_results(
        request: Request,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
        after: After = None,
        sweep: OneSweep = None,
        sort: Annotated[
            str | None,
            Query(max_length=100, description="Such as -accuracy (largest first), params.layers, at."),
        ] = None,
        every: Annotated[bool, Query(description="Also results that do not count.")] = False,
        where: Annotated[
            str,
            Query(max_length=2000, description="Such as accuracy >= 0.9, machine = attic, params.lr < 0.1."),
        ] = "",
        form: Annotated[Form | None, Query(alias="format")] = None,
        at_least: AtLeast = None,
    ) -> Response:
        """List results, best first for a sweep with a metric.

        NDJSON, CSV or Parquet by `?format=` or `Accept`; then the header `idlehands-next` is the next page.
        """
        await queries.catch_up(house.database, at_least)
        page = await results.read_results(
            house.database, limit=limit, after=after, sweep=sweep, sort=sort, every=every, where=where
        )
        return render(page, choose_form(form, request.headers.get("accept", "")), sweep)

    return router
