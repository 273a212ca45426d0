"""One agent in the simulation: the production core, a simulated runner and a spool that survives."""

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from agents.core.agent import AgentCore
from agents.core.effects import Send, Spool, Start, Stop, Unspool, WindDown
from bus.port import Inbound
from schemas.facts import AttemptResult, Failure, MachineFacts
from schemas.messages import Claims, Grant, Heartbeat
from schemas.states import Outcome
from tests.simulation.network import Clock, Network, World


class Plan(Struct, frozen=True):
    """What a job does when it runs."""

    seconds: float
    succeeds: bool = True
    #: Takes its machine down after this many seconds.
    crashes_after: float | None = None


class Execution(Struct):
    """One line of the ledger: a script that really ran, in true time."""

    job: str
    token: int
    agent: str
    began: float
    #: When it ended; None while it runs. Suspended time is not running.
    ended: float | None = None
    finished: bool = False
    spans: list[tuple[float, float]] = []
    span_began: float | None = None


class AgentNode:
    """A machine: it may be killed, suspended, lose its spool's disk space, and come back."""

    def __init__(
        self, name: str, slots: int, world: World, network: Network, oracle: Any, hqs: list[Any]
    ) -> None:
        self.name = name
        self.world = world
        self.network = network
        self.oracle = oracle
        self.hqs = hqs
        self.slots = slots
        #: Whether it claims ahead. One of the version before does not.
        self.stands = world.random.random() < 0.7
        self.clock = Clock(world)
        self.up = False
        self.paused = False
        self.spool_full = False
        self.boot = 0
        self.spool: dict[tuple[str, int], AttemptResult] = {}
        self.core: AgentCore | None = None
        self._life = 0
        self._running: dict[tuple[str, int], Execution] = {}
        self._inbox: list[Inbound] = []
        self._reports: list[tuple[str, Any]] = []
        self._woken_at = -1.0
        self._paused_at = 0.0

    # --- life ---------------------------------------------------------------------

    def start(self) -> None:
        if self.up:
            return
        self.up = True
        self._life += 1
        self.boot += 1
        self._inbox.clear()
        self._reports.clear()
        rng = self.world.random
        self.core = AgentCore(
            name=self.name,
            judge=lambda _grant: "",
            boot=self.boot,
            instance=f"{rng.getrandbits(128):032x}",
            slots=self.slots,
            facts=MachineFacts(cores=self.slots),
            spooled=list(self.spool.values()),
            now=self.clock.monotonic(),
            draw=rng.random,
            make_nonce=lambda: f"{rng.getrandbits(128):032x}",
        )
        self._step()

    def kill(self) -> None:
        """The process and, by its supervisor, every script of it are gone at once."""
        if self.paused:
            self.resume_spans()
        for execution in self._running.values():
            self._end(execution, finished=False)
        self._running.clear()
        self.up = False
        self.paused = False
        self.core = None
        self._life += 1

    def pause(self) -> None:
        """Suspend the machine: scripts stand still too."""
        if not self.up or self.paused:
            return
        self.paused = True
        self._paused_at = self.world.now
        for execution in self._running.values():
            assert execution.span_began is not None
            execution.spans.append((execution.span_began, self.world.now))
            execution.span_began = None

    def resume_spans(self) -> None:
        self.clock.note_sleep(self.world.now - self._paused_at)
        for execution in self._running.values():
            execution.span_began = self.world.now

    def resume(self) -> None:
        if not self.paused:
            return
        self.paused = False
        self.resume_spans()
        self._step()

    # --- the loop --------------------------------------------------------------------

    def receive(self, message: Inbound) -> None:
        if self.up:
            self._inbox.append(message)
            if not self.paused:
                self._step()

    def _step(self) -> None:
        core = self.core
        if core is None or self.paused:
            return
        now = self.clock.monotonic()
        core.tick(now)
        for kind, item in self._reports:
            if kind == "ended":
                core.run_ended(item, now)
            else:
                core.run_stopped(item[0], item[1], now)
        self._reports.clear()
        for message in self._inbox:
            core.hear(message, now)
        self._inbox.clear()
        core.tick(now)
        while effects := core.take_effects():
            spooled: list[AttemptResult] = []
            for effect in effects:
                if isinstance(effect, Spool):
                    spooled.append(effect.result)
                else:
                    self._perform(effect)
            if spooled:
                if not self.spool_full:
                    self.spool.update({(r.job, r.token): r for r in spooled})
                    self.oracle.on_spooled(spooled)
                core.spooled(spooled, now, "the spool cannot be written" if self.spool_full else "")
                core.tick(now)
        self._wake_later(core.next_wake(now))

    def _wake_later(self, seconds: float) -> None:
        life = self._life
        due = self.world.now + max(seconds, 0.005)
        if self.world.now < self._woken_at <= due:
            return
        self._woken_at = due

        def wake() -> None:
            if life == self._life and not self.paused:
                self._step()

        self.world.at(due, wake)

    def _perform(self, effect: Any) -> None:
        match effect:
            case Send(topic=topic, data=data):
                if isinstance(data, Heartbeat) and not self.stands:
                    data = replace(data, standing=None)
                self.oracle.on_claimed(claimed_in(data), self.world.now)
                message = Inbound(topic, {"agent": self.name}, "m", data)
                for hq in self.hqs:
                    self.network.send(self.name, hq.name, lambda hq=hq: hq.receive(message))
            case Start(grant=grant):
                self._begin(grant)
            case Stop(job=job, token=token, at_once=at_once):
                delay = 0.0 if at_once else self.world.random.random() * 5
                self._later(delay, (job, token), self._stopped)
            case WindDown(job=job, token=token):
                self._later(self.world.random.random() * 10, (job, token), self._wound_down)
            case Unspool(job=job, token=token):
                self.oracle.on_unspool(job, token, in_memory=(job, token) not in self.spool)
                self.spool.pop((job, token), None)

    # --- the runner ------------------------------------------------------------------

    def _begin(self, grant: Grant) -> None:
        key = (grant.job, grant.token)
        execution = Execution(grant.job, grant.token, self.name, self.world.now, spans=[])
        execution.span_began = self.world.now
        self.oracle.on_begin(execution, grant)
        self._running[key] = execution
        plan: Plan = self.oracle.plan_of(grant.spec)
        if plan.crashes_after is not None:
            self._later(plan.crashes_after, key, self._crash)
        self._later(plan.seconds, key, lambda k: self._finished(k, plan))

    def _later(self, delay: float, key: tuple[str, int], do: Any) -> None:
        life = self._life

        def happen() -> None:
            if life != self._life:
                return
            if self.paused:
                self.world.after(1.0, happen)
            elif key in self._running:
                do(key)

        self.world.after(delay, happen)

    def _finished(self, key: tuple[str, int], plan: Plan) -> None:
        self._end(self._running.pop(key), finished=True)
        failure = None if plan.succeeds else Failure("exit", "exit code 1")
        outcome = Outcome.SUCCEEDED if plan.succeeds else Outcome.FAILED
        said = {"token": key[1]} if plan.succeeds else None
        result = AttemptResult(*key, outcome, result=said, failure=failure, duration_seconds=plan.seconds)
        self._reports.append(("ended", result))
        self._step()

    def _wound_down(self, key: tuple[str, int]) -> None:
        """It ended early: politely, or it was ended; it delivers what it has in either case."""
        self._end(self._running.pop(key), finished=True)
        outcome = self.world.random.choice([Outcome.SUCCEEDED, Outcome.FAILED])
        self._reports.append(("ended", AttemptResult(*key, outcome)))
        self._step()

    def _stopped(self, key: tuple[str, int]) -> None:
        self._end(self._running.pop(key), finished=False)
        self._reports.append(("stopped", key))
        self.world.after(0, self._step)

    def _crash(self, key: tuple[str, int]) -> None:
        self.kill()
        self.world.after(5 + self.world.random.random() * 60, self.start)

    def _end(self, execution: Execution, *, finished: bool) -> None:
        execution.ended = self.world.now
        execution.finished = finished
        if execution.span_began is not None:
            execution.spans.append((execution.span_began, self.world.now))
            execution.span_began = None


def claimed_in(data: Any) -> list[str]:
    """Return what tells the claims in an agent's message: nonces, or the first part of those to come."""
    if isinstance(data, Claims):
        return [claim.nonce for claim in data.claims]
    return [data.standing.nonce] if isinstance(data, Heartbeat) and data.standing else []
