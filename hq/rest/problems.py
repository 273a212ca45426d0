"""Errors as people and programs read them: RFC 9457 problem details.

Every error of the server leaves through here, so none is HTML and none tells
of the inside. `code` is a stable word for programs, `detail` says what
happened, why, and what to do.
"""

import http
import logging
from typing import Any

import msgspec
from fastapi.exceptions import RequestValidationError
from pymongo.errors import ExecutionTimeout, PyMongoError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from schemas.messages import RequestError

CONTENT_TYPE = "application/problem+json"
log = logging.getLogger(__name__)

#: What HQ's refusals are in HTTP. A code that is not here is a refusal of the request: 409.
STATUS_OF_CODE = {
    "malformed": 400,
    "bad_data": 422,
    "bad_spec": 422,
    "bad_space": 422,
    "unknown_secret": 422,
    "not_possible": 422,
    "not_allowed": 403,
    "not_found": 404,
    "unknown_job": 404,
    "unknown_sweep": 404,
    "unknown_pipeline": 404,
    "unknown_parent": 422,
    "unknown_limit": 422,
    "bad_reference": 422,
    "bad_pipeline": 422,
    "cycle": 422,
    "unknown_agent": 404,
    "unknown_service": 404,
    "unknown_schedule": 404,
    "unknown_version": 404,
    "unknown_trial": 404,
    "bad_values": 422,
    "unknown_model": 404,
    "unknown_artifact": 404,
    "key_reused": 409,
    "too_big": 413,
    "busy": 503,
    "overloaded": 503,
    "unavailable": 503,
    "database": 503,
}


class ProblemBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """RFC 9457, with `code` as an extension."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    #: The job that this is about.
    job: str | None = None
    #: The end of a script's traceback.
    traceback: str | None = None


class Problem(Exception):
    """An answer that is an error."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        headers: dict[str, str] | None = None,
        *,
        job: str | None = None,
        traceback: str | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.job, self.traceback = job, traceback
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers or {}

    def response(self) -> Response:
        """Return the HTTP response."""
        body = ProblemBody(
            type=f"urn:idlehands:problem:{self.code}",
            title=http.HTTPStatus(self.status).phrase,
            status=self.status,
            code=self.code,
            detail=self.detail,
            job=self.job,
            traceback=self.traceback,
        )
        return Response(
            msgspec.json.encode(body),
            self.status,
            {"cache-control": "no-store", **self.headers},
            CONTENT_TYPE,
        )


def refused_by_hq(error: RequestError) -> Problem:
    """Return HQ's refusal of a request as a problem; HQ's own words are kept."""
    status = STATUS_OF_CODE.get(error.code, 409)
    return Problem(status, error.code, error.message, {"retry-after": "2"} if status == 503 else None)


def not_found(what: str, identity: str) -> Problem:
    """Return the answer for a thing that there is not."""
    return Problem(
        404, "not_found", f"There is no {what} {identity[:100]!r}. The list of {what}s has the ids there are."
    )


def install(app: Starlette) -> None:
    """Make the application answer all errors as problems."""

    async def on_problem(_request: Request, error: Any) -> Response:
        return error.response()  # type: ignore[no-any-return]

    async def on_http(request: Request, error: Any) -> Response:
        detail = f"{request.method} {request.url.path[:200]}: {error.detail}"
        code = http.HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
        return Problem(error.status_code, code, detail, dict(error.headers or {})).response()

    async def on_invalid(_request: Request, error: Any) -> Response:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return Problem(422, "bad_parameter", f"{where}: {first['msg']}").response()

    async def on_database(_request: Request, error: Any) -> Response:
        if isinstance(error, ExecutionTimeout):
            return Problem(
                503, "too_slow", "The database took too long. Ask for less: filter by sweep."
            ).response()
        log.warning("the database cannot be read: %s", str(error)[:500])
        return Problem(
            503,
            "database",
            "The database does not answer. `idlehands status` says what runs; this request can be repeated.",
            {"retry-after": "2"},
        ).response()

    async def on_anything(_request: Request, error: Exception) -> Response:
        # The framework raises it again after this answer, so the traceback is in the server's log.
        return Problem(
            500, "internal", f"The server failed on this request ({type(error).__name__}); its log says more."
        ).response()

    async def on_gone(_request: Request, _error: Any) -> Response:
        # Nobody hears it: the client went in the middle of its own request, which is no error of the server.
        return Problem(400, "gone", "The connection ended before the whole request was here.").response()

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(ClientDisconnect, on_gone)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(PyMongoError, on_database)
    app.add_exception_handler(Exception, on_anything)
