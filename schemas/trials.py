"""How trials end, and what the search process knows of a sweep's trials already."""

from msgspec import Struct

from schemas.facts import Checkpoint
from schemas.names import Count
from schemas.objectives import Worth
from schemas.states import JobStatus


class TrialEnd(Struct, frozen=True, omit_defaults=True):
    """The end of one trial, in the order of the log. It is final: retries and losses are not ends."""

    trial: Count
    status: JobStatus
    worth: Worth = Worth()
    #: Of a trial that was ended early: the last step that it reported, and its value there.
    reached: tuple[float, float] | None = None
    #: Of a population's trial: what others may go on from.
    checkpoint: Checkpoint | None = None


class Descent(Struct, frozen=True, omit_defaults=True):
    """Which member of a population a trial is, and from which trial it goes on; None: it begins anew."""

    member: Count
    parent: Count | None = None


class KnownTrials(Struct, frozen=True, omit_defaults=True):
    """How much of a sweep's history somebody has: both counts only grow."""

    #: Parameters of the trials before this number.
    trials: Count = 0
    #: The first so many ends.
    ends: Count = 0
