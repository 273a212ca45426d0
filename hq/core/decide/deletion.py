"""What follows from requests to delete, and from the end of the time that finished jobs are kept.

Only what has ended can be deleted. Memory holds few of these, so whether a
job or sweep exists at all is looked up before; here it is only made sure that
nothing of it lives.
"""

from collections.abc import Collection, Sequence

from hq.core.decide.decided import Decided
from hq.core.decide.refused import Refused
from hq.core.state import State
from schemas.events import AnyEvent, JobDeleted, SweepDeleted

#: What one decision deletes: with its events it stays far below the largest document.
MAX_DELETED = 20_000


def decide_deletion(state: State, jobs: Sequence[str], found: Collection[str], by: str) -> Decided:
    """Return the events and the answer of a request to delete jobs: all of them or none.

    Args:
        state: What HQ knows.
        jobs: Which ones.
        found: Those of them that were found stored.
        by: Who asks.

    Raises:
        Refused: If one is unknown or has not ended.
    """
    wanted = list(dict.fromkeys(jobs))
    for job_id in wanted:
        job = state.jobs.get(job_id)
        if job is not None:
            raise Refused(
                "not_final",
                f"job {job_id} is {job.status}: only jobs that have ended can be deleted, cancel it first",
            )
        if any(job_id in history.jobs for history in state.histories.values()):
            raise Refused(
                "not_final",
                f"job {job_id} is a trial of a sweep that runs and learns from it: cancel the sweep first",
            )
        if job_id not in state.finished and job_id not in found:
            raise Refused(
                "unknown_job", f"no job {job_id}: it never existed or was deleted; nothing was deleted"
            )
    return [JobDeleted(job_id, by) for job_id in wanted], {"jobs": wanted}


def decide_sweep_deletion(state: State, sweep: str, jobs: Sequence[str] | None, by: str) -> Decided:
    """Return the events and the answer of a request to delete a sweep with its jobs.

    Args:
        state: What HQ knows.
        sweep: Which one.
        jobs: Its jobs as they were found stored; None when there is no such sweep.
        by: Who asks.

    Raises:
        Refused: If it is unknown, has not ended, or has too many jobs for one decision.
    """
    if sweep in state.sweeps:
        raise Refused(
            "not_final",
            f"sweep {sweep} is running: only sweeps that have ended can be deleted, cancel it first",
        )
    if jobs is None:
        raise Refused("unknown_sweep", f"no sweep {sweep}: it never existed or was deleted")
    live = [job for job in jobs if job in state.jobs]
    if live:
        raise Refused("not_final", f"job {live[0]} of sweep {sweep} has not ended: cancel it first")
    if len(jobs) > MAX_DELETED:
        raise Refused(
            "too_big", f"sweep {sweep} has more than {MAX_DELETED} jobs: delete most of its jobs first"
        )
    events: list[AnyEvent] = [*(JobDeleted(job, by) for job in jobs), SweepDeleted(sweep, by)]
    return events, {"sweep": sweep, "deleted": len(jobs)}


def decide_tidying(state: State, jobs: Sequence[str], sweeps: Sequence[str], by: str) -> list[AnyEvent]:
    """Return the deletion of those that have ended; the others are left for another time."""
    needed = {job for history in state.histories.values() for job in history.jobs}
    return [
        *(JobDeleted(job, by) for job in jobs[:MAX_DELETED] if job not in state.jobs and job not in needed),
        *(SweepDeleted(sweep, by) for sweep in sweeps[:MAX_DELETED] if sweep not in state.sweeps),
    ]
