"""What is seen of a kept file, and a job's whole log, for the browser of somebody who is logged in.

/jobs/{job}/artifacts/{token}/{number}/preview   the beginning, as JSON: a table, text or blocks
/jobs/{job}/log.txt                              every line that is stored, as a download
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI
from starlette.responses import Response, StreamingResponse

from dash_app.artifacts_route import SAFETY, find_artifact
from dash_app.presenters.previews import BYTES_READ, PARQUET, Preview, of_table, preview, trouble
from hq.rest import queries
from hq.rest.house import House, answer
from hq.rest.parameters import checked_job
from hq.rest.policy import ARTIFACT_PREVIEW, JOB_LOG
from hq.rest.problems import not_found

#: A Parquet file says at its end what is in it: all of it is needed.
_MOST_PARQUET = 32 * 1024 * 1024
_CHILD_SECONDS = 20.0
_PIECES = 500


def add_routes(app: FastAPI, house: House) -> None:
    """Add the routes; the gate lets nobody here who is not logged in."""
    one_at_a_time = asyncio.Semaphore(1)

    @app.get(ARTIFACT_PREVIEW, include_in_schema=False)
    async def look(job: str, token: int, number: int) -> Response:
        artifact, blob = await find_artifact(house, job, token, number)
        name, size = str(artifact["name"]), int(blob["length"])
        if name.lower().endswith(PARQUET):
            if size > _MOST_PARQUET:
                return answer(trouble("This table is too large to be looked into here; download it."))
            content = b"".join([piece async for piece in house.blobs.read(blob, artifact["sha256"])])
            async with one_at_a_time:
                return answer(await _read_parquet(content))
        length = min(size, BYTES_READ)
        content = (
            b"".join([piece async for piece in house.blobs.read_from(blob, 0, length)]) if length else b""
        )
        return answer(await asyncio.to_thread(preview, name, content[:length], size))

    @app.get(JOB_LOG, include_in_schema=False)
    async def whole_log(job: str) -> Response:
        if await queries.read_job(house.database, checked_job(job)) is None:
            raise not_found("job", job)
        headers = {
            **SAFETY,
            "cache-control": "no-store",
            "content-disposition": f'attachment; filename="{job}.log"',
        }
        return StreamingResponse(_lines(house, job), headers=headers, media_type="text/plain; charset=utf-8")


async def _lines(house: House, job: str) -> AsyncIterator[str]:
    after, token = None, None
    while True:
        page = await queries.read_logs(house.database, job, limit=_PIECES, after=after)
        for piece in page["logs"]:
            if token is not None and piece["token"] != token:
                yield "\n"
            token = piece["token"]
            yield "".join(f"{line}\n" for line in piece["lines"])
        if len(page["logs"]) < _PIECES:
            return
        after = page["next"]


async def _read_parquet(content: bytes) -> Preview:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "dash_app.parquet_child"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        answered, said = await asyncio.wait_for(child.communicate(content), _CHILD_SECONDS)
    except TimeoutError:
        return trouble("It took too long to look into this table; download it.")
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode == 0:
        found: dict[str, Any] = json.loads(answered)
        return of_table(
            found["rows"], is_whole=found["count"] < len(found["rows"]), count=int(found["count"])
        )
    last = said.decode(errors="replace").strip().rpartition("\n")[2]
    if "ModuleNotFoundError" in last:
        return trouble("To look into Parquet files, `pip install 'idlehands[parquet]'` on the HQ host.")
    return trouble("This is no Parquet file that can be read; download it.")
