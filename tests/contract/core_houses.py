"""Several HQs at once with all their machines and clients: what goes to all, and what must then be alike.

Says nothing of what happens: the rules of `test_core_stateful` do.
"""

from collections.abc import Callable
from typing import Any

from hypothesis.stateful import RuleBasedStateMachine, invariant

from bus import topics
from hq.core.outputs import LookUp, LookUpSweep, Publish
from schemas.facts import AttemptResult
from schemas.messages import Reply
from schemas.requests import Explain, Propose, ReadSweeps, Retry, Submit, SubmitSweep
from schemas.states import Phase
from tests.contract.core_judge import Judge
from tests.contract.mongo_house import MongoHouse
from tests.unit.hq.core.small_house import Key, SmallHouse, spec

AGENTS = ("attic", "cellar", "den")


class Agent:
    """What one machine really holds."""

    def __init__(self) -> None:
        self.boot = 0
        self.held: dict[Key, Phase] = {}
        self.claimed: set[Key] = set()
        #: Of claims sent ahead: the first parts of their nonces, and the nonces that were granted.
        self.ahead: set[str] = set()
        self.granted: set[str] = set()
        self.results: dict[Key, AttemptResult] = {}


class Houses(RuleBasedStateMachine):
    """Several HQs that hear the same and must say and store the same; `houses[0]` is the one in memory."""

    def __init__(self, build: Callable[[], list[SmallHouse]]) -> None:
        super().__init__()
        self.houses = build()
        self.agents = {name: Agent() for name in AGENTS}
        self.jobs: list[str] = []
        self.sweeps: list[str] = []
        self.answered: dict[str, Reply] = {}
        self.requests: dict[str, tuple[Any, str]] = {}
        self.beats = 0
        #: How far each house's outputs, and the log, were looked at.
        self.seen = [0 for _ in self.houses]
        self.read = 0
        self.judge = Judge()

    @property
    def house(self) -> SmallHouse:
        return self.houses[0]

    def each(self, do: Callable[[SmallHouse], Any]) -> None:
        for house in self.houses:
            do(house)

    def ask(self, request: Any, client: str = "cli", key: str | None = None) -> None:
        key = key or f"key-{len(self.requests)}"
        self.requests.setdefault(key, (request, client))
        self.each(lambda house: house.ask(request, client, key))

    def job(self, pick: int) -> str:
        return self.jobs[pick % len(self.jobs)] if self.jobs else "j" + "a" * 12

    def key(self, agent: str, pick: int) -> Key:
        held = list(self.agents[agent].held)
        return held[pick % len(held)] if held else (self.job(pick), pick + 1)

    # --- what must hold after each step ----------------------------------------------------------

    @invariant()
    def both_say_and_store_the_same(self) -> None:
        fresh = [house.outputs[seen:] for house, seen in zip(self.houses, self.seen, strict=True)]
        for other in fresh[1:]:
            assert other == fresh[0]
        self.seen = [len(house.outputs) for house in self.houses]
        for house in self.houses[1:]:
            assert house.decisions[self.read :] == self.house.decisions[self.read :]
            assert isinstance(house, MongoHouse)
            assert list(house.log.read_after(self.read)) == self.house.decisions[self.read :]
        self.judge.read(self.house.decisions[self.read :])
        self.read = len(self.house.decisions)
        self._follow(fresh[0])

    def _follow(self, fresh: list[Any]) -> None:
        """Take up what was published, as agents and clients do."""
        for output in fresh:
            if isinstance(output, LookUp):
                found = {job: spec() for job in output.jobs if job in self.judge.stored}
                self.each(lambda house, o=output, f=found: house.authority.retry(o.request, f))
            elif isinstance(output, LookUpSweep):
                jobs = self.judge.stored_jobs_of(output.sweep)
                self.each(lambda house, o=output, f=jobs: house.authority.found_sweep(o.request, f))
            elif isinstance(output, Publish):
                self.judge.hear(output)
                if output.topic is topics.ACK:
                    for ack in output.data.results:
                        self.agents[output.names["agent"]].results.pop((ack.job, ack.token), None)
                        self.agents[output.names["agent"]].held.pop((ack.job, ack.token), None)
            else:
                reply = getattr(output, "reply", None)
                assert reply is None or reply.position <= self.read, "I1: answered before its commit"
                if reply is not None and reply.error is None:
                    request, _ = self.requests[reply.request]
                    if not isinstance(request, Explain | ReadSweeps):
                        known = self.answered.setdefault(reply.request, reply)
                        assert reply == known, f"I7: {reply.request} was answered twice, differently"
                    if isinstance(request, Submit | Retry | Propose):
                        self.jobs.extend(job for job in reply.result["jobs"] if job not in self.jobs)
                    elif isinstance(request, SubmitSweep) and reply.result["sweep"] not in self.sweeps:
                        self.sweeps.append(reply.result["sweep"])
