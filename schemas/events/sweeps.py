"""What happens to a sweep."""

from msgspec import field

from schemas.early_stopping import StopRules
from schemas.events.base import Event
from schemas.names import Count, JobId, JsonObject, Name, ParentId, ShortText, SweepId, Text
from schemas.specs import Dimension, SweepSpec
from schemas.trials import Descent


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
    values: JsonObject = field(default_factory=dict)


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


class SweepDeleted(Event, frozen=True):
    """A sweep that had ended is forgotten; its jobs are deleted before it in the same decision."""

    sweep: SweepId
    by: Name


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
SWEEP_EVENTS: tuple[type[Event], ...] = SweepEvent.__args__
