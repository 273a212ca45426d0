"""An authority with a clock in the test's hand and a log in memory: what goes in, what came out.

`send`, `heartbeat` and `ask` only deliver; `step` decides and, unless told
not to, commits. Everything that was published is kept in `outputs`.
"""

import math
from itertools import count
from typing import Any

from bus import topics
from bus.port import Inbound
from bus.topics import Topic
from hq.core.authority import Authority
from hq.core.evolve import apply
from hq.core.outputs import (
    Answer,
    LookUp,
    LookUpLabels,
    LookUpParents,
    LookUpPipeline,
    LookUpScript,
    Output,
    Publish,
)
from hq.core.state import Change, Job, State, StoredResult
from schemas.events import AnyEvent, Decision, EpochBegan
from schemas.facts import AttemptResult, Checkpoint, Failure, GuestState, MachineFacts
from schemas.messages import (
    Ack,
    AttemptReport,
    Claim,
    Claims,
    Decline,
    Declines,
    Grant,
    Heartbeat,
    Offer,
    Reply,
    Results,
    StandingClaim,
)
from schemas.requests import Submit
from schemas.specs import JobSpec, ScriptRef
from schemas.states import Outcome, Phase
from tests.unit.hq.core.ends import ends_in, labels_in, pipeline_in

SCRIPT = ScriptRef("0" * 64, "train.py")
NONCE = "c" * 32
EPOCH = 7
WALL = 1_800_000_000.0
Key = tuple[str, int]


def spec(**fields: Any) -> JobSpec:
    """Return the spec of a job that any machine can run."""
    return JobSpec(SCRIPT, **fields)


def instance_of(boot: int) -> str:
    """Return the instance that an agent's process of this boot has."""
    return f"{boot:032x}"


def success(key: Key, seconds: float = 1.0) -> AttemptResult:
    """Return a result that counts as a success."""
    return AttemptResult(*key, Outcome.SUCCEEDED, 0, {"accuracy": 0.5}, duration_seconds=seconds)


def failure(key: Key, message: str = "exit code 1") -> AttemptResult:
    """Return a result that counts as a failure."""
    return AttemptResult(*key, Outcome.FAILED, 1, failure=Failure("exit", message))


