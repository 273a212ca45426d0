"""Answers about the house itself: its state, its machines, its tokens and settings."""

from typing import Any

from msgspec import Struct

from hq.core.state import AgentRecord
from hq.outside.targets import Notification
from schemas.facts import GuestState, MachineFacts, MachineLoad


class Ok(Struct, frozen=True):
    ok: bool


class Ready(Struct, frozen=True):
    """Whether all that is needed answers, and each part."""

    ok: bool
    broker: bool
    database: bool
    hq: bool


class Standing(Struct, frozen=True):
    """How far the read models are."""

    position: int


class Status(Struct, frozen=True):
    #: What HQ says of itself; None while it does not answer.
    hq: dict[str, Any] | None
    read_models: Standing | None
    broker: bool
    #: What does not answer, in words.
    trouble: tuple[str, ...]
    #: The connection to the household's own broker, where there is one.
    household: dict[str, Any] | None = None


class HeardAttempt(Struct, frozen=True):
    job: str
    token: int
    phase: str


class Heard(Struct, frozen=True):
    """What a machine said last."""

    seconds_ago: float
    slots: int
    free: int
    guest: GuestState
    degraded: Any
    attempts: tuple[HeardAttempt, ...]
    #: None from machines that cannot tell.
    load: MachineLoad | None = None


class Agent(AgentRecord, frozen=True, kw_only=True):
    """A machine: what it is, and what it said last. Heard and not stored yet, it has a name only."""

    boot: int = 0
    instance: str = ""
    slots: int = 0
    facts: MachineFacts = MachineFacts()
    position: int = 0
    booted_at: float = 0
    heard: Heard | None
    #: None: it was not heard since this server started.
    online: bool | None


class Agents(Struct, frozen=True):
    agents: tuple[Agent, ...]
    next: str | None


class MachineToday(Struct, frozen=True):
    """What attempts with a result did on a machine since midnight."""

    name: str
    attempts: int
    seconds: float
    kwh: float
    #: Where the energy is from: plug, measured, estimated.
    sources: tuple[str, ...]
    #: By currency, where the owner named a tariff.
    costs: dict[str, float]


class Queue(Struct, frozen=True):
    """What waits, and for how long."""

    queued: int
    #: Of which how long they take is known from runs before.
    known: int
    #: Of all that wait, on one slot.
    work_seconds: float
    #: Of the machines that take work now.
    slots: int
    #: Until none waits, about; None when that cannot be known.
    seconds: float | None


class Today(Struct, frozen=True):
    #: Midnight, in Unix seconds.
    since: float
    machines: tuple[MachineToday, ...]
    queue: Queue


class AgentAsked(Struct, frozen=True):
    agent: str
    command: str
    seconds: float | None
    position: int


class Certificate(Struct, frozen=True):
    #: PEM.
    certificate: str


class TokenRow(Struct, frozen=True):
    """A token, never with its secret."""

    #: By which it is revoked: the beginning of its SHA-256.
    id: str
    name: str
    role: str
    #: Unix seconds.
    created: int
    #: None: never.
    expires: int | None
    is_valid: bool


class Tokens(Struct, frozen=True):
    tokens: tuple[TokenRow, ...]


class TokenMade(TokenRow, frozen=True):
    """The only time that the token itself is told."""

    token: str


class TokensRevoked(Struct, frozen=True):
    revoked: tuple[TokenRow, ...]


class NotificationRow(Notification, frozen=True, kw_only=True):
    """A notification and how it stands with it; never its secret."""

    has_secret: bool
    waiting: int
    last_sent: float | None
    trouble: str


class Notifications(Struct, frozen=True):
    notifications: tuple[NotificationRow, ...]
    #: Names of those that cannot be used as they are stored.
    unusable: Any


class NotificationRemoved(Struct, frozen=True):
    notification: str


class NotificationTested(Struct, frozen=True):
    notification: str
    delivery: str
    taken: bool
    why: str


class LimitRow(Struct, frozen=True):
    kind: str
    name: str
    at_most: int
    by: str


class LimitsThatHold(Struct, frozen=True):
    limits: tuple[LimitRow, ...]


class LimitAnswered(Struct, frozen=True, kw_only=True):
    """Which limit was set, and the log position that this stands at."""

    position: int
    kind: str | None = None
    name: str | None = None
    #: None: it was taken away.
    at_most: int | None = None
