"""POST /scripts/run: one script of the HQ host, run on a free machine, answered with the lines it printed.

    {"scriptsPath": ..., "scriptName": ..., "jobParameters": {...}} -> ["line", "line", ...]

The script must lie in a directory that `idlehands scripts allow` has named. It
travels as a bundle like any other; the call is a job like any other.
"""

import asyncio
import json
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from dash_app.awaiting import CallerGone, check_succeeded, wait_for_end
from dash_app.shipping import Shipped, Shipping
from hq.rest.blobs import BlobDamaged
from hq.rest.bodies import ScriptRunBody, takes
from hq.rest.endings import Ending
from hq.rest.house import House, answer, principal_of, read_body
from hq.rest.parameters import IdempotencyKey
from hq.rest.policy import API, RUN_SCRIPT
from hq.rest.problems import Problem
from idlehands.bundle import BundleError
from idlehands.house import allowed_scripts
from schemas.requests import Submit
from schemas.specs import JobSpec, Needs

DEFAULT_SECONDS = 600.0
LONGEST_SECONDS = 86_400.0
#: Somebody waits for it: before what was submitted to be done some time.
PRIORITY = 50
_LINES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The lines that the script printed on stdout.",
        "content": {"application/json": {"schema": {"type": "array", "items": {"type": "string"}}}},
        "headers": {
            "idlehands-job": {"description": "The job's id.", "schema": {"type": "string"}},
            "idlehands-stdout-lost": {
                "description": "How many bytes at the end of stdout are not in the answer: more was printed "
                "than is kept. Absent when all of it is there.",
                "schema": {"type": "integer"},
            },
        },
    }
}
Deadline = Annotated[
    float | None,
    Query(ge=0.1, le=LONGEST_SECONDS, description="How long to wait; then 504, and the job goes on."),
]


class ScriptRuns:
    """Runs scripts by path.

    Args:
        file: Where the allowed directories are written down; None allows none.
        seconds: How long a call waits that does not say so itself.
    """

    def __init__(self, house: House, file: Path | None, seconds: float = DEFAULT_SECONDS) -> None:
        self._house, self._file, self._seconds = house, file, seconds
        self._shipping = Shipping()

    async def run(self, request: Request, key: str | None, seconds: float | None) -> Response:
        """Run the script that the request's body names, and return what it printed."""
        body: ScriptRunBody = await read_body(request, ScriptRunBody)
        shipped = await self._ship(body)
        spec = JobSpec(
            shipped.script,
            {name: to_word(value) for name, value in body.jobParameters.items()},
            "positional",
            name=shipped.script.name,
            needs=Needs(environment=shipped.environment),
            priority=PRIORITY,
            keep_stdout=True,
        )
        house = self._house
        wanted = Submit(key=key, on_behalf_of=principal_of(request).name, jobs=(spec,))
        with house.endings.expect() as expected:
            made = await house.asking.change(wanted)
            (job,) = made["jobs"]
            try:
                ending = await wait_for_end(
                    request, house, expected, job, seconds or self._seconds, is_kept=key is not None
                )
            except CallerGone:
                return Response(status_code=408)
        check_succeeded(ending)
        return await self._answer(ending)

    async def _ship(self, body: ScriptRunBody) -> Shipped:
        try:
            allowed = [] if self._file is None else allowed_scripts.read_allowed(self._file)
            script = await asyncio.to_thread(
                allowed_scripts.find_script, allowed, body.scriptsPath, body.scriptName
            )
            shipped = await self._shipping.ship(script, self._house.blobs)
            # Modules beside it may be links.
            allowed_scripts.check_below(allowed, list(shipped.files))
        except allowed_scripts.NotAllowed:
            raise Problem(
                403,
                "not_allowed",
                "This path is not below a directory that was registered for this. `idlehands scripts allow "
                "DIR` on the HQ host registers one, `idlehands scripts list` shows them; scriptsPath is "
                "absolute, scriptName has no `..`, and links are followed before this is decided.",
            ) from None
        except allowed_scripts.NoSuchScript as error:
            raise Problem(404, "not_found", f"In an allowed directory, {error}.") from None
        except allowed_scripts.AllowedUnreadable as error:
            raise Problem(503, "allowed_scripts", f"No script can be run by path: {error}.") from None
        except BundleError as error:
            raise Problem(422, "bad_script", f"The script cannot be sent to a machine: {error}.") from None
        return shipped

    async def _answer(self, ending: Ending) -> Response:
        result = ending.result
        if result is None:
            raise Problem(500, "no_result", f"Job {ending.job} has no result.", job=ending.job)
        text = result.stdout or ""
        if result.stdout_blob is not None:
            text = await self._read(result.stdout_blob, ending.job)
        lines = split_lines(text)
        headers = {"idlehands-job": ending.job}
        if result.stdout_lost:
            headers["idlehands-stdout-lost"] = str(result.stdout_lost)
            lines.append(
                f"[idlehands: cut off here: {result.stdout_lost} bytes more were printed; the first "
                f"{len(text.encode())} are kept]"
            )
        return answer(lines, headers=headers)

    async def _read(self, sha256: str, job: str) -> str:
        found = await self._house.blobs.find(sha256)
        if found is None:
            raise Problem(
                500, "output_gone", f"What job {job} printed was stored, and is not there any more.", job=job
            )
        try:
            pieces = [piece async for piece in self._house.blobs.read_from(found, 0, found["length"])]
        except BlobDamaged as error:
            raise Problem(500, "output_gone", f"What job {job} printed: {error}.", job=job) from None
        return b"".join(pieces).decode("utf-8", "replace")


def to_word(value: Any) -> str:
    """Return a JSON value as one word of a command line; see docs/services.md for each type.

    Raises:
        Problem: 422 if no command line can carry it.
    """
    if isinstance(value, str):
        if "\x00" in value:
            raise Problem(
                422,
                "bad_data",
                "jobParameters: a value has a NUL character, which no command line can carry.",
            )
        return value
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and value < 0 and "e" in repr(value):
        # argparse knows -0.00001 for a number, but takes -1e-05 for a flag.
        return format(Decimal(repr(value)), "f")
    # True, False and None as Python spells them: the scripts are Python.
    return str(value)


def split_lines(text: str) -> list[str]:
    """Return the lines of an output, without what ended them."""
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def build_router(runs: ScriptRuns) -> APIRouter:
    """Return the route in both its places."""
    router = APIRouter(tags=["scripts"])

    def add(path: str, name: str) -> None:
        async def run_script(
            request: Request, idempotency_key: IdempotencyKey = None, deadline_seconds: Deadline = None
        ) -> Response:
            """Run a script of the HQ host on a free machine, and answer with the lines that it printed.

            The values of `jobParameters` are its words, in the order given. When the client closes its
            connection the job is cancelled, unless the call has an Idempotency-Key: a repeat then waits on.
            """
            return await runs.run(request, idempotency_key, deadline_seconds)

        router.add_api_route(
            path,
            run_script,
            methods=["POST"],
            name=name,
            summary="Run a script and wait",
            openapi_extra=takes(ScriptRunBody),
            responses=_LINES,
        )

    add(f"{API}{RUN_SCRIPT}", "run_script")
    add(RUN_SCRIPT, "run_script_short")
    return router
