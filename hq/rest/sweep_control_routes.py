"""/sweeps/{sweep}/...: what can be done with a sweep that has not ended."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from hq.rest.bodies import FinishBody, SweepChangeBody, TrialsBody, takes
from hq.rest.house import House, answer, principal_of, read_body
from hq.rest.parameters import IdempotencyKey, OnePathSweep, checked_sweep
from schemas.requests import AddTrials, ChangeSweep, FinishSweep, PauseSweep, ResumeSweep


def build_router(house: House) -> APIRouter:
    """Return the routes below the API's root."""
    router = APIRouter(tags=["sweeps"])

    @router.post("/sweeps/{sweep}/pause")
    async def pause_sweep(
        sweep: OnePathSweep, request: Request, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Begin no more trials of a sweep until it is resumed; those that run go on."""
        name = principal_of(request).name
        wanted = PauseSweep(key=idempotency_key, on_behalf_of=name, sweep=checked_sweep(sweep))
        return answer(await house.asking.change(wanted))

    @router.post("/sweeps/{sweep}/resume")
    async def resume_sweep(
        sweep: OnePathSweep, request: Request, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Let a paused sweep go on."""
        name = principal_of(request).name
        wanted = ResumeSweep(key=idempotency_key, on_behalf_of=name, sweep=checked_sweep(sweep))
        return answer(await house.asking.change(wanted))

    @router.post("/sweeps/{sweep}/change", openapi_extra=takes(SweepChangeBody))
    async def change_sweep(
        sweep: OnePathSweep, request: Request, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Change trials, parallel, space or rules of a sweep for what is proposed later."""
        checked_sweep(sweep)
        body: SweepChangeBody = await read_body(request, SweepChangeBody)
        wanted = ChangeSweep(
            key=idempotency_key,
            on_behalf_of=principal_of(request).name,
            sweep=sweep,
            trials=body.trials,
            parallel=body.parallel,
            space=body.space,
            stop=body.stop,
            force=body.force,
        )
        return answer(await house.asking.change(wanted))

    @router.post("/sweeps/{sweep}/finish", openapi_extra=takes(FinishBody))
    async def finish_sweep(
        sweep: OnePathSweep, request: Request, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Choose no more trials and cancel those that wait; those that run finish or are ended early."""
        checked_sweep(sweep)
        body: FinishBody = await read_body(request, FinishBody)
        name = principal_of(request).name
        wanted = FinishSweep(key=idempotency_key, on_behalf_of=name, sweep=sweep, live=body.live)
        return answer(await house.asking.change(wanted))

    @router.post("/sweeps/{sweep}/trials", openapi_extra=takes(TrialsBody))
    async def add_trials(
        sweep: OnePathSweep, request: Request, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Add trials with these parameters to a sweep, beside those that its sampler chooses."""
        checked_sweep(sweep)
        body: TrialsBody = await read_body(request, TrialsBody)
        name = principal_of(request).name
        wanted = AddTrials(key=idempotency_key, on_behalf_of=name, sweep=sweep, trials=body.trials)
        return answer(await house.asking.change(wanted))

    return router
