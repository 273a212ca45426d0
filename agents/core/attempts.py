"""The attempts and claims that an agent holds."""

from msgspec import Struct

from schemas.facts import Checkpoint
from schemas.messages import Grant
from schemas.states import Phase

AttemptKey = tuple[str, int]


class Claimed(Struct, frozen=True):
    """A claim that waits for its grant."""

    nonce: str
    sent_at: float


class Held(Struct):
    """One attempt that this agent was granted. Times are on its suspend-aware clock."""

    key: AttemptKey
    phase: Phase
    granted_at: float
    lease_until: float
    grant: Grant | None = None
    #: It is being ended: for HQ's order ("") or for a reason to tell HQ.
    stopping: bool = False
    stopping_why: str = ""
    #: Its whole tree was ordered dead at once: the lease is over.
    killed: bool = False
    winding_down: bool = False
    #: Of those that are being ended: it was vacated, and may take its time.
    leaving: bool = False
    #: It stands still until the owner goes.
    frozen: bool = False
    #: The newest that it has stored.
    checkpoint: Checkpoint | None = None
    #: Of a service's worker: it takes calls.
    ready: bool = False
    #: The script is over and its slot is free; `running` to others until the result is on disk.
    ended: bool = False

    @property
    def needs_gpu(self) -> bool:
        return self.grant is not None and self.grant.spec.needs.gpus > 0

    @property
    def serves(self) -> bool:
        """Tell whether it is a service's worker, which takes no slot: it does nothing between calls."""
        return self.grant is not None and self.grant.spec.serves is not None

    @property
    def has_heirs(self) -> bool:
        """Tell whether other trials may go on from where it ends."""
        return self.grant is not None and self.grant.spec.lineage is not None

    @property
    def is_exclusive(self) -> bool:
        return self.grant is not None and self.grant.spec.exclusive


class Attempts(dict[AttemptKey, Held]):
    """All attempts in the order of their grants, and apart from each other by phase.

    An agent may hold thousands of results while HQ is away: what looks for
    running or waiting attempts must not walk over them.
    """

    def __init__(self) -> None:
        super().__init__()
        self._by_phase: dict[Phase, dict[AttemptKey, Held]] = {phase: {} for phase in Phase}

    def __setitem__(self, key: AttemptKey, attempt: Held) -> None:
        self.discard(key)
        super().__setitem__(key, attempt)
        self._by_phase[attempt.phase][key] = attempt

    def discard(self, key: AttemptKey) -> Held | None:
        """Forget an attempt and return it, None if there is none."""
        attempt = super().pop(key, None)
        if attempt is not None:
            del self._by_phase[attempt.phase][key]
        return attempt

    def move(self, attempt: Held, phase: Phase) -> None:
        """Put an attempt that is here into another phase. The phase is never set otherwise."""
        del self._by_phase[attempt.phase][attempt.key]
        attempt.phase = phase
        self._by_phase[phase][attempt.key] = attempt

    def of(self, phase: Phase) -> list[Held]:
        """Return the attempts in a phase, those that came into it first before others."""
        return list(self._by_phase[phase].values())

    def first(self, phase: Phase) -> Held | None:
        """Return the attempt that came into a phase before all others in it, None if it is empty."""
        return next(iter(self._by_phase[phase].values()), None)

    def count(self, phase: Phase) -> int:
        """Return how many attempts are in a phase."""
        return len(self._by_phase[phase])
