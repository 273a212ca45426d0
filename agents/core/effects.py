"""What the agent's core wants done: orders to its shell."""

from typing import Any

from msgspec import Struct

from bus.topics import Topic
from schemas.facts import AttemptResult
from schemas.messages import Grant


class Send(Struct, frozen=True):
    """Publish on this agent's own topic. What matters is repeated until answered."""

    topic: Topic
    data: Any


class Start(Struct, frozen=True):
    """Run the granted script."""

    grant: Grant


class Stop(Struct, frozen=True):
    """End the attempt's whole tree; `at_once` without asking it first."""

    job: str
    token: int
    at_once: bool = False
    #: HQ wants nothing of it any more: its checkpoint is not worth storing.
    unwanted: bool = False


class Freeze(Struct, frozen=True):
    """Let the attempt's whole tree stand still, or go on."""

    job: str
    token: int
    still: bool


class Vacate(Struct, frozen=True):
    """The owner wants the machine back: end the attempt, which may take so long for its checkpoint."""

    job: str
    token: int
    grace_seconds: float


class Behave(Struct, frozen=True):
    """How jobs are to run, those that run already too."""

    half_cores: bool
    lowest_priority: bool


class Cool(Struct, frozen=True):
    """Give back the memory that is held only so that the next script begins sooner."""


class WindDown(Struct, frozen=True):
    """Let the script end early and deliver what it has."""

    job: str
    token: int


class Spool(Struct, frozen=True):
    """Write the result to the spool, then call `AgentCore.spooled`."""

    result: AttemptResult


class Unspool(Struct, frozen=True):
    """HQ has the result: delete it from the spool."""

    job: str
    token: int


Effect = Send | Start | Stop | Vacate | Freeze | Behave | Cool | WindDown | Spool | Unspool
