"""The web server: REST and the page behind the gate.

Builds the application from its parts; connects to nothing before it starts.
"""

import contextlib
from collections.abc import AsyncIterator, Iterable
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.responses import Response
from starlette.types import ASGIApp

from dash_app import scripts_route, service_schema, tokens_route
from dash_app.background import in_background
from dash_app.packed import Packed
from dash_app.page import Page
from dash_app.scripts_route import ScriptRuns
from dash_app.visitor import RememberVisitor
from hq.rest import (
    analysis_routes,
    answers,
    audit_routes,
    blob_routes,
    certificate_routes,
    dataset_routes,
    guest_routes,
    hook_routes,
    house_routes,
    job_routes,
    label_routes,
    limit_routes,
    metrics_routes,
    model_routes,
    notification_routes,
    outside_routes,
    pipeline_routes,
    problems,
    schedule_routes,
    service_routes,
    sweep_asking_routes,
    sweep_control_routes,
    sweep_routes,
)
from hq.rest.counting import CountRequests
from hq.rest.gate import Gate
from hq.rest.house import House, answer
from hq.rest.policy import API
from hq.rest.tokens import TokenFile
from hq.rest.validators import Validators

_DESCRIPTION = (
    "Everything that the bus can do, and what the read models say. Every request needs a bearer token. "
    "Errors are RFC 9457 problem details with a stable `code`."
)


def build_server(
    house: House,
    tokens: TokenFile,
    hosts: Iterable[str],
    version: str,
    page: Page | None = None,
    runs: ScriptRuns | None = None,
) -> ASGIApp:
    """Return the whole server, gate first. The house starts and stops with it; without a page it is REST.

    Args:
        runs: Runs scripts by path; by default none is allowed.
    """
    house.tokens_folder = tokens.folder
    app = Packed(Validators(build_app(house, version, page, runs)))
    if page is None:
        gate = Gate(app, tokens, hosts, trail=house.trail)
    else:
        gate = Gate(RememberVisitor(app), tokens, hosts, page.sessions, page.policy, house.trail)
    return CountRequests(gate, house.requests)


def build_app(
    house: House, version: str, page: Page | None = None, runs: ScriptRuns | None = None
) -> FastAPI:
    """Return the application behind the gate."""

    @contextlib.asynccontextmanager
    async def living(_app: FastAPI) -> AsyncIterator[None]:
        async with contextlib.nullcontext() if page is None else page.living():
            house.start()
            # Notes for the audit log are handed in for as long as the server runs.
            noting = contextlib.nullcontext() if house.trail is None else in_background(house.trail.run())
            outside = (
                contextlib.nullcontext() if house.outside is None else in_background(house.outside.run())
            )
            async with noting, outside, contextlib.AsyncExitStack() as beside:
                for one in house.while_running:
                    beside.push_async_callback(one.stop)
                    await beside.enter_async_context(in_background(one.run()))
                yield
            await house.stop()

    app = FastAPI(
        title="Idlehands",
        version=version,
        description=_DESCRIPTION,
        lifespan=living,
        # Swagger's pages load their scripts from the internet; no request leaves the house.
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        redirect_slashes=False,
        # Names that people can use in a client made from the document.
        generate_unique_id_function=lambda route: route.name,
    )
    problems.install(app)

    @app.get("/healthz", tags=["house"])
    async def healthz() -> Response:
        """Say that the server lives; needs no token and tells nothing else."""
        return answer({"ok": True})

    api = APIRouter(prefix=API)
    for part in (
        job_routes,
        sweep_asking_routes,
        sweep_control_routes,
        sweep_routes,
        analysis_routes,
        house_routes,
        guest_routes,
        audit_routes,
        certificate_routes,
        dataset_routes,
        model_routes,
        pipeline_routes,
        limit_routes,
        label_routes,
        blob_routes,
        service_routes,
        service_schema,
        notification_routes,
        schedule_routes,
        hook_routes,
        outside_routes,
        tokens_route,
    ):
        api.include_router(part.build_router(house))
    app.include_router(api)
    app.include_router(scripts_route.build_router(runs or ScriptRuns(house, None)))
    app.include_router(metrics_routes.build_router(house))
    if page is not None:
        page.mount(app)
    _use_own_schemas(app)
    return app


def _use_own_schemas(app: FastAPI) -> None:
    """Put the vocabulary's own JSON Schemas and the one way to authenticate into the OpenAPI document."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            parts = document.setdefault("components", {})
            parts["schemas"] = {**parts.get("schemas", {}), **answers.components()}
            parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
            document["security"] = [{"token": []}]
            for path in ("/healthz", "/readyz"):
                document["paths"][path]["get"]["security"] = []
            problem = {
                "description": "A problem",
                "content": {problems.CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemBody"}}},
            }
            for path, operations in document["paths"].items():
                for method, operation in operations.items():
                    operation["responses"].pop("422", None)
                    answers.describe(operation)
                    if method == "get" and path.startswith(API):
                        _add_etag(operation)
                    operation["responses"]["default"] = problem
            for name in ("HTTPValidationError", "ValidationError"):
                parts["schemas"].pop(name, None)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _add_etag(operation: dict[str, Any]) -> None:
    """Say that an answer has an ETag, and that it is not sent again to whoever has it."""
    found = operation["responses"].get("200", {})
    if "application/json" not in found.get("content", {}):
        return
    etag = {"etag": {"description": "Of this answer.", "schema": {"type": "string"}}}
    found["headers"] = {**found.get("headers", {}), **etag}
    operation["responses"]["304"] = {"description": "It is as `If-None-Match` says.", "headers": etag}
    operation.setdefault("parameters", []).append(
        {
            "name": "if-none-match",
            "in": "header",
            "required": False,
            "description": "The ETag of an answer that is there already.",
            "schema": {"type": "string"},
        }
    )
