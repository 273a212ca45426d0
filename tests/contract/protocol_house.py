"""HQ and an agent's core on the wire, with time by hand: JSON in, JSON out, no broker and no database.

The production authority behind the production router and codec. Decisions are
kept in a list that plays the log; `holds_commits` keeps them in flight.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bus.codec import encode
from bus.outgoing import reply_name
from bus.port import Inbound
from bus.router import route
from bus.topics import DEFAULT_ROOT
from hq.core.authority import Authority
from hq.core.decide.models import Source
from hq.core.evolve import apply
from hq.core.outputs import (
    Answer,
    LookUp,
    LookUpLabels,
    LookUpModel,
    LookUpParents,
    LookUpPipeline,
    LookUpScript,
    LookUpSweep,
    Publish,
    RecordProgress,
)
from hq.core.scheduler import AHEAD_SECONDS
from hq.core.state import Job, State, StoredResult
from schemas.events import AnyEvent, Decision, EpochBegan
from schemas.facts import AttemptResult
from schemas.specs import JobSpec
from tests.unit.hq.core.ends import ends_in, labels_in, pipeline_in

INSTANCE = "a" * 32
#: Of the claims that tests make.
NONCE = "c" * 32
EPOCH = 7
BUNDLE = "0" * 64
TYPES = {"request": "idlehands.request", "presence": "idlehands.presence"}


@dataclass
class Sent:
    """One message as it left HQ."""

    name: str
    data: dict[str, Any]
    correlation: bytes | None = None


def envelope(name: str, data: dict[str, Any], message_id: str = "m", **more: Any) -> bytes:
    """Return the bytes of a message on a topic that agents or clients write."""
    kind = "idlehands." + name.split("/")[-1]
    whole = {"specversion": "1.0", "id": message_id, "source": "somebody", "type": kind, "data": data}
    return json.dumps(whole | more, separators=(",", ":")).encode()


class WireHq:
    """HQ without I/O. `log` holds what is committed, `sent` what was published."""

    def __init__(
        self,
        decisions: list[Decision] | None = None,
        epoch: int = EPOCH,
        ahead_seconds: float = AHEAD_SECONDS,
    ) -> None:
        self.now, self.wall = 1000.0, 1_800_000_000.0
        self.log: list[Decision] = list(decisions or [])
        self.sent: list[Sent] = []
        self.recorded: list[Any] = []
        self.holds_commits = False
        self.in_flight: tuple[Decision, ...] = ()
        #: Whether appends and pings succeed, so that HQ can prove that it leads.
        self.leads = True
        #: Parameters that scripts do not take, with what is said of them.
        self.untaken: dict[str, str] = {}
        self._specs: dict[str, JobSpec] = {}
        self._jobs: dict[str, Job] = {}
        #: Jobs with their results that count, and who ran them.
        self._ended: dict[str, tuple[Job, AttemptResult, str]] = {}
        state = State()
        for decision in self.log:
            apply(state, decision)
        began = Decision(
            state.position + 1, epoch, f"{INSTANCE}-0", self.wall, (EpochBegan(epoch, INSTANCE),)
        )
        self.log.append(began)
        apply(state, began)
        self._specs.update({job.id: job.spec for job in state.jobs.values()})
        self.authority = Authority(
            state,
            instance=INSTANCE,
            now=self.now,
            wall=self.wall,
            version="1",
            rest="http://127.0.0.1:1",
            ahead_seconds=ahead_seconds,
        )
        self.step()

    # --- the loop ------------------------------------------------------------------

    def step(self) -> None:
        """Do what HQ's loop does in one round."""
        if self.leads:
            self.authority.note_log_alive(self.now)
        self.authority.tick(self.now)
        self._perform()
        while batch := self.authority.decide(self.now, self.wall):
            self.in_flight = batch
            if self.holds_commits:
                return
            self.commit()
        self._perform()

    def commit(self) -> None:
        """Let what is in flight be committed."""
        self.log.extend(self.in_flight)
        self.in_flight = ()
        for change in self.authority.committed(self.now):
            if isinstance(change, Job):
                self._specs[change.id] = change.spec
                self._jobs[change.id] = change
            elif isinstance(change, StoredResult) and change.verdict == "accepted":
                self._ended[change.job] = (self._jobs[change.job], change.result, change.agent)
        self._perform()

    def later(self, seconds: float) -> None:
        """Let time pass, with a round of the loop every half second."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + 0.5)
            self.step()

    def _perform(self) -> None:
        for output in self.authority.take_outputs():
            match output:
                case Publish(topic=topic, names=names, data=data):
                    self._send(
                        f"{DEFAULT_ROOT}/{topic.of(**names)}",
                        encode(topic, data, message_id="m", source="hq"),
                    )
                case Answer(to=to, reply=reply):
                    name = reply_name(to, DEFAULT_ROOT)
                    assert name is not None
                    self.sent.append(Sent(name, json.loads(_json(reply)), to.correlation))
                case LookUp(request=request, jobs=jobs):
                    self.authority.retry(
                        request, {job: self._specs[job] for job in jobs if job in self._specs}
                    )
                    self.step()
                case LookUpModel(request=request):
                    self.authority.found_model(request, self._source_of(request.data))
                    self.step()
                case LookUpParents():
                    self.authority.found_parents(output, ends_in(self.log, output.parents))
                    self.step()
                case LookUpLabels(request=request, ids=ids):
                    self.authority.found_labels(request, labels_in(self.log, ids))
                    self.step()
                case LookUpScript(request=request, space=space):
                    untaken = tuple(self.untaken[name] for name in space if name in self.untaken)
                    self.authority.found_script(request, untaken)
                    self.step()
                case LookUpPipeline(request=request, pipeline=pipeline):
                    self.authority.found_pipeline(request, pipeline_in(self.log, pipeline))
                    self.step()
                case LookUpSweep(request=request, sweep=sweep):
                    jobs = tuple(job for job, spec in self._specs.items() if spec.sweep == sweep)
                    self.authority.found_sweep(request, jobs or None)
                    self.step()
                case RecordProgress():
                    self.recorded.append(output.data)

    def _source_of(self, request: Any) -> Source:
        if request.job not in self._ended:
            return Source(self._jobs.get(request.job))
        job, result, agent = self._ended[request.job]
        return Source(job, result, agent, stored=frozenset(file.sha256 for file in result.artifacts))

    def _send(self, name: str, payload: bytes) -> None:
        self.sent.append(Sent(name, json.loads(payload)["data"]))

    # --- from outside ----------------------------------------------------------------

    def put(self, name: str, payload: bytes, **properties: Any) -> None:
        """Deliver bytes on a topic below the root, and do a round of the loop."""
        self.authority.receive(route(name, payload, **properties), self.now)
        self.step()

    def take(self, name: str) -> list[dict[str, Any]]:
        """Return what was published on a topic below the root since the last look."""
        whole = f"{DEFAULT_ROOT}/{name}"
        found = [sent.data for sent in self.sent if sent.name == whole]
        self.sent = [sent for sent in self.sent if sent.name != whole]
        return found

    def events(self, kind: type[Any] | None = None) -> list[AnyEvent]:
        """Return what is committed, of one kind or all."""
        return [e for d in self.log for e in d.events if kind is None or isinstance(e, kind)]

    def ask(
        self, kind: str, *, by: str = "olga", message_id: str | None = None, **fields: Any
    ) -> dict[str, Any]:
        """Send a request and return the reply's data."""
        self._asked = getattr(self, "_asked", 0) + 1
        name = f"client/{by}/up/request"
        self.put(name, envelope(name, {"kind": kind, **fields}, message_id or f"r{self._asked}"))
        (reply,) = self.take(f"client/{by}/down/reply")
        return reply

    def submit(self, count: int = 1, **spec: Any) -> list[str]:
        """Submit jobs and return their ids."""
        reply = self.ask("submit", jobs=[job_spec(**spec)] * count)
        assert reply["ok"], reply
        jobs: list[str] = reply["result"]["jobs"]
        return jobs

    def refused(self) -> dict[str, int]:
        """Return how many messages were refused, by reason, as everybody can ask."""
        counted: dict[str, int] = self.ask("status")["result"]["refused"]
        return counted


