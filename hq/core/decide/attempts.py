"""What follows from claims, results, hand-backs, silence and restarts of agents."""

from collections.abc import Iterable

from hq.core.decide.pruning import decide_pruned
from hq.core.leases import AttemptKey
from hq.core.state import Job, State
from hq.core.timing import MAX_INTERRUPTIONS, MAX_LOST_AGENTS, backoff_seconds
from schemas.events import (
    AgentBooted,
    AnyEvent,
    AttemptFailed,
    AttemptInterrupted,
    AttemptLost,
    AttemptReturned,
    JobClaimed,
    JobDied,
    JobEvent,
    JobFailed,
    JobSucceeded,
    ResultSuperseded,
)
from schemas.facts import AttemptResult, MachineFacts
from schemas.messages import Claim, Heartbeat
from schemas.names import TOKEN_BITS
from schemas.states import AttemptState, JobStatus, Outcome, Phase


def decide_claim(
    state: State, agent: str, boot: int, claim: Claim, offer: tuple[str, int] | None
) -> JobClaimed | str:
    """Return the claim's event, or why it is denied.

    Args:
        offer: (agent, token) of the offer that is out for this job.
    """
    record = state.agents.get(agent)
    if record is None or record.boot != boot:
        return "HQ does not know this boot of the agent yet; it answers the next heartbeat"
    job = state.jobs.get(claim.job)
    if job is None:
        done = state.finished.get(claim.job)
        return f"the job is {done.status}" if done else "HQ knows no such job"
    if job.status is not JobStatus.QUEUED:
        return f"the job is {job.status}"
    if offer != (agent, claim.token):
        return "the offer has expired or went to another machine"
    return JobClaimed(claim.job, claim.token, agent, boot, claim.nonce)


def decide_result(state: State, agent: str, result: AttemptResult) -> tuple[JobEvent | None, str]:
    """Return the event of a result, None when it is stored already, and the verdict for its sender.

    Any granted attempt's success wins while the job is not terminal; a failure
    counts only from the current token; all else is stored as superseded.
    """
    key = (result.job, result.token)
    if key in state.reported:
        return None, state.reported[key]
    job = state.jobs.get(result.job)
    if job is None:
        done = state.finished.get(result.job)
        why = f"the job was {done.status} already" if done else "HQ knows no such live job"
        return ResultSuperseded(result.job, result.token, agent, why, result), "superseded"
    attempt = job.attempt(result.token)
    if attempt is None:
        if result.token > job.token and result.token >> TOKEN_BITS >= state.epoch:
            # Yet to be granted: kept, it would count as the report of whoever gets it.
            return None, "refused"
        why = "this attempt was never granted here"
        return ResultSuperseded(result.job, result.token, agent, why, result), "superseded"
    if attempt.agent != agent:
        return None, "refused"
    if result.outcome is Outcome.SUCCEEDED or result.token == job.token:
        pruned = decide_pruned(job, result)
        if pruned is not None:
            return pruned, "accepted"
    if result.outcome is Outcome.SUCCEEDED:
        return JobSucceeded(result.job, result.token, result), "accepted"
    if result.token != job.token:
        why = "a later attempt holds the job"
        return ResultSuperseded(result.job, result.token, agent, why, result), "superseded"
    retries_left = job.failures < job.spec.retry_on_failure and job.starts + 1 < job.spec.starts_allowed
    if retries_left:
        delay = backoff_seconds(job.failures + 1)
        return AttemptFailed(result.job, result.token, result, delay), "requeued"
    why = result.failure.message if result.failure else f"exit code {result.exit_code}"
    return JobFailed(result.job, why, result.token, result), "accepted"


def decide_return(job: Job, token: int, agent: str, why: str, *, interrupted: bool) -> JobEvent | None:
    """Return what a hand-back from the agent means, or None when it means nothing any more."""
    attempt = job.attempt(token)
    if attempt is None or attempt.agent != agent or attempt.state is AttemptState.CLOSED:
        return None
    if attempt.state is AttemptState.LIVE and interrupted:
        return decide_interruption(job, token, why, unheard=False)
    return AttemptReturned(job.id, token, why)


def decide_interruption(job: Job, token: int, why: str, *, unheard: bool) -> JobEvent:
    """Return the interruption of the live attempt, or the job's end after too many of them."""
    if job.interruptions >= MAX_INTERRUPTIONS:
        return JobFailed(job.id, f"interrupted {MAX_INTERRUPTIONS} times, last: {why}")
    delay = backoff_seconds(job.interruptions + 1)
    return AttemptInterrupted(job.id, token, why, delay, unheard)


def decide_boot(
    state: State,
    agent: str,
    heartbeat: Heartbeat,
    attempts: Iterable[AttemptKey],
    phases: dict[AttemptKey, Phase],
) -> list[AnyEvent]:
    """Return the events of an agent's new boot: attempts of earlier boots that it does not list ended.

    A start is used up when the attempt was last reported running, or was
    granted and never reported. Held attempts and spooled ones were not begun,
    or are over: they cost nothing. Nor does one that was granted on a standing
    claim and never reported: the machine may have been off by then, and an
    agent says that it begins before it does.

    Args:
        attempts: The agent's attempts that are live or unheard.
        phases: What its heartbeats last said of them.
    """
    facts = heartbeat.facts or MachineFacts()
    events: list[AnyEvent] = [AgentBooted(agent, heartbeat.boot, heartbeat.instance, heartbeat.slots, facts)]
    listed = {(a.job, a.token) for a in heartbeat.attempts}
    for key in sorted(attempts):
        job = state.jobs.get(key[0])
        attempt = job.attempt(key[1]) if job else None
        if job is None or attempt is None or key in listed or attempt.boot >= heartbeat.boot:
            continue
        if attempt.state is AttemptState.CLOSED:
            continue
        phase = phases.get(key)
        if phase is Phase.RUNNING or (phase is None and not attempt.standing):
            delay = backoff_seconds(job.starts + 1)
            why = f"{agent} went down while it ran"
            events.append(AttemptLost(job.id, attempt.token, agent, why, delay))
        elif attempt.state is AttemptState.LIVE:
            events.append(decide_interruption(job, attempt.token, f"{agent} restarted", unheard=False))
        else:
            events.append(AttemptReturned(job.id, attempt.token, f"{agent} restarted"))
    return events


def decide_death(job: Job) -> JobDied | None:
    """Return the job's death when it waits but must not be started again."""
    if job.status is not JobStatus.QUEUED:
        return None
    if len(job.lost_agents) >= MAX_LOST_AGENTS and not job.spec.asked:
        machines = " and ".join(job.lost_agents)
        return JobDied(job.id, f"{machines} went down while running it: it may be the cause")
    if job.starts >= job.spec.starts_allowed:
        return JobDied(job.id, f"all {job.starts} starts are used up, last: {job.why}")
    return None
