"""/jobs: submit, list, look at, and change."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from hq.rest import queries
from hq.rest.asking import NoAnswer
from hq.rest.bodies import JobsBody, takes
from hq.rest.house import House, answer, principal_of, read_body
from hq.rest.links import SUBMITTED_JOBS
from hq.rest.parameters import (
    After,
    AtLeast,
    IdempotencyKey,
    Limit,
    OneJobStatus,
    OneName,
    OnePathJob,
    OneProject,
    OneSweep,
    OneTag,
    Words,
    checked_job,
    found,
)
from hq.rest.problems import Problem
from schemas.requests import Cancel, Delete, Explain, Hold, Release, Retry, Submit
from schemas.states import FINAL_STATUSES, JobStatus

_VERBS: dict[str, type[Cancel | Hold | Release | Retry]] = {
    "cancel": Cancel,
    "hold": Hold,
    "release": Release,
    "retry": Retry,
}

_WORDS_OF = {
    "cancel": "End a job that has not ended; whoever runs it is told to stop.",
    "hold": "Keep a queued job from starting until it is released.",
    "release": "Let a held job start.",
    "retry": "Make a new job with the same spec, and `retry_of`.",
}


def build_router(house: House) -> APIRouter:
    """Return the routes below the API's root."""
    router = APIRouter(tags=["jobs"])

    @router.post("/jobs", status_code=201, openapi_extra=takes(JobsBody), responses={201: SUBMITTED_JOBS})
    async def submit_jobs(request: Request, idempotency_key: IdempotencyKey = None) -> Response:
        """Submit jobs. The answer has their ids and the log position that they stand at."""
        body: JobsBody = await read_body(request, JobsBody)
        wanted = Submit(key=idempotency_key, on_behalf_of=principal_of(request).name, jobs=body.jobs)
        return answer(await house.asking.change(wanted), 201)

    @router.get("/jobs")
    async def list_jobs(
        limit: Limit = 100,
        after: After = None,
        status: OneJobStatus = None,
        sweep: OneSweep = None,
        submitter: OneName = None,
        agent: OneName = None,
        project: OneProject = None,
        tag: OneTag = None,
        words: Words = "",
        at_least: AtLeast = None,
    ) -> Response:
        """List jobs, newest first."""
        await queries.catch_up(house.database, at_least)
        page = await queries.read_jobs(
            house.database,
            limit=limit,
            after=after,
            status=status,
            sweep=sweep,
            submitter=submitter,
            agent=agent,
            project=project,
            tag=tag,
            words=words,
        )
        return answer(page)

    @router.get("/jobs/{job}")
    async def get_job(job: OnePathJob, at_least: AtLeast = None) -> Response:
        """Return one job with its attempts and all their results."""
        checked_job(job)
        await queries.catch_up(house.database, at_least)
        return answer(found("job", job, await queries.read_job(house.database, job)))

    @router.delete("/jobs/{job}")
    async def delete_job(
        job: OnePathJob, request: Request, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Delete a job that has ended, with its results, logs and progress."""
        name = principal_of(request).name
        wanted = Delete(key=idempotency_key, on_behalf_of=name, jobs=(checked_job(job),))
        done = await house.asking.change(wanted)
        await queries.await_deletion(house.database, job)
        return answer(done)

    @router.get("/jobs/{job}/logs")
    async def get_logs(job: OnePathJob, limit: Limit = 500, after: After = None) -> Response:
        """Return log lines, oldest first. Ask again with `next` to follow."""
        return answer(await queries.read_logs(house.database, checked_job(job), limit=limit, after=after))

    @router.get("/jobs/{job}/progress")
    async def get_progress(
        job: OnePathJob,
        limit: Limit = 1000,
        after: Annotated[int | None, Query(ge=0, le=2**53 - 1, description="Number of a point.")] = None,
        resources: Annotated[
            bool, Query(description="Only what the attempt used of its machine: `system/cpu` and the like.")
        ] = False,
    ) -> Response:
        """Return the metric points of the latest attempt that reported any."""
        points = await queries.read_progress(
            house.database, checked_job(job), limit=limit, after=after, resources=resources
        )
        return answer(points)

    @router.get("/jobs/{job}/why")
    async def get_why(job: OnePathJob, request: Request) -> Response:
        """Say in words why a job stands where it stands."""
        checked_job(job)
        try:
            reply = await house.asking.ask(Explain(job=job, on_behalf_of=principal_of(request).name), 3.0)
        except NoAnswer:
            reply = None
        known = await queries.read_job(house.database, job)
        if known is not None and JobStatus(known["status"]) in FINAL_STATUSES:
            why = f"it is {known['status']}" + (f": {known['why']}" if known["why"] else "")
        elif reply is not None and reply.ok:
            why = str(reply.result.get("why", ""))
        elif reply is not None:
            raise Problem(409, reply.error.code if reply.error else "refused", _words(reply.error))
        else:
            known = found("job", job, known)
            why = f"it is {known['status']}; HQ does not answer right now"
        return answer({"job": job, "status": known["status"] if known else None, "why": why})

    def add_change(verb: str) -> None:
        kind = _VERBS[verb]

        async def change_job(
            job: OnePathJob, request: Request, idempotency_key: IdempotencyKey = None
        ) -> Response:
            wanted = kind(
                key=idempotency_key, on_behalf_of=principal_of(request).name, jobs=(checked_job(job),)
            )
            return answer(await house.asking.change(wanted))

        router.add_api_route(
            f"/jobs/{{job}}/{verb}",
            change_job,
            methods=["POST"],
            name=f"{verb}_job",
            operation_id=f"{verb}_job",
            summary=f"{verb.capitalize()} a job",
            description=_WORDS_OF[verb],
        )

    for verb in _VERBS:
        add_change(verb)
    return router


def _words(error: object) -> str:
    return str(getattr(error, "message", "HQ refused to explain this job."))
