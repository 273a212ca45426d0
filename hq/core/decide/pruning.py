"""What follows from the wish that a trial ends early, and from whatever its attempt brings then.

    Prune --> PruneDecided --> the agent winds it down --> its result --> JobPruned
                                '--> returned, interrupted, lost --------> JobPruned

Once decided it stays so: no result makes it succeed, and it is never started again.
"""

from hq.core.decide.decided import Decided
from hq.core.decide.proposals import SEARCH
from hq.core.decide.refused import Refused
from hq.core.state import Job, State
from schemas.events import JobCancelled, JobEvent, JobPruned, PruneDecided
from schemas.facts import AttemptResult
from schemas.requests import Prune
from schemas.states import JobStatus


def decide_prune(state: State, client: str, request: Prune) -> Decided:
    """Return the events and the answer of a request to prune.

    Raises:
        Refused: If it does not come from the search process, or for an attempt that is over.
    """
    if client != SEARCH:
        raise Refused("not_allowed", "only the search process prunes trials: cancel a trial to end it")
    job = state.jobs.get(request.job)
    if job is None or job.spec.sweep is None:
        raise Refused("stale", f"{request.job} is no trial that has not ended")
    answer = {"job": job.id}
    if job.pruning is not None and job.pruning.token == request.token:
        return [], answer  # asked again, in other words
    if job.status is not JobStatus.RUNNING or job.token != request.token:
        raise Refused(
            "stale", f"{job.id} is {job.status} and its newest attempt is {job.token}, not {request.token}"
        )
    return [PruneDecided(job.id, request.token, request.why, request.step)], answer


def decide_pruned(job: Job, result: AttemptResult | None = None) -> JobPruned | None:
    """Return the end of a trial that is being pruned, with an attempt's result; None when it is not."""
    if job.pruning is None:
        return None
    token = result.token if result is not None else None
    return JobPruned(job.id, job.pruning.why, job.pruning.step, token, result)


def decide_winding_down(job: Job, why: str, by: str, *, wind_down: bool) -> JobEvent | None:
    """Return how a live trial of a sweep that stops ends: one that waits at once, one that runs if wanted."""
    if job.status is not JobStatus.RUNNING:
        return JobCancelled(job.id, by, why)
    if wind_down and job.pruning is None:
        return PruneDecided(job.id, job.token, why)
    return None
