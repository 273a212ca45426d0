"""What the policy decides, and what it remembers from one look to the next."""

from typing import Literal

from msgspec import Struct

Action = Literal["run", "freeze", "vacate"]


class Decision(Struct, frozen=True):
    """What jobs may do now, and why not more."""

    #: Whether new jobs may begin, and of those the ones that need a GPU.
    accepting: bool = True
    accepting_gpu: bool = True
    cpu: Action = "run"
    #: Never `freeze`: a process that stands still keeps its video memory.
    gpu: Action = "run"
    #: At most half of the cores, at the lowest priority.
    half_cores: bool = False
    lowest_priority: bool = False
    #: What holds jobs back, in words for a person; "" when nothing does.
    reason: str = ""
    gpu_reason: str = ""
    #: The names of all that holds jobs back. Changes when the decision does; the words change with the time.
    causes: tuple[str, ...] = ()
    #: How long a script may take to leave.
    grace_seconds: float = 60.0

    @property
    def essence(self) -> tuple[object, ...]:
        """Return all of it but the words: equal essences are the same decision."""
        return (
            *(self.accepting, self.accepting_gpu, self.cpu, self.gpu),
            *(self.half_cores, self.lowest_priority, self.causes, self.grace_seconds),
        )


class Memory(Struct, frozen=True):
    """What hysteresis needs. Times are on the caller's clock."""

    #: Gates that were shut, and since when each could open again (None: it cannot yet).
    shut: dict[str, float | None] = {}
    #: All gates that were looked at.
    known: frozenset[str] = frozenset()
    #: Since when jobs stand still here; None when none does.
    frozen_since: float | None = None
    #: Nobody has come since work began here: it may go on.
    is_open: bool = False


class Gate(Struct, frozen=True):
    """One reason why jobs might not run.

    Attributes:
        name: Stable, for `Decision.causes`.
        shuts: It is to be shut if it was open.
        opens: It may open if it was shut. Both false is the band in which nothing changes.
        words: What to tell when it is shut.
        severity: What is done about jobs that run.
        calm_seconds: How long `opens` must hold without a break.
        only_gpu: It is about jobs that need a GPU.
        over: What to tell when it could open and waits for `calm_seconds`.
    """

    name: str
    shuts: bool
    opens: bool
    words: str
    severity: Literal["hold", "freeze", "vacate"] = "freeze"
    calm_seconds: float = 20.0
    only_gpu: bool = False
    over: str = ""
