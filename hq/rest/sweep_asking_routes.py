"""/sweeps/{sweep}/ask, tell, report: trials that a loop of its own runs."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from hq.rest.bodies import ReportBody, TellBody, takes
from hq.rest.house import House, answer, principal_of, read_body
from hq.rest.parameters import IdempotencyKey, OnePathSweep, checked_sweep
from schemas.requests import AskTrial, ReportTrial, TellTrial


def build_router(house: House) -> APIRouter:
    """Return the routes below the API's root."""
    router = APIRouter(tags=["sweeps"])

    @router.post("/sweeps/{sweep}/ask")
    async def ask_trial(
        sweep: OnePathSweep, request: Request, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Take the next trial of a sweep that no machine runs. `state` is `taken`, `wait` or `none_left`."""
        name = principal_of(request).name
        wanted = AskTrial(key=idempotency_key, on_behalf_of=name, sweep=checked_sweep(sweep))
        return answer(await house.asking.change(wanted))

    @router.post("/sweeps/{sweep}/tell", openapi_extra=takes(TellBody))
    async def tell_trial(
        sweep: OnePathSweep, request: Request, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Tell what came of a trial that was asked for: its values, or that it failed or was ended early."""
        checked_sweep(sweep)
        body: TellBody = await read_body(request, TellBody)
        wanted = TellTrial(
            key=idempotency_key,
            on_behalf_of=principal_of(request).name,
            sweep=sweep,
            trial=body.trial,
            token=body.token,
            state=body.state,
            values=body.values,
            result=body.result,
            why=body.why,
            points=body.points,
        )
        return answer(await house.asking.change(wanted))

    @router.post("/sweeps/{sweep}/report", openapi_extra=takes(ReportBody))
    async def report_trial(sweep: OnePathSweep, request: Request) -> Response:
        """Say that a trial goes on, with what it has reached; the answer says whether it is to end."""
        checked_sweep(sweep)
        body: ReportBody = await read_body(request, ReportBody)
        name = principal_of(request).name
        said = ReportTrial(
            on_behalf_of=name, sweep=sweep, trial=body.trial, token=body.token, point=body.point
        )
        return answer(await house.asking.change(said))

    return router
