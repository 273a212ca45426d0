"""What agents tell HQ."""

from typing import Annotated, Any

from msgspec import Meta, field

from schemas.facts import (
    AttemptResult,
    Checkpoint,
    Failure,
    GuestState,
    MachineFacts,
    MachineLoad,
    MetricPoint,
)
from schemas.messages.base import Message
from schemas.names import (
    Boot,
    Count,
    Epoch,
    JobId,
    Nonce,
    Seconds,
    ShortText,
    StandingNonce,
    Text,
    Token,
)
from schemas.states import Phase


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
