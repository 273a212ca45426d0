"""A search process that proposes a sweep's trials, prunes some of them, and pauses and resumes the sweep.

It reads who runs from the leader's memory, which is newer than any notice, so
that it asks for what is just about to change. Every request is repeated until
answered, under one key.
"""

import random
from typing import Any

from bus import topics
from bus.port import Inbound
from schemas.messages import Reply
from schemas.requests import PauseSweep, Propose, Prune, ResumeSweep, SubmitSweep
from schemas.specs import IntRange, JobSpec, ScriptRef, SweepSpec
from schemas.states import JobStatus
from tests.simulation.agent_node import Plan
from tests.simulation.network import Network, World

REPEAT_SECONDS = 2.0
LOOK_SECONDS = 3.0


class SearchNode:
    """Stands for the search process, and for whoever owns the sweep."""

    def __init__(self, seed: int, world: World, network: Network, oracle: Any, hqs: list[Any]) -> None:
        self.name = "search"
        self.world, self.network, self.oracle, self.hqs = world, network, oracle, hqs
        self.calm = False
        #: Of its own: what it does must not change what befalls the others.
        self._random = random.Random(seed)
        self._open: dict[str, Any] = {}
        self._count = 0
        self._sweep = ""

    def begin(self, trials: int, seconds: float) -> None:
        """Submit a sweep of trials that take so long."""
        plan = "trial"
        self.oracle.plans[plan] = Plan(seconds)
        job = JobSpec(ScriptRef("0" * 64, "script.py"), name=plan, retry_on_failure=1)
        spec = SweepSpec(job, {"x": IntRange(0, 9)}, trials=trials, metric="x")
        self._ask(SubmitSweep(sweep=spec))
        self._look(trials)

    def _look(self, trials: int) -> None:
        if self._sweep:
            self._act(trials)
        self.world.after(LOOK_SECONDS, lambda: self._look(trials))

    def _act(self, trials: int) -> None:
        leader = next((hq.authority for hq in self.hqs if hq.authority is not None and not hq.paused), None)
        sweep = leader.state.sweeps.get(self._sweep) if leader is not None else None
        if leader is None or sweep is None or self._open:
            return
        paused = sweep.status == "paused"
        if sweep.proposed < trials and not paused:
            values = tuple({"x": number} for number in range(self._random.randint(1, 3)))
            values = values[: trials - sweep.proposed]
            self._ask(Propose(sweep=sweep.id, first=sweep.proposed, trials=values))
        elif paused and (self.calm or self._random.random() < 0.3):
            self._ask(ResumeSweep(sweep=sweep.id))
        elif not paused and not self.calm and self._random.random() < 0.1:
            self._ask(PauseSweep(sweep=sweep.id))
        running = [job for job in leader.state.jobs.values() if job.spec.sweep and job.token]
        if running and self._random.random() < 0.4:
            job = self._random.choice(sorted(running, key=lambda one: one.order))
            # Now and then of an attempt that is over.
            is_newest = job.status is JobStatus.RUNNING and self._random.random() < 0.9
            self._ask(
                Prune(job=job.id, token=job.token if is_newest else max(job.token - 1, 1), why="behind")
            )

    def _ask(self, request: Any) -> None:
        self._count += 1
        key = f"search-{self._count}"
        self._open[key] = request
        whom = self.name

        def send() -> None:
            if key not in self._open:
                return
            message = Inbound(topics.REQUEST, {"client": whom}, key, request)
            for hq in self.hqs:
                self.network.send(self.name, hq.name, lambda hq=hq: hq.receive(message))
            self.world.after(REPEAT_SECONDS, send)

        send()

    def receive(self, message: Inbound) -> None:
        """Take in an answer."""
        reply = message.data
        if not isinstance(reply, Reply) or (reply.error is not None and reply.error.code == "unavailable"):
            return
        asked = self._open.pop(reply.request, None)
        if asked is None or not reply.ok:
            return
        self.oracle.check_answer(self.name, reply)
        if isinstance(asked, SubmitSweep):
            self._sweep = reply.result["sweep"]
        elif isinstance(asked, Prune):
            self.oracle.pruned.add(asked.job)

    @property
    def waits(self) -> bool:
        """Tell whether a request is not answered yet."""
        return bool(self._open)
