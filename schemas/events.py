"""Facts in the event log: frozen, past tense, replayable for ever.

A decision is one document of the log: all its events hold or none does.
"""

from typing import Annotated, Any

from msgspec import Meta, Struct

from schemas.audit import AuditNote
from schemas.early_stopping import StopRules
from schemas.facts import AttemptResult, Checkpoint, Failure, MachineFacts
from schemas.names import (
    Boot,
    Count,
    Epoch,
    JobId,
    JsonObject,
    Key,
    LimitKind,
    ModelName,
    Name,
    Nonce,
    ParentId,
    PipelineId,
    Seconds,
    Sha256,
    ShortText,
    SweepId,
    Text,
    Token,
)
from schemas.pipelines import PipelineSpec, StepName
from schemas.registry import Files, Lineage, Stage
from schemas.schedules import ScheduleSpec
from schemas.specs import Dimension, JobSpec, ServiceSpec, SweepSpec
from schemas.trials import Descent

#: Raised only when a change makes old readers wrong. Newer logs are refused.
LOG_VERSION = 1
Version = Annotated[int, Meta(ge=1, le=2**31, description="Of a service, counted from 1.")]


class Event(Struct, frozen=True, tag_field="type", tag=True, omit_defaults=True):
    """Base of all events. The tag is the class name."""


class EpochBegan(Event, frozen=True):
    """An HQ took over. First decision of every epoch, and the fence for the one before."""

    epoch: Epoch
    instance: Nonce
    version: int = LOG_VERSION


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
    values: JsonObject = {}


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


class PipelineSubmitted(Event, frozen=True):
    """Steps that were submitted together, in the same decision: names of steps by what they became."""

    pipeline: PipelineId
    spec: PipelineSpec
    submitter: Name
    steps: dict[StepName, ParentId]
    #: One whose steps that succeeded are among these, and not submitted again.
    retry_of: PipelineId | None = None


class SweepSubmitted(Event, frozen=True):
    sweep: SweepId
    spec: SweepSpec
    submitter: Name
    #: As in `JobSubmitted`.
    waits_for: tuple[ParentId, ...] = ()


class SweepParentEnded(Event, frozen=True):
    """What a sweep waited for ended as it should. The last one lets trials be proposed."""

    sweep: SweepId
    parent: ParentId
    status: ShortText
    values: JsonObject = {}


class TrialProposed(Event, frozen=True):
    """A trial's parameters were chosen; its JobSubmitted follows in the same decision."""

    sweep: SweepId
    trial: Count
    job: JobId
    params: JsonObject
    #: Who added it by hand; None: the sampler chose it.
    by: Name | None = None
    #: Of a population: which member it is, and from which trial it goes on.
    descent: Descent | None = None


class SweepPaused(Event, frozen=True):
    sweep: SweepId
    by: Name


class SweepResumed(Event, frozen=True):
    sweep: SweepId
    by: Name


class SweepChanged(Event, frozen=True):
    """What is not None holds from here on: for trials that are proposed later."""

    sweep: SweepId
    by: Name
    trials: Count | None = None
    parallel: Count | None = None
    space: dict[ShortText, Dimension] | None = None
    stop: StopRules | None = None


class SweepStopped(Event, frozen=True):
    """A rule ended it, or somebody: no trial is proposed any more. It is finished when none lives."""

    sweep: SweepId
    #: asked, wall_seconds, machine_hours, kwh, target or no_better_in.
    rule: ShortText
    why: Text


class SweepExhausted(Event, frozen=True):
    """The sampler has nothing more to propose: no trial beyond `trials`."""

    sweep: SweepId
    trials: Count


class SweepStuck(Event, frozen=True):
    """No trial can be chosen, for a reason that somebody has to mend. The next proposal ends it."""

    sweep: SweepId
    why: Text


class SweepFinished(Event, frozen=True):
    sweep: SweepId
    why: Text = ""


class SweepCancelled(Event, frozen=True):
    sweep: SweepId
    by: Name
    why: Text = ""


class JobDeleted(Event, frozen=True):
    """A job that had ended is forgotten, with its results, progress and log."""

    job: JobId
    by: Name


class SweepDeleted(Event, frozen=True):
    """A sweep that had ended is forgotten; its jobs are deleted before it in the same decision."""

    sweep: SweepId
    by: Name


class LimitSet(Event, frozen=True):
    """So many jobs of a user, or that name this limit, run at once from now on. None: no limit."""

    kind: LimitKind
    name: Name
    at_most: Count | None
    by: Name


class AgentBooted(Event, frozen=True):
    """An agent's process started; attempts of its earlier boots ended unless listed as spooled."""

    agent: Name
    boot: Boot
    instance: Nonce
    slots: Count
    facts: MachineFacts


class Audited(Event, frozen=True):
    """Something about who gets in: of no job, and of nothing that HQ decides by."""

    note: AuditNote
    #: Who handed it in.
    by: Name


