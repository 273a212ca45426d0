"""What HQ saw of each agent since it started: volatile, rebuilt from heartbeats."""

from msgspec import Struct, field

from hq.core.leases import AttemptKey
from hq.core.queue import Apart, Kind, script_of
from hq.core.standing import Standing
from hq.core.timing import FRESH_SECONDS, GUARD_SECONDS, LEASE_SECONDS
from schemas.facts import MachineFacts
from schemas.isolation import choose_level, strongest
from schemas.messages import Heartbeat
from schemas.specs import BUILT, JobSpec, Needs
from schemas.states import Phase

#: Two processes with one certificate are both refused until one was silent this long.
CONFLICT_SECONDS = LEASE_SECONDS + GUARD_SECONDS
#: An agent that declined an offer is left alone this long.
COOL_SECONDS = 2.0
_PENALTY_LONGEST = 300.0
#: Whoever submits jobs invents their needs: what is remembered of them is bounded.
_MISFITS_KEPT = 100
_UNWILLING_KEPT = 500


class Instance(Struct):
    """One process that called itself by this agent's name."""

    boot: int
    seq: int
    heard_at: float
    #: Heartbeats with a growing seq after a newer instance had taken over.
    advances: int = 0


class Sighting(Struct):
    """One agent as last heard."""

    name: str
    boot: int
    instance: str
    seq: int = -1
    seen_at: float = 0.0
    #: When `phases` were told. A late heartbeat shows life, and knows nothing new.
    listed_at: float = 0.0
    slots: int = 0
    accepting: bool = True
    #: The guest policy's reason, or the trouble that the agent reported.
    reason: str = ""
    #: Why jobs that need a GPU may not run there now; "" when they may.
    gpu_reason: str = ""
    degraded: str = ""
    #: Set by `note_facts` only.
    facts: MachineFacts = MachineFacts()
    #: What was found out about kinds of needs, as long as the facts stay.
    misfits: dict[Needs, str] = field(default_factory=dict)
    #: Scripts that its owner's rules do not let run there, and why: as long as the facts stay.
    unwilling: dict[str, str] = field(default_factory=dict)
    #: What it refused of what came in HQ's name, by reason.
    refused: dict[str, int] = field(default_factory=dict)
    #: What the last heartbeat listed.
    phases: dict[AttemptKey, Phase] = field(default_factory=dict)
    #: Workers of services that take calls there.
    ready: frozenset[AttemptKey] = frozenset()
    #: Attempts that hold a slot or wait for one there.
    occupied: set[AttemptKey] = field(default_factory=set)
    #: Offers that are out: key -> when they expire.
    offers: dict[AttemptKey, float] = field(default_factory=dict)
    #: What it claimed ahead with its last heartbeat.
    standing: Standing | None = None
    #: No offers before this time.
    cool_until: float = 0.0
    #: How often it went down under jobs since its last success.
    losses: int = 0
    instances: dict[str, Instance] = field(default_factory=dict)
    conflict_until: float = 0.0

    def is_fresh(self, now: float) -> bool:
        """Tell whether it was heard from lately enough to be offered work."""
        return now - self.seen_at <= FRESH_SECONDS

    def misfit(self, kind: Kind) -> str:
        """Return why it cannot run jobs of this kind, or "" when it can."""
        if isinstance(kind, Apart):
            return self.unwilling.get(kind.script) or self.misfit(kind.needs)
        needs = kind
        if needs.gpus and self.gpu_reason:
            return self.gpu_reason
        known = self.misfits.get(needs)
        if known is None:
            if len(self.misfits) >= _MISFITS_KEPT:
                self.misfits.clear()
            known = self.misfits[needs] = misfit(needs, self.name, self.facts)
        return known

    def why_not(self, spec: JobSpec) -> str:
        """Return why it cannot or will not run a job, or "" when it would."""
        return misfit(spec.needs, self.name, self.facts) or self.unwilling.get(script_of(spec.script), "")

    def note_facts(self, facts: MachineFacts) -> None:
        """Take over what the machine is. It tells so again when its owner's rules changed."""
        self.facts = facts
        self.misfits.clear()
        self.unwilling.clear()

    def note_unwilling(self, script: str, why: str) -> None:
        """Remember that a script may not run there."""
        self.unwilling[script] = why
        if len(self.unwilling) > _UNWILLING_KEPT:
            del self.unwilling[next(iter(self.unwilling))]

    def load(self) -> int:
        """Return how many attempts and offers it has."""
        return len(self.occupied) + len(self.offers)

    def penalise(self, now: float) -> None:
        """Leave a machine that goes down under jobs alone for 1, 2, 4 ... 300 s."""
        self.losses += 1
        self.cool_until = max(self.cool_until, now + min(_PENALTY_LONGEST, 2.0 ** (self.losses - 1)))

    def note_heartbeat(self, heartbeat: Heartbeat, now: float) -> None:
        """Take over what a heartbeat of the accepted boot says, unless a later one was heard."""
        self.seen_at = now
        if heartbeat.facts is not None:
            self.note_facts(heartbeat.facts)
        if heartbeat.seq <= self.seq:
            return
        self.seq = heartbeat.seq
        self.listed_at = now
        self.slots = heartbeat.slots
        self.accepting = heartbeat.guest.accepting and not heartbeat.degraded
        self.reason = heartbeat.degraded or heartbeat.guest.reason
        guest = heartbeat.guest
        why = guest.gpu_reason or "its owner lets no GPU job run now"
        self.gpu_reason = "" if guest.accepting_gpu else why
        self.degraded = heartbeat.degraded
        self.refused = heartbeat.refused
        self.phases = {(a.job, a.token): a.phase for a in heartbeat.attempts}
        self.ready = frozenset((a.job, a.token) for a in heartbeat.attempts if a.ready)
        self.standing = Standing(heartbeat.standing, now) if heartbeat.standing else None

    def note_instance(self, heartbeat: Heartbeat, now: float) -> str:
        """Return why the sender must be refused, or "" when it is the only one of its name.

        A copied disk gives two machines one certificate. They show as two
        instances of one boot, or as an older boot that goes on counting after
        a newer one began. One late heartbeat of an old boot is no conflict.
        """
        known = self.instances.get(heartbeat.instance)
        if known is None:
            known = Instance(heartbeat.boot, heartbeat.seq, now)
            self.instances[heartbeat.instance] = known
        elif heartbeat.seq > known.seq:
            known.seq = heartbeat.seq
            known.heard_at = now
            newer = any(i.boot > known.boot for i in self.instances.values())
            known.advances = known.advances + 1 if newer else 0
        for name, other in list(self.instances.items()):
            if now - other.heard_at > CONFLICT_SECONDS:
                del self.instances[name]
        others = [i for name, i in self.instances.items() if name != heartbeat.instance]
        twins = any(i.boot == heartbeat.boot for i in others)
        alternating = known.advances >= 2 or any(i.advances >= 2 for i in others)
        if others and (twins or alternating):
            self.conflict_until = max(other.heard_at for other in others) + CONFLICT_SECONDS
        if now < self.conflict_until:
            return (
                f"two machines use the certificate '{self.name}': stop one of them "
                f"and issue it a certificate of its own (idlehands cert issue NAME --role agent)"
            )
        return ""


def misfit(needs: Needs, name: str, facts: MachineFacts) -> str:
    """Return why a machine cannot run jobs with these needs, or "" when it can."""
    if needs.agent is not None and needs.agent != name:
        return f"the job asks for {needs.agent}"
    if needs.gpus > facts.gpus:
        return f"it has {facts.gpus} GPUs, the job needs {needs.gpus}"
    if facts.memory_mb and needs.memory_mb > facts.memory_mb:
        return f"it has {facts.memory_mb} MB of memory, the job needs {needs.memory_mb}"
    missing = sorted(set(needs.labels) - set(facts.labels))
    if missing:
        return f"it lacks the label {', '.join(missing)}"
    if choose_level(needs.isolation, facts.isolation) is None:
        return f"its isolation is {strongest(facts.isolation)}, the job asks for {needs.isolation}"
    if needs.python is not None and not f"{facts.python}.".startswith(f"{needs.python}."):
        return f"its Python is {facts.python or 'unknown'}, the job needs {needs.python}"
    if needs.environment is not None and needs.environment not in facts.environments:
        if needs.environment == BUILT:
            return "it cannot build the environment that the script asks for: uv is not installed there"
        return f"it has no interpreter {needs.environment}"
    return ""
