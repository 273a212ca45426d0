"""The states of jobs, attempts and sweeps, and which of them are final."""

from enum import StrEnum


class JobStatus(StrEnum):
    QUEUED = "queued"
    HELD = "held"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DEAD = "dead"
    #: A trial that its sweep ended early.
    PRUNED = "pruned"

    @property
    def is_final(self) -> bool:
        """Tell whether no event may follow: terminal states are absorbing."""
        return self in FINAL_STATUSES


FINAL_STATUSES = frozenset(
    {JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.DEAD, JobStatus.PRUNED}
)


class Phase(StrEnum):
    """Where an attempt stands on its agent."""

    HELD = "held"
    RUNNING = "running"
    SPOOLED = "spooled"


class AttemptState(StrEnum):
    """What HQ knows of a granted attempt."""

    #: The lease holder.
    LIVE = "live"
    #: Its lease ended without contact; it may still run, and die with its machine.
    UNHEARD = "unheard"
    #: Handed back, failed or lost. A late success still counts.
    CLOSED = "closed"


class SweepStatus(StrEnum):
    RUNNING = "running"
    #: Nothing is proposed and nothing begun until it is resumed; what runs goes on.
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Tell whether no trial may be proposed any more, whatever comes."""
        return self in (SweepStatus.FINISHED, SweepStatus.CANCELLED)


class Outcome(StrEnum):
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Command(StrEnum):
    """What HQ orders an agent to do with an attempt."""

    KEEP = "keep"
    WIND_DOWN = "wind_down"
    STOP = "stop"
