"""/agents/NAME/pause, drain and resume: asking a machine for less, or for no less any more."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from hq.rest.house import House, answer, principal_of
from hq.rest.parameters import OnePathAgent, checked_agent
from schemas.durations import LONGEST_SECONDS
from schemas.names import GuestCommand
from schemas.requests import AskAgent

#: With what each does, for OpenAPI.
_VERBS: dict[GuestCommand, str] = {
    "pause": "Let its jobs stand still at once; they leave if that lasts.",
    "drain": "Let it finish what it has and take nothing new.",
    "resume": "Take a pause or drain back that was asked for like this. What its owner asked for stays.",
}
_For = Annotated[
    float | None,
    Query(gt=0, le=LONGEST_SECONDS, description="How long; left out: until it is asked to resume."),
]


def build_router(house: House) -> APIRouter:
    """Return the routes below the API's root."""
    router = APIRouter(tags=["house"])

    def add(verb: GuestCommand) -> None:
        async def ask_agent(agent: OnePathAgent, request: Request, seconds: _For = None) -> Response:
            wanted = AskAgent(
                on_behalf_of=principal_of(request).name,
                agent=checked_agent(agent),
                command=verb,
                seconds=seconds,
            )
            return answer(await house.asking.change(wanted))

        router.add_api_route(
            f"/agents/{{agent}}/{verb}",
            ask_agent,
            methods=["POST"],
            name=f"{verb}_agent",
            operation_id=f"{verb}_agent",
            summary=f"{verb.capitalize()} a machine",
            description=_VERBS[verb],
        )

    for verb in _VERBS:
        add(verb)
    return router