def _json(value: Any) -> bytes:
    import msgspec

    return msgspec.json.encode(value)


def job_spec(**more: Any) -> dict[str, Any]:
    """Return a job spec as JSON has it."""
    return {"script": {"bundle": BUNDLE, "entry": "script.py"}, **more}


class WireAgent:
    """Sends what an agent sends, as JSON, when a test says so."""

    def __init__(
        self, hq: WireHq, name: str = "attic", *, boot: int = 1, slots: int = 1, letter: str = "b"
    ) -> None:
        self.hq, self.name, self.boot, self.slots = hq, name, boot, slots
        self.instance = letter * 32
        self.seq = -1

    def say(self, what: str, **data: Any) -> None:
        name = f"agent/{self.name}/up/{what}"
        self.hq.put(name, envelope(name, {"boot": self.boot, **data}))

    def hear(self, what: str) -> list[dict[str, Any]]:
        return self.hq.take(f"agent/{self.name}/down/{what}")

    def beat(self, *attempts: tuple[str, int, str], **more: Any) -> dict[str, Any]:
        """Send a heartbeat that lists these attempts and return the answer to it."""
        self.seq += 1
        listed = [{"job": job, "token": token, "phase": phase} for job, token, phase in attempts]
        data = {"instance": self.instance, "seq": self.seq, "slots": self.slots, "free": self.slots}
        self.say("heartbeat", **{**data, "attempts": listed, "facts": {"cores": 2}, **more})
        answers = [ack for ack in self.hear("ack") if ack.get("seq") == self.seq]
        return answers[-1] if answers else {}

    def offer(self) -> dict[str, Any]:
        """Return the one offer that is out for this agent."""
        (message,) = self.hear("offer")
        (offered,) = message["offers"]
        found: dict[str, Any] = offered
        return found

    def claim(self, job: str, token: int, nonce: str = NONCE) -> dict[str, Any]:
        """Claim and return the answer: a message with one grant or one denial."""
        self.say("claim", claims=[{"job": job, "token": token, "nonce": nonce}])
        (answer,) = self.hear("grant")
        found: dict[str, Any] = answer
        return found

    def begin(self, **spec: Any) -> tuple[str, int]:
        """Have a job submitted, offered, claimed and granted; return job and token."""
        (job,) = self.hq.submit(**spec)
        self.beat()
        offered = self.offer()
        assert offered["job"] == job
        assert "grants" in self.claim(job, offered["token"])
        return job, offered["token"]

    def result(self, job: str, token: int, outcome: str = "succeeded", **more: Any) -> dict[str, Any] | None:
        """Send a result and return HQ's ack of it, None when there is none."""
        self.say("result", results=[{"job": job, "token": token, "outcome": outcome, **more}])
        acks = [one for ack in self.hear("ack") for one in ack.get("results", ())]
        return acks[-1] if acks else None

    def keep_alive(self, seconds: float, *attempts: tuple[str, int, str]) -> None:
        """Let time pass, with a heartbeat every nine seconds."""
        end = self.hq.now + seconds
        while self.hq.now < end:
            self.beat(*attempts)
            self.hq.later(min(9.0, end - self.hq.now))
        self.beat(*attempts)


def inbound(name: str, data: dict[str, Any]) -> Inbound:
    """Return a message of HQ as an agent's core gets it."""
    kinds = {"offer": "offer", "grant": "grant", "ack": "ack", "state": "hq.state"}
    kind = "idlehands." + kinds[name.split("/")[-1]]
    whole = {"specversion": "1.0", "id": "m", "source": "hq", "type": kind, "data": data}
    found = route(name, json.dumps(whole).encode())
    assert isinstance(found, Inbound), found
    return found


#: Sentence of docs/protocol.md -> tests of tests/contract that refer to it.
PROVEN: dict[str, list[str]] = {}


def proves(*sentences: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Note which sentences of docs/protocol.md a test covers."""

    def note(test: Callable[..., None]) -> Callable[..., None]:
        for sentence in sentences:
            PROVEN.setdefault(sentence, []).append(test.__name__)
        return test

    return note