class SmallHouse:
    """One HQ and whoever the test plays."""

    #: How short jobs must be to be granted ahead to whoever claims ahead: here all of them.
    ahead_seconds = math.inf
    #: Whether parents that are not in memory are looked up at once, in the log.
    looks_up = True

    def __init__(self, decisions: tuple[Decision, ...] = (), epoch: int = EPOCH, now: float = 1000.0) -> None:
        self.now = now
        self.wall = WALL
        self.decisions: list[Decision] = list(decisions)
        self.changes: list[Change] = []
        self.outputs: list[Output] = []
        #: Parameters that scripts do not take, with what is said of them.
        self.untaken: dict[str, str] = {}
        self._ids = count(1)
        self._seqs: dict[tuple[str, int], int] = {}
        self.restart(epoch)

    def restart(self, epoch: int | None = None) -> None:
        """Start HQ anew on what was committed."""
        epoch = epoch or self.decisions[-1].epoch + 1
        instance = f"{epoch:032x}"
        began = Decision(
            len(self.decisions) + 1, epoch, f"{instance}-0", self.wall, (EpochBegan(epoch, instance),)
        )
        self.decisions.append(began)
        self.store((began,))
        state = self.load()
        self.authority = Authority(
            state,
            instance=instance,
            now=self.now,
            wall=self.wall,
            version="0",
            ahead_seconds=self.ahead_seconds,
        )
        self._take()

    def store(self, batch: tuple[Decision, ...]) -> None:
        """Let the log take decisions. Here it is the list `decisions` itself."""

    def load(self) -> State:
        """Return the state at a start of HQ."""
        return replay(self.decisions)

    # --- in -----------------------------------------------------------------------

    def send(self, topic: Topic, data: Any, agent: str = "attic") -> None:
        """Deliver what an agent publishes."""
        self.authority.receive(Inbound(topic, {"agent": agent}, f"m{next(self._ids)}", data), self.now)
        self._take()

    def ask(self, request: Any, client: str = "cli", message_id: str | None = None) -> str:
        """Deliver a client's request and return its id."""
        message_id = message_id or f"r{next(self._ids)}"
        self.authority.receive(Inbound(topics.REQUEST, {"client": client}, message_id, request), self.now)
        self._take()
        return message_id

    def heartbeat(
        self,
        agent: str = "attic",
        *held: tuple[Key, Phase],
        boot: int = 1,
        instance: str | None = None,
        seq: int | None = None,
        slots: int = 2,
        facts: MachineFacts | None = None,
        accepting: bool = True,
        gpu_reason: str = "",
        degraded: str = "",
        checkpoint: Checkpoint | None = None,
        standing: StandingClaim | None = None,
    ) -> Ack | None:
        """Deliver a heartbeat, with that checkpoint of all it holds, and return what was answered at once."""
        known = self._seqs.get((agent, boot), -1)
        seq = known + 1 if seq is None else seq
        self._seqs[agent, boot] = max(known, seq)
        reports = tuple(AttemptReport(*key, phase, checkpoint) for key, phase in held)
        why = "" if accepting else "the owner is at the keyboard"
        guest = GuestState(accepting, why, accepting_gpu=not gpu_reason, gpu_reason=gpu_reason)
        beat = Heartbeat(
            *(boot, instance or instance_of(boot), seq, slots, slots, reports, guest, facts, degraded),
            standing=standing,
        )
        before = len(self.outputs)
        self.send(topics.HEARTBEAT, beat, agent)
        acks = [o.data for o in self.outputs[before:] if isinstance(o, Publish) and o.topic is topics.ACK]
        return acks[-1] if acks else None

    def boot(self, agent: str = "attic", boot: int = 1, **fields: Any) -> None:
        """Deliver the first heartbeat of a boot and let HQ commit it."""
        self.heartbeat(agent, boot=boot, **fields)
        self.settle()

    def claim(self, offer: Offer, agent: str = "attic", boot: int = 1, nonce: str = NONCE) -> None:
        """Deliver the claim of an offer."""
        self.send(topics.CLAIM, Claims(boot, (Claim(offer.job, offer.token, nonce),)), agent)

    def decline(self, key: Key, agent: str = "attic", *, boot: int = 1, interrupted: bool = False) -> None:
        """Deliver a hand-back, or the refusal of an offer."""
        self.send(topics.DECLINE, Declines(boot, (Decline(*key, "no room", interrupted),)), agent)

    def deliver(self, *results: AttemptResult, agent: str = "attic", boot: int = 1) -> None:
        """Deliver results."""
        self.send(topics.RESULT, Results(boot, results), agent)

    # --- time ---------------------------------------------------------------------

    def decide(self) -> tuple[Decision, ...]:
        """Drain the inbox and return the decisions that are now in flight."""
        self.authority.tick(self.now)
        batch = self.authority.decide(self.now, self.wall)
        self._take()
        return batch

    def commit(self, batch: tuple[Decision, ...]) -> None:
        """Let the log take what is in flight."""
        self.decisions.extend(batch)
        self.store(batch)
        self.authority.note_log_alive(self.now)
        changes = self.authority.committed(self.now)
        self._take()
        self.changes.extend(changes)
        self.project(batch[-1].position, changes)

    def project(self, position: int, changes: list[Change]) -> None:
        """Let the read models take what a commit changed. Here there are none."""

    def step(self) -> tuple[Decision, ...]:
        """Decide, and commit if there is anything."""
        batch = self.decide()
        if batch:
            self.commit(batch)
        return batch

    def settle(self) -> None:
        """Step until nothing more follows."""
        while self.step():
            pass

    def wait(self, seconds: float) -> None:
        """Let time pass in steps of HQ's loop; nothing is heard meanwhile."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + 1.0)
            self.wall += 1.0
            self.authority.note_log_alive(self.now)
            self.settle()

    def skip(self, seconds: float) -> None:
        """Move the clock without running the loop."""
        self.now += seconds
        self.wall += seconds

    # --- out ----------------------------------------------------------------------

    def _take(self) -> None:
        outputs = self.authority.take_outputs()
        self.outputs.extend(outputs)
        for output in outputs if self.looks_up else ():
            if isinstance(output, LookUpParents):
                self.authority.found_parents(output, ends_in(self.decisions, output.parents))
            elif isinstance(output, LookUpLabels):
                self.authority.found_labels(output.request, labels_in(self.decisions, output.ids))
            elif isinstance(output, LookUpScript):
                self.authority.found_script(
                    output.request, tuple(self.untaken[name] for name in output.space if name in self.untaken)
                )
            elif isinstance(output, LookUpPipeline):
                self.authority.found_pipeline(output.request, pipeline_in(self.decisions, output.pipeline))

    @property
    def events(self) -> list[AnyEvent]:
        """Everything in the log, in order."""
        return [event for decision in self.decisions for event in decision.events]

    def of(self, kind: type[Any]) -> list[Any]:
        """Return the events of one type."""
        return [event for event in self.events if isinstance(event, kind)]

    def published(self, topic: Topic) -> list[Any]:
        """Return what was published on one topic."""
        return [o.data for o in self.outputs if isinstance(o, Publish) and o.topic is topic]

    def published_to(self, agent: str, topic: Topic) -> list[Any]:
        """Return what was published to one agent."""
        found = (o for o in self.outputs if isinstance(o, Publish) and o.topic is topic)
        return [o.data for o in found if o.names == {"agent": agent}]

    def look_ups(self) -> list[LookUp]:
        """Return the look-ups that were asked for."""
        return [o for o in self.outputs if isinstance(o, LookUp)]

    def stored(self, job: str) -> tuple[Job, AttemptResult, str]:
        """Return what the read models have of a job that ended: it, its result that counts, who ran it."""
        ended = next(one for one in reversed(self.changes) if isinstance(one, Job) and one.id == job)
        results = [one for one in self.changes if isinstance(one, StoredResult) and one.job == job]
        counting = next(one for one in results if one.verdict == "accepted")
        return ended, counting.result, counting.agent

    def replies(self, message_id: str) -> list[Reply]:
        """Return what was answered to one request."""
        return [o.reply for o in self.outputs if isinstance(o, Answer) and o.reply.request == message_id]

    # --- shortcuts ----------------------------------------------------------------

    def request(self, request: Any, client: str = "cli", message_id: str | None = None) -> Reply:
        """Ask, let HQ decide and commit, and return the last answer."""
        message_id = self.ask(request, client, message_id)
        self.settle()
        return self.replies(message_id)[-1]

    def submit(self, *specs: JobSpec, client: str = "cli") -> list[str]:
        """Submit jobs and return their ids."""
        reply = self.request(Submit(jobs=specs or (spec(),)), client)
        assert reply.error is None, reply.error
        return [str(job) for job in reply.result["jobs"]]

    def offers(self, agent: str = "attic") -> list[Offer]:
        """Return the offers that were ever made to an agent."""
        return [offer for message in self.published_to(agent, topics.OFFER) for offer in message.offers]

    def grants(self, agent: str = "attic") -> list[Grant]:
        """Return the grants that were ever given to an agent."""
        return [grant for message in self.published_to(agent, topics.GRANT) for grant in message.grants]

    def job(self, job: str) -> Job:
        """Return a live job."""
        return self.authority.state.jobs[job]

    def start(self, agent: str = "attic", **fields: Any) -> Key:
        """Submit a job, let this agent claim it, and return the key of its attempt."""
        if self.authority.state.agents.get(agent) is None:
            self.boot(agent)
        (job,) = self.submit(spec(**fields))
        return self.take(job, agent)

    def take(self, job: str, agent: str = "attic", boot: int = 1) -> Key:
        """Let an agent claim a job that was offered to it."""
        offer = [offer for offer in self.offers(agent) if offer.job == job][-1]
        self.claim(offer, agent, boot)
        self.settle()
        assert self.job(job).agent == agent
        return job, offer.token


def replay(decisions: list[Decision]) -> State:
    """Return the fold of decisions."""
    state = State()
    for decision in decisions:
        apply(state, decision)
    return state
