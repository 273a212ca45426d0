"""What happens to a job and its attempts."""

from msgspec import field

from schemas.events.base import Event
from schemas.facts import AttemptResult, Checkpoint
from schemas.names import (
    Boot,
    Count,
    JobId,
    JsonObject,
    Name,
    Nonce,
    ParentId,
    Seconds,
    ShortText,
    Text,
    Token,
)
from schemas.specs import JobSpec


class JobSubmitted(Event, frozen=True):
    job: JobId
    spec: JobSpec
    submitter: Name
    #: Jobs and sweeps that had not ended, or whose end it has not been told yet.
    waits_for: tuple[ParentId, ...] = ()


class ParentEnded(Event, frozen=True):
    """What a job waited for ended as it should. The last one lets the job be queued."""

    job: JobId
    parent: ParentId
    status: ShortText
    #: By reference, as they stand in its spec: what takes their places when nothing more is waited for.
    values: JsonObject = field(default_factory=dict)


class JobClaimed(Event, frozen=True):
    """An agent was granted the job: from here on it may have begun."""

    job: JobId
    token: Token
    agent: Name
    boot: Boot
    nonce: Nonce
    #: Granted on a claim sent ahead: the agent may never have heard of it.
    standing: bool = False


class JobHeld(Event, frozen=True):
    job: JobId
    by: Name


class JobReleased(Event, frozen=True):
    job: JobId
    by: Name


class AttemptReturned(Event, frozen=True):
    """The agent gave the grant back before anything began. Counts as nothing."""

    job: JobId
    token: Token
    why: Text


class AttemptInterrupted(Event, frozen=True):
    """Sleep, network, owner or lease: not the job's fault, never a start used up."""

    job: JobId
    token: Token
    why: Text
    delay_seconds: Seconds
    #: The agent was silent: the attempt may still be running there.
    unheard: bool = False


class AttemptResumed(Event, frozen=True):
    """An unheard attempt reported again before anyone else claimed the job."""

    job: JobId
    token: Token


class AttemptLost(Event, frozen=True):
    """The machine went down under a running attempt: a start is used up."""

    job: JobId
    token: Token
    agent: Name
    why: Text
    delay_seconds: Seconds


class AttemptFailed(Event, frozen=True):
    """A failure with `retry_on_failure` left: a start is used up, the job is queued again."""

    job: JobId
    token: Token
    result: AttemptResult
    delay_seconds: Seconds


class CheckpointStored(Event, frozen=True):
    """The holder of the job's newest token stored a checkpoint: the next attempt goes on from there."""

    job: JobId
    checkpoint: Checkpoint


class JobSucceeded(Event, frozen=True):
    job: JobId
    token: Token
    result: AttemptResult


class JobFailed(Event, frozen=True):
    job: JobId
    why: Text
    token: Token | None = None
    result: AttemptResult | None = None


class JobCancelled(Event, frozen=True):
    job: JobId
    by: Name
    why: Text = ""


class JobDied(Event, frozen=True):
    job: JobId
    why: Text


class PruneDecided(Event, frozen=True):
    """A running trial is to end early: its attempt is wound down, and it is never started again."""

    job: JobId
    token: Token
    why: Text
    #: Of the trial's values: at which the decision was made. None: it was no pruner's.
    step: Count | None = None


class JobPruned(Event, frozen=True):
    """A trial ended early, with what it had by then."""

    job: JobId
    why: Text
    step: Count | None = None
    token: Token | None = None
    result: AttemptResult | None = None


class ResultSuperseded(Event, frozen=True):
    """A result that does not count. Stored, never thrown away."""

    job: JobId
    token: Token
    agent: Name
    why: Text
    result: AttemptResult


class JobDeleted(Event, frozen=True):
    """A job that had ended is forgotten, with its results, progress and log."""

    job: JobId
    by: Name


JobEvent = (
    JobSubmitted
    | ParentEnded
    | JobClaimed
    | JobHeld
    | JobReleased
    | AttemptReturned
    | AttemptInterrupted
    | AttemptResumed
    | AttemptLost
    | AttemptFailed
    | CheckpointStored
    | JobSucceeded
    | JobFailed
    | JobCancelled
    | JobDied
    | PruneDecided
    | JobPruned
    | ResultSuperseded
)
JOB_EVENTS: tuple[type[Event], ...] = JobEvent.__args__
