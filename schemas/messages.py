"""What travels on the bus: the `data` of an envelope, one Struct per topic.

Agents and HQ speak lists (offers, claims, grants, results): a batch costs
one packet. Unknown fields are ignored, so that versions can differ by one.
"""

from typing import Annotated, Any

from msgspec import Meta, Struct, field

from schemas.events import JobEvent, SweepEvent
from schemas.facts import (
    AttemptResult,
    Checkpoint,
    Failure,
    GuestState,
    MachineFacts,
    MachineLoad,
    MetricPoint,
)
from schemas.names import (
    Boot,
    Count,
    Epoch,
    GuestCommand,
    JobId,
    JsonObject,
    Name,
    Nonce,
    Seconds,
    ShortText,
    StandingNonce,
    Text,
    Token,
)
from schemas.specs import JobSpec, Needs
from schemas.states import Command, JobStatus, Phase, SweepStatus


class Message(Struct, frozen=True, omit_defaults=True):
    """Base of everything that is published."""


# --- agent to HQ ---------------------------------------------------------------


class Presence(Message, frozen=True):
    """Birth and death (last will). A hint only: the age of the last heartbeat is the truth."""

    online: bool
    boot: Boot


class AttemptReport(Message, frozen=True):
    job: JobId
    token: Token
    phase: Phase
    #: The newest that this attempt has stored. Repeated with every heartbeat, recorded once.
    checkpoint: Checkpoint | None = None
    #: A service's worker that has imported all it needs, and takes calls.
    ready: bool = False


class StandingClaim(Message, frozen=True):
    """A claim of the next jobs that fit, sent ahead: HQ may grant them without an offer."""

    #: Of the HQ that may use it.
    epoch: Epoch
    nonce: StandingNonce
    #: At most so many grants.
    count: Count

    def nonce_of(self, number: int) -> str:
        """Return the nonce of the grant with this number, counted from 0."""
        return f"{self.nonce}{number:08x}"


class Heartbeat(Message, frozen=True):
    boot: Boot
    #: Random per process start: tells two machines with one certificate apart.
    instance: Nonce
    #: Grows by one with every heartbeat of a boot.
    seq: Count
    slots: Count
    free: Count
    attempts: tuple[AttemptReport, ...] = ()
    guest: GuestState = GuestState()
    #: With the first heartbeat of a boot and when they changed.
    facts: MachineFacts | None = None
    #: The spool cannot be written, or another lasting trouble: said in words.
    degraded: Text = ""
    #: What this boot refused of what came in HQ's name, by reason.
    refused: Annotated[dict[ShortText, Count], Meta(max_length=32)] = field(default_factory=dict)
    #: Takes the place of the one in the heartbeat before; None: offers only.
    standing: StandingClaim | None = None
    #: Measured since the heartbeat before; None from machines that cannot tell.
    load: MachineLoad | None = None


class Claim(Message, frozen=True):
    job: JobId
    token: Token
    nonce: Nonce


class Claims(Message, frozen=True):
    boot: Boot
    claims: tuple[Claim, ...]


class Decline(Message, frozen=True):
    """An offer refused, or a grant handed back."""

    job: JobId
    token: Token
    why: Text
    #: True: the attempt had begun and was stopped for a reason that is not the job's.
    interrupted: bool = False
    #: True: by its owner's rules this machine runs that script for nobody; offering it again is no use.
    unwilling: bool = False
    #: The newest that the attempt has stored.
    checkpoint: Checkpoint | None = None


class Declines(Message, frozen=True):
    boot: Boot
    declines: tuple[Decline, ...]


class Progress(Message, frozen=True):
    job: JobId
    token: Token
    #: 0 to 100.
    percent: float | None = None
    points: tuple[MetricPoint, ...] = ()
    note: ShortText = ""


class ProgressBatch(Message, frozen=True):
    boot: Boot
    items: tuple[Progress, ...]


class LogLines(Message, frozen=True):
    job: JobId
    token: Token
    #: Number of the first line; later lines count on. Gaps are lines that were dropped.
    seq: Count
    lines: tuple[Text, ...]
    stream: Annotated[str, Meta(max_length=8)] = "stdout"


class LogBatch(Message, frozen=True):
    boot: Boot
    items: tuple[LogLines, ...]


class Results(Message, frozen=True):
    boot: Boot
    results: tuple[AttemptResult, ...]


class ServiceAnswer(Message, frozen=True):
    """How a call of a service ended."""

    call: Nonce
    job: JobId
    token: Token
    ok: bool
    result: Any = None
    failure: Failure | None = None
    #: In the worker.
    seconds: Seconds = 0


