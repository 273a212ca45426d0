"""Facts in the event log: frozen, past tense, replayable for ever.

A decision is one document of the log: all its events hold or none does.
"""

from typing import Annotated

from msgspec import Meta, Struct

from schemas.events.base import LOG_VERSION, Event, Version
from schemas.events.house import (
    AgentBooted,
    Audited,
    EpochBegan,
    Labelled,
    LimitSet,
    PipelineDeleted,
    PipelineSubmitted,
    RequestAnswered,
)
from schemas.events.jobs import (
    JOB_EVENTS,
    AttemptFailed,
    AttemptInterrupted,
    AttemptLost,
    AttemptResumed,
    AttemptReturned,
    CheckpointStored,
    JobCancelled,
    JobClaimed,
    JobDeleted,
    JobDied,
    JobEvent,
    JobFailed,
    JobHeld,
    JobPruned,
    JobReleased,
    JobSubmitted,
    JobSucceeded,
    ParentEnded,
    PruneDecided,
    ResultSuperseded,
)
from schemas.events.models import MODEL_EVENTS, ModelEvent, ModelRegistered, ModelRemoved, ModelStaged
from schemas.events.schedules import (
    SCHEDULE_EVENTS,
    ScheduleAdded,
    ScheduleEvent,
    ScheduleFired,
    SchedulePaused,
    ScheduleRemoved,
    ScheduleResumed,
    ScheduleSkipped,
)
from schemas.events.services import (
    SERVICE_EVENTS,
    ServiceCalled,
    ServiceDeployed,
    ServiceEvent,
    ServiceRolledBack,
    ServiceStopped,
)
from schemas.events.sweeps import (
    SWEEP_EVENTS,
    SweepCancelled,
    SweepChanged,
    SweepDeleted,
    SweepEvent,
    SweepExhausted,
    SweepFinished,
    SweepParentEnded,
    SweepPaused,
    SweepResumed,
    SweepStopped,
    SweepStuck,
    SweepSubmitted,
    TrialProposed,
)
from schemas.names import Epoch

#: No events of a job or sweep that there is: nothing follows them, and there is no status to tell.
DeletionEvent = JobDeleted | SweepDeleted | PipelineDeleted
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
    | Labelled
    | RequestAnswered
    | Audited
)


class Decision(Struct, frozen=True):
    """One document of the event log. `_id` in MongoDB is `position`."""

    position: Annotated[int, Meta(ge=1)]
    epoch: Epoch
    #: Random per HQ start and unique per position: tells one's own document from another's.
    op: str
    #: Unix seconds on HQ's wall clock; for display and for the seven days of idempotency keys.
    at: float
    events: tuple[AnyEvent, ...]


__all__ = [
    "JOB_EVENTS",
    "LOG_VERSION",
    "MODEL_EVENTS",
    "SCHEDULE_EVENTS",
    "SERVICE_EVENTS",
    "SWEEP_EVENTS",
    "AgentBooted",
    "AnyEvent",
    "AttemptFailed",
    "AttemptInterrupted",
    "AttemptLost",
    "AttemptResumed",
    "AttemptReturned",
    "Audited",
    "CheckpointStored",
    "Decision",
    "DeletionEvent",
    "EpochBegan",
    "Event",
    "JobCancelled",
    "JobClaimed",
    "JobDeleted",
    "JobDied",
    "JobEvent",
    "JobFailed",
    "JobHeld",
    "JobPruned",
    "JobReleased",
    "JobSubmitted",
    "JobSucceeded",
    "Labelled",
    "LimitSet",
    "ModelEvent",
    "ModelRegistered",
    "ModelRemoved",
    "ModelStaged",
    "ParentEnded",
    "PipelineDeleted",
    "PipelineSubmitted",
    "PruneDecided",
    "RequestAnswered",
    "ResultSuperseded",
    "ScheduleAdded",
    "ScheduleEvent",
    "ScheduleFired",
    "SchedulePaused",
    "ScheduleRemoved",
    "ScheduleResumed",
    "ScheduleSkipped",
    "ServiceCalled",
    "ServiceDeployed",
    "ServiceEvent",
    "ServiceRolledBack",
    "ServiceStopped",
    "SweepCancelled",
    "SweepChanged",
    "SweepDeleted",
    "SweepEvent",
    "SweepExhausted",
    "SweepFinished",
    "SweepParentEnded",
    "SweepPaused",
    "SweepResumed",
    "SweepStopped",
    "SweepStuck",
    "SweepSubmitted",
    "TrialProposed",
    "Version",
]
