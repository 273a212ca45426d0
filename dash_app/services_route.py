"""Call, change and stop a service from its page: the page's own way to what REST has for programs.

The gate lets operators here only, from the page itself only.
"""

from typing import Annotated, Any

import msgspec
from fastapi import FastAPI
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response

from hq.rest.bodies import RollbackBody
from hq.rest.house import House, answer, principal_of, read_body
from hq.rest.parameters import checked_service
from hq.rest.policy import SERVICE
from hq.rest.service_routes import call, find_service, read_reply
from schemas.requests import CallService, DeployService, RollBackService, StopService
from schemas.specs import ServiceSpec


class Warm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """On so many machines a worker is to be ready."""

    min_warm: Annotated[int, msgspec.Meta(ge=1, le=100)]


def add_routes(app: FastAPI, house: House) -> None:
    """Add a route for each thing that can be done."""

    async def call_service(service: str, request: Request) -> Response:
        params: dict[str, Any] = await read_body(request, dict[str, Any])
        by = principal_of(request).name
        wanted = CallService(service=checked_service(service), on_behalf_of=by, params=params)
        return answer(read_reply(await call(house, wanted)))

    async def roll_back(service: str, request: Request) -> Response:
        body: RollbackBody = await read_body(request, RollbackBody)
        wanted = RollBackService(
            on_behalf_of=principal_of(request).name, service=checked_service(service), version=body.version
        )
        return answer(await house.asking.change(wanted))

    async def keep_warm(service: str, request: Request) -> Response:
        body: Warm = await read_body(request, Warm)
        found = await find_service(house, service)
        # How a service is run is part of its version: this is a new one of the same script.
        spec = replace(msgspec.convert(found["spec"], ServiceSpec), min_warm=body.min_warm)
        wanted = DeployService(on_behalf_of=principal_of(request).name, service=spec)
        return answer(await house.asking.change(wanted))

    async def stop(service: str, request: Request) -> Response:
        wanted = StopService(on_behalf_of=principal_of(request).name, service=checked_service(service))
        return answer(await house.asking.change(wanted))

    for verb, does in (("call", call_service), ("rollback", roll_back), ("warm", keep_warm), ("stop", stop)):
        app.add_api_route(f"{SERVICE}/{verb}", does, methods=["POST"], include_in_schema=False)
