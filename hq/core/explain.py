"""Why is it not running? An answer in one sentence for every job."""

from hq.core.bookkeeping import Bookkeeping, Woken
from hq.core.sightings import Sighting
from hq.core.state import Job
from schemas.states import JobStatus

_PARENTS_SHOWN = 5


def explain(job_id: str, books: Bookkeeping, now: float) -> str:
    """Return why a job stands where it stands, in words for a person."""
    state = books.state
    job = state.jobs.get(job_id)
    if job is None:
        done = state.finished.get(job_id)
        return (
            f"it is {done.status}"
            if done
            else "HQ knows no such live job: it ended long ago or never existed"
        )
    if job.spec.asked and job.status in (JobStatus.RUNNING, JobStatus.QUEUED):
        if job.status is JobStatus.RUNNING:
            return f"no machine runs it: {job.agent} asked for it and has not told what came of it"
        return "no machine runs it: it waits for a loop of its own to ask for it"
    if job.status is JobStatus.RUNNING:
        return f"it is running on {job.agent}"
    if job.waits_for:
        held = f"{job.why}, and " if job.status is JobStatus.HELD else ""
        return f"{held}it {_why_it_waits(job, books)}"
    if job.status is JobStatus.HELD:
        return f"{job.why}: release it to let it run"
    if books.scheduler.queue.is_delayed(job_id):
        return f"it waits for its time: {job.why or 'not_before has not come'}"
    offer = books.scheduler.offered.get(job_id)
    if offer is not None:
        return f"it is offered to {offer[0]} right now"
    if full := books.scheduler.why_full(job):
        return f"it waits for its turn: {full}"
    return _why_no_agent(job, books, now)


def _why_it_waits(job: Job, books: Bookkeeping) -> str:
    state = books.state
    parts: list[str] = []
    for parent in job.waits_for[:_PARENTS_SHOWN]:
        one = state.jobs.get(parent) or state.sweeps.get(parent)
        kind = "sweep" if parent.startswith("s") else "job"
        stands = "has ended just now" if one is None else f"is {one.status}"
        parts.append(f"{kind} {parent}, which {stands}")
    more = len(job.waits_for) - len(parts)
    return "waits for " + "; ".join(parts) + (f"; and {more} more" if more else "")


def _why_no_agent(job: Job, books: Bookkeeping, now: float) -> str:
    if not books.sightings:
        for name, woken in books.woken.items():
            return f"{name}: not heard from since HQ started{_wakes(woken, now)}"
        return "no agent has been heard from: start one with `idlehands agent`"
    reasons: list[str] = []
    fitting: list[Sighting] = []
    for sighting in sorted(books.sightings.values(), key=lambda s: s.name):
        why = sighting.why_not(job.spec)
        if not why:
            fitting.append(sighting)
        elif len(reasons) < 5:
            reasons.append(f"{sighting.name}: {why}")
    if not fitting:
        return "no agent can run this, because " + "; ".join(reasons)
    return "; ".join(f"{s.name}: {_why_not_there(s, job, books, now)}" for s in fitting[:5])


def _why_not_there(sighting: Sighting, job: Job, books: Bookkeeping, now: float) -> str:
    if not sighting.is_fresh(now):
        return f"not heard from for {now - sighting.seen_at:.0f} s" + _wakes(
            books.woken.get(sighting.name), now
        )
    if now < sighting.conflict_until:
        return "two machines use its certificate"
    if not sighting.accepting:
        return sighting.reason or "its owner's policy does not allow jobs now"
    if job.spec.needs.gpus and sighting.gpu_reason:
        return sighting.gpu_reason
    if sighting.slots == 0:
        return "it has no slots"
    if sighting.load() >= sighting.slots:
        return f"all {sighting.slots} slots are busy"
    if now < sighting.cool_until:
        return f"left alone for {sighting.cool_until - now:.0f} s after it declined or went down"
    return "its turn comes next"


def _wakes(woken: Woken | None, now: float) -> str:
    return "" if woken is None else f", and asked to wake {now - woken.at:.0f} s ago"
