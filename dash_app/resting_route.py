"""Pause, drain and resume a machine from its card: the page's own way to what REST has for programs.

The gate lets operators here only, from the page itself only. What a machine makes
of what it is asked for, its next heartbeat says, and its card shows that.
"""

from typing import Annotated

import msgspec
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from hq.rest.house import House, answer, principal_of, read_body
from hq.rest.parameters import checked_agent
from hq.rest.policy import MACHINE
from schemas.durations import LONGEST_SECONDS
from schemas.names import GuestCommand
from schemas.requests import AskAgent

_COMMANDS: tuple[GuestCommand, ...] = ("pause", "drain", "resume")


class HowLong(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body; without seconds it lasts until somebody resumes."""

    seconds: Annotated[float, msgspec.Meta(gt=0, le=LONGEST_SECONDS)] | None = None


def add_routes(app: FastAPI, house: House) -> None:
    """Add a route for each command."""

    def add(command: GuestCommand) -> None:
        async def ask_agent(agent: str, request: Request) -> Response:
            body: HowLong = await read_body(request, HowLong)
            wanted = AskAgent(
                on_behalf_of=principal_of(request).name,
                agent=checked_agent(agent),
                command=command,
                seconds=None if command == "resume" else body.seconds,
            )
            return answer(await house.asking.change(wanted))

        app.add_api_route(f"{MACHINE}/{command}", ask_agent, methods=["POST"], include_in_schema=False)

    for command in _COMMANDS:
        add(command)
