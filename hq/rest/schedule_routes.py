"""/schedules: jobs and sweeps that are submitted again and again."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from hq.rest.asking import NoAnswer
from hq.rest.bodies import ScheduleBody, takes
from hq.rest.house import House, answer, principal_of, read_body
from hq.rest.parameters import IdempotencyKey, OnePathSchedule, checked_schedule
from hq.rest.problems import Problem, refused_by_hq
from schemas.requests import (
    AddSchedule,
    PauseSchedule,
    ReadSchedules,
    RemoveSchedule,
    ResumeSchedule,
    RunSchedule,
)

_Verb = type[PauseSchedule | ResumeSchedule | RunSchedule]
#: With what each does, for OpenAPI.
_VERBS: dict[str, tuple[_Verb, str]] = {
    "pause": (PauseSchedule, "Submit nothing until it is resumed."),
    "resume": (ResumeSchedule, "Go on; what was due meanwhile is not made up for."),
    "run": (RunSchedule, "Submit now what it submits, whatever runs; its times stay as they are."),
}


def build_router(house: House) -> APIRouter:
    """Return the routes below the API's root."""
    router = APIRouter(tags=["schedules"])

    @router.get("/schedules")
    async def list_schedules() -> Response:
        """List the schedules with when each is due next, as HQ knows them now."""
        return answer(await read_schedules(house))

    @router.post("/schedules", status_code=201, openapi_extra=takes(ScheduleBody))
    async def add_schedule(request: Request, idempotency_key: IdempotencyKey = None) -> Response:
        """Add a schedule, in place of the one of its name. What it submits is submitted for who adds it."""
        body: ScheduleBody = await read_body(request, ScheduleBody)
        wanted = AddSchedule(key=idempotency_key, on_behalf_of=principal_of(request).name, schedule=body)
        return answer(await house.asking.change(wanted), 201)

    @router.get("/schedules/{schedule}")
    async def get_schedule(schedule: OnePathSchedule) -> Response:
        """Return one schedule."""
        found = (await read_schedules(house, checked_schedule(schedule)))["schedules"]
        if not found:
            raise Problem(404, "unknown_schedule", f"There is no schedule {schedule}. /schedules lists all.")
        return answer(found[0])

    @router.delete("/schedules/{schedule}")
    async def remove_schedule(
        schedule: OnePathSchedule, request: Request, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Remove a schedule. What it submitted goes on."""
        by = principal_of(request).name
        wanted = RemoveSchedule(key=idempotency_key, on_behalf_of=by, schedule=checked_schedule(schedule))
        return answer(await house.asking.change(wanted))

    def add(verb: str) -> None:
        kind, words = _VERBS[verb]

        async def change_schedule(
            schedule: OnePathSchedule, request: Request, idempotency_key: IdempotencyKey = None
        ) -> Response:
            by = principal_of(request).name
            wanted = kind(key=idempotency_key, on_behalf_of=by, schedule=checked_schedule(schedule))
            return answer(await house.asking.change(wanted))

        router.add_api_route(
            f"/schedules/{{schedule}}/{verb}",
            change_schedule,
            methods=["POST"],
            name=f"{verb}_schedule",
            operation_id=f"{verb}_schedule",
            summary=f"{verb.capitalize()} a schedule",
            description=words,
        )

    for verb in _VERBS:
        add(verb)
    return router


async def read_schedules(house: House, schedule: str | None = None) -> dict[str, Any]:
    """Return what HQ says of all schedules, or of one.

    Raises:
        Problem: 503 if it does not answer.
    """
    try:
        reply = await house.asking.ask(ReadSchedules(schedule=schedule), 5.0)
    except NoAnswer as error:
        raise Problem(503, "no_answer", f"There is {error}.", {"retry-after": "2"}) from None
    if reply.error is not None:
        raise refused_by_hq(reply.error)
    return reply.result
