"""What HQ tells agents, one by one or all of them."""

from typing import Annotated

from msgspec import Meta

from schemas.facts import Checkpoint
from schemas.messages.base import Message
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
    Text,
    Token,
)
from schemas.specs import JobSpec
from schemas.states import Command


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