class ServiceDeployed(Event, frozen=True):
    """A version of a service takes the calls from now on; workers follow as jobs."""

    service: Name
    version: Version
    spec: ServiceSpec
    by: Name


class ServiceRolledBack(Event, frozen=True):
    """An earlier version takes the calls again."""

    service: Name
    version: Version
    by: Name


class ServiceStopped(Event, frozen=True):
    """No call is taken any more; its versions are kept."""

    service: Name
    by: Name


class ServiceCalled(Event, frozen=True):
    """A call that was answered, recorded before the answer is out. Of nothing that HQ decides by."""

    service: Name
    version: Version
    call: Nonce
    by: Name
    agent: Name
    params: JsonObject
    ok: bool
    result: Any = None
    failure: Failure | None = None
    #: In the worker.
    seconds: Seconds = 0


class ModelRegistered(Event, frozen=True):
    """Files of a job are a version of a model from now on; they are kept for as long as it is registered.

    Another version in `staging` or `production` steps back to `archived` when this one takes that stage.
    """

    model: ModelName
    version: Version
    files: Files
    #: Of its one file, or of all their names and hashes.
    sha256: Sha256
    lineage: Lineage
    by: Name
    stage: Stage = "none"
    note: Text = ""


class ModelStaged(Event, frozen=True):
    """A version has this stage now; another one in `staging` or `production` stepped back to `archived`."""

    model: ModelName
    version: Version
    stage: Stage
    by: Name


class ModelRemoved(Event, frozen=True):
    """Versions of a model are forgotten. Their numbers are never given again."""

    model: ModelName
    versions: Annotated[tuple[Version, ...], Meta(min_length=1, max_length=1000)]
    by: Name


class ScheduleAdded(Event, frozen=True):
    """A job or sweep is to be submitted again and again; in place of what had the name before."""

    schedule: Name
    spec: ScheduleSpec
    by: Name


class ScheduleRemoved(Event, frozen=True):
    schedule: Name
    by: Name


class SchedulePaused(Event, frozen=True):
    schedule: Name
    by: Name


class ScheduleResumed(Event, frozen=True):
    """It goes on; what was due meanwhile is not made up for."""

    schedule: Name
    by: Name


class ScheduleFired(Event, frozen=True):
    """A schedule was due, or somebody did not wait; what it submits follows in the same decision."""

    schedule: Name
    #: Unix seconds. No later time up to now is due any more.
    due: Seconds
    job: JobId | None = None
    sweep: SweepId | None = None
    #: Who did not wait. None: it was due.
    by: Name | None = None
    #: How many times before this one passed while HQ was away.
    missed: Count = 0


class ScheduleSkipped(Event, frozen=True):
    """A schedule was due and submitted nothing."""

    schedule: Name
    due: Seconds
    why: Text
    missed: Count = 0


class RequestAnswered(Event, frozen=True):
    """The answer stored under (submitter, key), in the same decision as what it did."""

    submitter: Name
    key: Key
    digest: Sha256
    answer: JsonObject


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
SweepEvent = (
    SweepSubmitted
    | SweepParentEnded
    | TrialProposed
    | SweepPaused
    | SweepResumed
    | SweepChanged
    | SweepStopped
    | SweepExhausted
    | SweepStuck
    | SweepFinished
    | SweepCancelled
)
#: No events of a job or sweep that there is: nothing follows them, and there is no status to tell.
DeletionEvent = JobDeleted | SweepDeleted
ModelEvent = ModelRegistered | ModelStaged | ModelRemoved
ScheduleEvent = (
    ScheduleAdded | ScheduleRemoved | SchedulePaused | ScheduleResumed | ScheduleFired | ScheduleSkipped
)
ServiceEvent = ServiceDeployed | ServiceRolledBack | ServiceStopped
AnyEvent = (
    JobEvent
    | SweepEvent
    | ServiceEvent
    | ServiceCalled
    | ScheduleEvent
    | ModelEvent
    | DeletionEvent
    | EpochBegan
    | AgentBooted
    | PipelineSubmitted
    | LimitSet
    | RequestAnswered
    | Audited
)

JOB_EVENTS: tuple[type[Event], ...] = JobEvent.__args__
SCHEDULE_EVENTS: tuple[type[Event], ...] = ScheduleEvent.__args__
SERVICE_EVENTS: tuple[type[Event], ...] = ServiceEvent.__args__
MODEL_EVENTS: tuple[type[Event], ...] = ModelEvent.__args__
SWEEP_EVENTS: tuple[type[Event], ...] = SweepEvent.__args__


class Decision(Struct, frozen=True):
    """One document of the event log. `_id` in MongoDB is `position`."""

    position: Annotated[int, Meta(ge=1)]
    epoch: Epoch
    #: Random per HQ start and unique per position: tells one's own document from another's.
    op: str
    #: Unix seconds on HQ's wall clock; for display and for the seven days of idempotency keys.
    at: float
    events: tuple[AnyEvent, ...]
