"""Jobs as they stand."""

from msgspec import Struct

from schemas.facts import Checkpoint
from schemas.names import JsonObject
from schemas.specs import JobSpec
from schemas.states import AttemptState, JobStatus


class Attempt(Struct, frozen=True):
    """One grant of a job to an agent. `claimed_at` is Unix seconds, for display."""

    token: int
    agent: str
    boot: int
    nonce: str
    state: AttemptState
    claimed_at: float
    #: Granted on a claim that was sent ahead, before the agent knew of the job.
    standing: bool = False


class Pruning(Struct, frozen=True):
    """That a running trial is to end early: why, and at which step of its values that was decided."""

    token: int
    why: str
    step: int | None = None


class Job(Struct, frozen=True, kw_only=True):
    """A job as it stands after the event at `position`."""

    id: str
    spec: JobSpec
    submitter: str
    status: JobStatus
    position: int
    #: Number of events so far. Readers see a gap when they missed one.
    revision: int
    #: Submission order: position * 2**20 + index.
    order: int
    submitted_at: float
    #: Token of the latest claim; 0 before the first.
    token: int = 0
    #: Holder of the latest claim, while running.
    agent: str | None = None
    attempts: tuple[Attempt, ...] = ()
    #: Starts used up: failures, losses and the success. Interruptions are not among them.
    starts: int = 0
    failures: int = 0
    interruptions: int = 0
    #: Agents that went down while running it; two different ones make the job dead.
    lost_agents: tuple[str, ...] = ()
    #: Why it stands where it stands, in words.
    why: str = ""
    #: Back-off before the next offer, counted from the event that queued it again.
    delay_seconds: float = 0
    claimed_at: float | None = None
    #: Where the next attempt goes on. Its token is of a granted attempt, and never goes backwards.
    checkpoint: Checkpoint | None = None
    #: It is to end early, or did: whatever its attempts bring, it is never started again.
    pruning: Pruning | None = None
    ended_at: float | None = None
    #: Jobs and sweeps that have not ended, or not as they should. While there are any it is not offered.
    waits_for: tuple[str, ...] = ()
    #: What its parameters refer to, by reference. In their places when nothing more is waited for.
    received: JsonObject = {}
    #: From its spec, or as they were changed since.
    project: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""
    #: Position of the latest change of these, which leaves `position` alone: that of a job that has ended
    #: is where it ended, and an order is read from it.
    labelled: int = 0

    @property
    def is_ready(self) -> bool:
        """Tell whether it waits for nothing but a time and a machine."""
        return self.status is JobStatus.QUEUED and not self.waits_for

    def attempt(self, token: int) -> Attempt | None:
        """Return the attempt with this token, or None if it was never granted."""
        for attempt in reversed(self.attempts):
            if attempt.token == token:
                return attempt
        return None


class Finished(Struct, frozen=True):
    """What is remembered of a finished job."""

    status: JobStatus
    #: Token of the accepted result; 0 when there is none.
    token: int
    revision: int
