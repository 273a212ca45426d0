"""A request that waits for its job: until the end, the deadline, or until nobody listens any more."""

import asyncio
import contextlib
import logging

from starlette.requests import Request

from bus.codec import MessageTooBig
from hq.rest.asking import NoAnswer
from hq.rest.endings import Ending, Endings, StillRunning
from hq.rest.house import House, principal_of
from hq.rest.problems import Problem
from schemas.requests import Cancel, Explain
from schemas.states import JobStatus

log = logging.getLogger(__name__)
_TRACEBACK_CHARACTERS = 8000


class CallerGone(Exception):
    """The client closed its connection: there is nobody to answer."""


async def wait_for_end(
    request: Request, house: House, expected: Endings, job: str, seconds: float, *, is_kept: bool
) -> Ending:
    """Return how the job ended.

    Args:
        request: Its body has been read.
        is_kept: Whether the job goes on when the client goes: it may come back and ask again.

    Raises:
        Problem: 504 at the deadline; the job goes on.
        CallerGone: If the client went; the job was cancelled, unless it is kept.
    """
    waiting = asyncio.ensure_future(expected.wait(job, seconds, house.database))
    leaving = asyncio.ensure_future(_leave(request))
    try:
        await asyncio.wait({waiting, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if waiting.done():
            return waiting.result()
        log.info("the client that waited for job %s is gone", job)
        if not is_kept:
            with contextlib.suppress(NoAnswer, MessageTooBig):
                await house.asking.ask(Cancel(jobs=(job,), on_behalf_of=principal_of(request).name))
        raise CallerGone
    except StillRunning:
        why = await _explain(request, house, job)
        raise Problem(
            504,
            "deadline",
            f"Job {job} has not ended within {seconds:g} s{why}. It goes on: GET /api/v1/jobs/{job} says how "
            f"it stands, POST /api/v1/jobs/{job}/cancel ends it.",
            job=job,
        ) from None
    finally:
        for task in (waiting, leaving):
            task.cancel()


async def _leave(request: Request) -> None:
    """Return when the client has closed its connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _explain(request: Request, house: House, job: str) -> str:
    try:
        reply = await house.asking.ask(Explain(job=job, on_behalf_of=principal_of(request).name), 2.0)
    except NoAnswer:
        return " (HQ does not answer right now)"
    return f" ({reply.result.get('why', '')})" if reply.ok else ""


def check_succeeded(ending: Ending) -> None:
    """Return if the job succeeded.

    Raises:
        Problem: 500 with the end of the traceback if the script failed, 409 if the job was cancelled.
    """
    if ending.status is JobStatus.SUCCEEDED:
        return
    if ending.status is JobStatus.CANCELLED:
        raise Problem(
            409, "cancelled", f"Job {ending.job} was cancelled: {ending.why or 'no reason was given'}.",
            job=ending.job,
        )  # fmt: skip
    failure = ending.result.failure if ending.result is not None else None
    traceback = failure.traceback[-_TRACEBACK_CHARACTERS:] if failure is not None else ""
    code = "script_failed" if ending.status is JobStatus.FAILED else "job_died"
    raise Problem(
        500,
        code,
        f"Job {ending.job} {ending.status}: {failure.message if failure is not None else ending.why}",
        job=ending.job,
        traceback=traceback or None,
    )
