"""/services: deploy, look at, roll back and stop; and the call itself.

    POST /services/NAME   {"x": 1}  ->  {"call", "result", "agent", "seconds"}

A call goes to HQ over the bus and from there to a warm worker; the answer comes
the same way. With a callback URL the call is answered at once and its result is
posted there.
"""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from bus.codec import MessageTooBig
from hq.rest.asking import NoAnswer
from hq.rest.bodies import CallBody, RollbackBody, ServiceBody, takes
from hq.rest.callbacks import Callbacks, identity_of
from hq.rest.house import House, answer, principal_of, read_body
from hq.rest.parameters import IdempotencyKey, OnePathService, checked_service
from hq.rest.problems import Problem, refused_by_hq
from schemas.messages import Reply
from schemas.requests import CallService, DeployService, ReadServices, RollBackService, StopService

#: For the way to HQ and back, beyond a call's own deadline.
_WAY_SECONDS = 5.0
_LONGEST_SECONDS = 3600.0
_STATUS = {
    "service_busy": 429,
    "service_stopped": 409,
    "unknown_service": 404,
    "worker_lost": 502,
    "deadline": 504,
    "call_failed": 500,
    "bad_params": 422,
    "too_big": 413,
}
Deadline = Annotated[
    float | None,
    Query(gt=0, le=_LONGEST_SECONDS, description="Of this call; else what the service was deployed with."),
]
Callback = Annotated[
    str | None,
    Query(
        max_length=2000,
        description="An http or https URL: the call is answered 202, and its result is posted there as JSON.",
    ),
]


def build_router(house: House) -> APIRouter:
    """Return the routes below the API's root."""
    router = APIRouter(tags=["services"])
    callbacks = Callbacks(house)
    house.while_running.append(callbacks)

    @router.get("/services")
    async def list_services() -> Response:
        """List the services with their versions, workers and calls, as HQ knows them now."""
        return answer(await read_services(house))

    @router.post("/services", status_code=201, openapi_extra=takes(ServiceBody))
    async def deploy_service(request: Request, idempotency_key: IdempotencyKey = None) -> Response:
        """Deploy a service, or a new version of one. It takes the calls when its first worker is ready."""
        body: ServiceBody = await read_body(request, ServiceBody)
        wanted = DeployService(key=idempotency_key, on_behalf_of=principal_of(request).name, service=body)
        return answer(await house.asking.change(wanted), 201)

    @router.get("/services/{service}")
    async def get_service(service: OnePathService) -> Response:
        """Return one service with the spec of its current version."""
        return answer(await find_service(house, service))

    @router.get("/services/{service}/health")
    async def get_service_health(service: OnePathService) -> Response:
        """Say whether a worker is ready: 200, or 503 with why there is none."""
        found = await find_service(house, service)
        if not found["is_healthy"]:
            why = "it is stopped" if not found["is_running"] else found["why"] or "no worker is ready yet"
            raise Problem(503, "not_ready", f"Service {service}: {why}.", {"retry-after": "2"})
        ready = sum(worker["is_ready"] for worker in found["workers"])
        return answer({"service": service, "version": found["version"], "ready": ready})

    @router.post("/services/{service}", openapi_extra=takes(CallBody))
    async def call_service(
        service: OnePathService,
        request: Request,
        deadline_seconds: Deadline = None,
        callback: Callback = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        """Call a service and wait for its answer; with a callback URL, do not wait.

        A repeat with the same key is the same call while it runs, and for seven days once a service with a
        log has answered it. What failed is called again.
        """
        params: dict[str, Any] = await read_body(request, dict[str, Any])
        by = principal_of(request).name
        wanted = CallService(
            service=checked_service(service),
            on_behalf_of=by,
            params=params,
            deadline_seconds=deadline_seconds,
            key=idempotency_key,
        )
        if callback is not None:
            return answer({"callback": await callbacks.begin(wanted, callback)}, 202)
        return answer(read_reply(await call(house, wanted)))

    @router.post("/services/{service}/rollback", openapi_extra=takes(RollbackBody))
    async def roll_back_service(
        service: OnePathService, request: Request, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Let an earlier version take the calls again; without one named, the one before."""
        body: RollbackBody = await read_body(request, RollbackBody)
        wanted = RollBackService(
            key=idempotency_key,
            on_behalf_of=principal_of(request).name,
            service=checked_service(service),
            version=body.version,
        )
        return answer(await house.asking.change(wanted))

    @router.post("/services/{service}/stop")
    async def stop_service(
        service: OnePathService, request: Request, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Stop a service. Its versions are kept."""
        by = principal_of(request).name
        wanted = StopService(key=idempotency_key, on_behalf_of=by, service=checked_service(service))
        return answer(await house.asking.change(wanted))

    return router


async def call(house: House, wanted: CallService) -> Reply:
    """Return HQ's answer to a call.

    Raises:
        Problem: If there is none.
    """
    seconds = (wanted.deadline_seconds or _LONGEST_SECONDS) + _WAY_SECONDS
    asked = house.asking.ask(wanted, seconds, identity_of(wanted))
    try:
        return await asyncio.shield(asyncio.ensure_future(asked))
    except NoAnswer as error:
        raise Problem(504, "no_answer", f"There is {error}. Whether the call ran is not known.") from None
    except MessageTooBig as error:
        raise Problem(413, "too_big", f"{error}. Large parameters travel as blobs.") from None


def read_reply(reply: Reply) -> dict[str, Any]:
    """Return the result of a call.

    Raises:
        Problem: If it failed, or was refused.
    """
    if reply.ok:
        return reply.result
    if reply.error is None:
        raise Problem(500, "call_failed", "The call failed.")
    status = _STATUS.get(reply.error.code)
    if status is None:
        raise refused_by_hq(reply.error)
    headers = {"retry-after": "1"} if status == 429 else None
    traceback = str(reply.result.get("traceback", "")) or None
    raise Problem(status, reply.error.code, reply.error.message, headers, traceback=traceback)


async def read_services(house: House) -> dict[str, Any]:
    """Return all services as HQ knows them now, and whether there are more than fit.

    Raises:
        Problem: 503 if HQ does not answer.
    """
    return await _ask(house, ReadServices(), 5.0)


async def find_service(house: House, service: str) -> dict[str, Any]:
    """Return what HQ says of one service.

    Raises:
        Problem: 404 if there is none, 503 if HQ does not answer.
    """
    found = (await _ask(house, ReadServices(service=checked_service(service)), 5.0))["services"]
    if not found:
        raise Problem(404, "unknown_service", f"There is no service {service}. /services lists all.")
    one: dict[str, Any] = found[0]
    return one


async def _ask(house: House, wanted: ReadServices, seconds: float) -> dict[str, Any]:
    try:
        return read_reply(await house.asking.ask(wanted, seconds))
    except NoAnswer as error:
        raise Problem(503, "no_answer", f"There is {error}.", {"retry-after": "2"}) from None