class ServiceAnswers(Message, frozen=True):
    boot: Boot
    answers: tuple[ServiceAnswer, ...]


# --- HQ to agent ---------------------------------------------------------------


class Offer(Message, frozen=True):
    job: JobId
    token: Token


class Offers(Message, frozen=True):
    epoch: Epoch
    offers: tuple[Offer, ...]


class Grant(Message, frozen=True):
    """The right to begin: names agent, boot, token and the claim's nonce."""

    job: JobId
    token: Token
    agent: Name
    boot: Boot
    nonce: Nonce
    lease_seconds: Seconds
    spec: JobSpec
    #: The values of `spec.secrets`, sealed to the agent's key for `job/token` alone.
    sealed: Annotated[str, Meta(max_length=65_536)] = ""
    #: Why HQ could not add them.
    withheld: ShortText = ""
    #: Where to go on, when an earlier attempt came so far.
    checkpoint: Checkpoint | None = None


class Denial(Message, frozen=True):
    job: JobId
    token: Token
    nonce: Nonce
    why: Text


class Grants(Message, frozen=True):
    epoch: Epoch
    grants: tuple[Grant, ...] = ()
    denials: tuple[Denial, ...] = ()


class Order(Message, frozen=True):
    job: JobId
    token: Token
    command: Command


class ResultAck(Message, frozen=True):
    job: JobId
    token: Token
    #: accepted, requeued or superseded; each lets the spool entry go.
    verdict: ShortText


class Ack(Message, frozen=True):
    """The answer to one heartbeat (`seq` set), a pushed order, or acknowledged results."""

    epoch: Epoch
    boot: Boot
    seq: Count | None = None
    orders: tuple[Order, ...] = ()
    results: tuple[ResultAck, ...] = ()
    #: Why this machine gets no work at all, in words.
    refused: Text = ""


class GuestOrder(Message, frozen=True):
    """What somebody of the house asks of a machine: less work, or to take that back. Never more work."""

    command: GuestCommand
    #: None: until it is asked to resume.
    seconds: Seconds | None = None
    asked_by: ShortText = ""


class StacksOrder(Message, frozen=True):
    """Somebody of the house asks where an attempt is; lines of its log of the stream `stacks` answer."""

    job: JobId
    token: Token
    asked_by: ShortText = ""


class ServiceCall(Message, frozen=True):
    """A call for a worker of a service that runs there. Sent once."""

    call: Nonce
    job: JobId
    token: Token
    params: JsonObject
    #: What is left of its deadline.
    seconds: Seconds


class ServiceCalls(Message, frozen=True):
    epoch: Epoch
    boot: Boot
    calls: tuple[ServiceCall, ...]


class HqState(Message, frozen=True):
    """Retained, with a last will. A new epoch makes agents send a heartbeat."""

    online: bool
    epoch: Epoch
    version: ShortText
    #: Base URL of REST, for blobs.
    rest: Text = ""
    #: How many agents HQ knows, so that they spread their reconnects.
    agents: Count = 0


# --- HQ to everybody -----------------------------------------------------------


class JobNotice(Message, frozen=True):
    """One event of a job, after its commit."""

    position: Count
    index: Count
    #: Grows by one with every event of this job: a gap means a missed notice.
    revision: Count
    status: JobStatus
    event: JobEvent


class SweepNotice(Message, frozen=True):
    position: Count
    index: Count
    revision: Count
    status: SweepStatus
    event: SweepEvent


class DeletionNotice(Message, frozen=True):
    """A job or sweep is gone, after the commit: the last that is said of it."""

    position: Count
    index: Count
    by: Name


class JobProgress(Message, frozen=True):
    """Forwarded at once when it comes from the lease holder."""

    agent: Name
    progress: Progress


class JobLog(Message, frozen=True):
    agent: Name
    log: LogLines


# --- answers to requests -------------------------------------------------------


class RequestError(Message, frozen=True):
    #: A stable word for programs; `message` says what happened and what to do.
    code: ShortText
    message: Text


class Reply(Message, frozen=True):
    """The answer to one request. `position` is the log position that it reflects."""

    request: ShortText
    ok: bool
    position: Count = 0
    result: JsonObject = field(default_factory=dict)
    error: RequestError | None = None


class WhyWaiting(Message, frozen=True):
    """An answer to "why is it not running?"."""

    job: JobId
    why: Text
    needs: Needs = Needs()
