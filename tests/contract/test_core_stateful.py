"""Anything may happen in any order: the authority on a log in memory and on the real MongoDB does the same.

Two HQs hear exactly the same. One keeps its log in a list and folds all of it
at each start; the other appends to MongoDB, writes read models, lags behind
with them, and starts from them and the tail. Step by step both must decide and
publish alike, and the invariants of RELIABILITY must hold.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from pymongo.database import Database

from bus import topics
from hq.core.outputs import LookUp, LookUpSweep, Publish
from hq.core.state import Change, State
from hq.log.connection import connect
from hq.log.mongo import MongoLog
from hq.read_models.indexes import ensure_indexes
from hq.read_models.loading import load
from hq.read_models.verify import find_differences
from hq.read_models.writer import Changes
from schemas import events as ev
from schemas.events import Decision
from schemas.facts import AttemptResult, MachineFacts
from schemas.messages import Reply, StandingClaim
from schemas.requests import (
    Cancel,
    CancelSweep,
    Delete,
    DeleteSweep,
    Explain,
    Hold,
    Propose,
    ReadSweeps,
    Release,
    Retry,
    Submit,
    SubmitSweep,
)
from schemas.specs import FloatRange, JobSpec, Needs, SweepSpec
from schemas.states import Phase
from tests.unit.hq.core.small_house import Key, SmallHouse, failure, replay, spec, success

AGENTS = ("attic", "cellar", "den")
ENDS = (ev.JobSucceeded, ev.JobFailed, ev.JobCancelled, ev.JobDied)
#: More with IDLEHANDS_EXAMPLES, for a night.
EXAMPLES = int(os.environ.get("IDLEHANDS_EXAMPLES", "0"))


class MongoHouse(SmallHouse):
    """The same HQ on the real log and the real read models."""

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self.database = database
        self.log = MongoLog(database)
        self.waiting = Changes()
        #: The projector is behind: what is committed reaches the read models later, or never.
        self.lags = False
        super().__init__()

    def store(self, batch: tuple[Decision, ...]) -> None:
        self.log.append(batch)

    def load(self) -> State:
        self.waiting = Changes()
        state, self.writer = load(self.database, self.log)
        return state

    def project(self, position: int, changes: list[Change]) -> None:
        self.waiting.add(position, changes)
        if not self.lags:
            self.catch_up()

    def catch_up(self) -> None:
        if self.waiting.position:
            self.writer.write(self.waiting)
            self.waiting = Changes()


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


class House(RuleBasedStateMachine):
    """Random commands to all houses at once; `houses[0]` is the one in memory."""

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

    # --- both at once -----------------------------------------------------------------

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

    # --- clients -----------------------------------------------------------------------

    @initialize()
    def begin(self) -> None:
        for name in AGENTS[:2]:
            self.reboot(name)
        self.decide()

    @rule(
        count=st.integers(1, 3),
        exclusive=st.booleans(),
        retries=st.sampled_from([0, 0, 2]),
        starts=st.sampled_from([1, 3]),
        priority=st.sampled_from([0, 0, 5]),
        agent=st.sampled_from([None, None, "den"]),
        wait=st.sampled_from([0, 0, 20]),
        expires=st.sampled_from([0, 0, 60]),
        client=st.sampled_from(["cli", "anna"]),
    )
    def submit(
        self, count: int, exclusive: bool, retries: int, starts: int, priority: int, agent: str | None,
        wait: int, expires: int, client: str,
    ) -> None:  # fmt: skip
        wall = self.house.wall
        job = spec(
            exclusive=exclusive,
            retry_on_failure=retries,
            max_starts=starts,
            priority=priority,
            needs=Needs(agent=agent),
            not_before=wall + wait if wait else 0,
            expires=wall + expires if expires else 0,
            params={"$ref": 1, "a.b": [0.5, None]},
        )
        self.ask(Submit(jobs=(job,) * count), client)

    @rule(pick=st.integers(0, 99), kind=st.sampled_from([Cancel, Hold, Release, Retry]), more=st.booleans())
    def change_jobs(self, pick: int, kind: type[Any], more: bool) -> None:
        jobs = (self.job(pick), self.job(pick // 2)) if more else (self.job(pick),)
        self.ask(kind(jobs=jobs))

    @rule(pick=st.integers(0, 99), sweep=st.booleans())
    def delete(self, pick: int, sweep: bool) -> None:
        if sweep and self.sweeps:
            self.ask(DeleteSweep(sweep=self.sweeps[pick % len(self.sweeps)]))
        else:
            self.ask(Delete(jobs=(self.job(pick),)))

    @rule(trials=st.integers(1, 4))
    def submit_sweep(self, trials: int) -> None:
        self.ask(SubmitSweep(sweep=SweepSpec(spec(), {"x": FloatRange(0, 1)}, trials=trials)))

    @rule(
        pick=st.integers(0, 9),
        count=st.integers(0, 3),
        shift=st.sampled_from([0, 0, 0, 1]),
        last=st.booleans(),
    )
    def propose(self, pick: int, count: int, shift: int, last: bool) -> None:
        if self.sweeps:
            sweep = self.sweeps[pick % len(self.sweeps)]
            live = self.house.authority.state.sweeps.get(sweep)
            first = (live.proposed if live else 0) + shift
            trials = tuple({"x": i / 8} for i in range(count))
            self.ask(Propose(sweep=sweep, first=first, trials=trials, exhausted=last), "search")

    @rule(pick=st.integers(0, 9))
    def cancel_sweep(self, pick: int) -> None:
        if self.sweeps:
            self.ask(CancelSweep(sweep=self.sweeps[pick % len(self.sweeps)]))

    @rule(pick=st.integers(0, 99), question=st.booleans())
    def question(self, pick: int, question: bool) -> None:
        self.ask(Explain(job=self.job(pick)) if question else ReadSweeps())

    @rule(pick=st.integers(0, 99))
    def ask_again(self, pick: int) -> None:
        if self.requests:
            key = list(self.requests)[pick % len(self.requests)]
            request, client = self.requests[key]
            self.ask(request, client, key)

    # --- agents ----------------------------------------------------------------------------

    @rule(
        name=st.sampled_from(AGENTS),
        accepting=st.booleans(),
        old=st.sampled_from([0, 0, 0, 1]),
        ahead=st.sampled_from([None, None, 0, 0, 0, -1]),
    )
    def heartbeat(self, name: str, accepting: bool, old: int, ahead: int | None = None) -> None:
        """Of this boot or an older one, with a claim ahead for this HQ or an older one, or with none."""
        agent = self.agents[name]
        if agent.boot > old:
            held = [] if old else list(agent.held.items())
            standing = None
            if ahead is not None:
                self.beats += 1
                standing = StandingClaim(self.house.authority.state.epoch + ahead, f"{self.beats:024x}", 3)
                agent.ahead.add(standing.nonce)
            self.each(
                lambda house: house.heartbeat(
                    name, *held, boot=agent.boot - old, accepting=accepting, standing=standing
                )
            )

    @rule(name=st.sampled_from(AGENTS))
    def reboot(self, name: str) -> None:
        agent = self.agents[name]
        agent.boot += 1
        agent.claimed.clear()
        agent.ahead.clear()
        agent.held = dict.fromkeys(agent.results, Phase.SPOOLED)
        held = list(agent.held.items())
        facts = MachineFacts(cores=agent.boot)
        self.each(lambda house: house.heartbeat(name, *held, boot=agent.boot, facts=facts))

    @rule(name=st.sampled_from(AGENTS), whose=st.sampled_from(AGENTS), nonce=st.sampled_from("ccd"))
    def claim(self, name: str, whose: str, nonce: str) -> None:
        agent = self.agents[name]
        for offer in self.house.offers(whose if nonce == "d" else name)[-3:]:
            agent.claimed.add((offer.job, offer.token))
            self.each(lambda house, o=offer: house.claim(o, name, max(agent.boot, 1), nonce * 32))

    @rule(name=st.sampled_from(AGENTS))
    def begin_granted(self, name: str) -> None:
        agent = self.agents[name]
        for grant in self.house.grants(name):
            key = (grant.job, grant.token)
            ahead = grant.nonce[:24] in agent.ahead and grant.nonce not in agent.granted
            if grant.boot == agent.boot and (key in agent.claimed or ahead):
                agent.claimed.discard(key)
                agent.granted.add(grant.nonce)
                agent.held[key] = Phase.RUNNING

    @rule(name=st.sampled_from(AGENTS), pick=st.integers(0, 9), interrupted=st.booleans())
    def hand_back(self, name: str, pick: int, interrupted: bool) -> None:
        key = self.key(name, pick)
        if self.agents[name].held.get(key) is not Phase.SPOOLED:
            self.agents[name].held.pop(key, None)
            self.each(lambda house: house.decline(key, name, interrupted=interrupted))

    @rule(name=st.sampled_from(AGENTS), pick=st.integers(0, 9), succeeds=st.booleans())
    def finish(self, name: str, pick: int, succeeds: bool) -> None:
        agent = self.agents[name]
        running = [key for key, phase in agent.held.items() if phase is Phase.RUNNING]
        if running:
            key = running[pick % len(running)]
            agent.held[key] = Phase.SPOOLED
            agent.results[key] = success(key) if succeeds else failure(key)
            self.judge.ran.add(key)

    @rule(name=st.sampled_from(AGENTS), wrong=st.sampled_from([False, False, True]))
    def deliver(self, name: str, wrong: bool) -> None:
        results = tuple(self.agents[name].results.values())
        sender = AGENTS[0] if wrong else name
        if results:
            self.each(lambda house: house.deliver(*results, agent=sender))

    @rule(name=st.sampled_from(AGENTS), steps=st.integers(1, 6), succeeds=st.booleans(), ahead=st.booleans())
    def work(self, name: str, steps: int, succeeds: bool, ahead: bool = False) -> None:
        """An agent that does as it should, as far as it comes."""
        if self.agents[name].boot == 0:
            self.reboot(name)
            self.decide()
        for step in (
            lambda: self.heartbeat(name, True, 0, 0 if ahead else None),
            lambda: self.claim(name, name, "c"),
            lambda: self.begin_granted(name),
            lambda: self.heartbeat(name, True, 0),
            lambda: self.finish(name, 0, succeeds),
            lambda: self.deliver(name, False),
        )[:steps]:
            step()
            self.decide()
            self.both_say_and_store_the_same()

    @rule(name=st.sampled_from(AGENTS), steps=st.integers(2, 6), succeeds=st.booleans())
    def work_on_a_new_job(self, name: str, steps: int, succeeds: bool) -> None:
        self.ask(Submit(jobs=(spec(max_starts=2, retry_on_failure=1, needs=Needs(agent=name)),)))
        self.work(name, steps, succeeds)

    @rule(count=st.integers(0, 3), last=st.booleans(), cancel=st.booleans())
    def search(self, count: int, last: bool, cancel: bool) -> None:
        """A search process that does as it should."""
        self.submit_sweep(3)
        self.decide()
        self.both_say_and_store_the_same()
        self.propose(len(self.sweeps) - 1, count, 0, last)
        self.decide()
        if cancel:
            self.cancel_sweep(len(self.sweeps) - 1)

    # --- HQ and time ------------------------------------------------------------------------

    @rule()
    def decide(self) -> None:
        self.each(lambda house: house.settle())

    @rule(again=st.booleans())
    def append_slowly(self, again: bool) -> None:
        """Something happens while an append is in flight."""
        for name in AGENTS:
            self.begin_granted(name)
            self.finish(name, 0, again)
            self.deliver(name, False)
            self.claim(name, name, "c")
        batches = [house.decide() for house in self.houses]
        self.both_say_and_store_the_same()
        for name in AGENTS if again else AGENTS[:1]:
            self.heartbeat(name, True, 0)
        for house, batch in zip(self.houses, batches, strict=True):
            if batch:
                house.commit(batch)

    @rule(seconds=st.sampled_from([1, 6, 11, 36, 51]))
    def wait(self, seconds: int) -> None:
        self.each(lambda house: house.wait(seconds))

    @rule()
    def restart(self) -> None:
        self.each(lambda house: house.restart())

    @rule(landed=st.booleans())
    def die_during_an_append(self, landed: bool) -> None:
        """HQ is killed when the log has the decisions, or has not, and nothing was published."""
        batches = [house.decide() for house in self.houses]
        self.both_say_and_store_the_same()
        for house, batch in zip(self.houses, batches, strict=True):
            if landed and batch:
                house.decisions.extend(batch)
                house.store(batch)
            house.restart()

    @rule(lags=st.booleans())
    def lag(self, lags: bool) -> None:
        for house in self.houses:
            if isinstance(house, MongoHouse):
                house.lags = lags

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

    def _let_all_end(self) -> None:
        """I1: once everybody does as they should, every job reaches its end."""
        for name in AGENTS:
            self.reboot(name)
        for _ in range(60):
            self.decide()
            live = self.house.authority.state.jobs
            held = tuple(job for job, at in live.items() if at.status == "held")
            if held:
                self.ask(Release(jobs=held))
            for name in AGENTS:
                self.work(name, 4, succeeds=True)
                for _ in self.agents[name].held:
                    self.finish(name, 0, succeeds=True)
                self.deliver(name, wrong=False)
                self.decide()
                self.both_say_and_store_the_same()
            if not self.house.authority.state.jobs:
                return
            self.wait(6)
        raise AssertionError(f"I1: {list(self.house.authority.state.jobs.values())} never ended")

    def teardown(self) -> None:
        self._let_all_end()
        for house in self.houses:
            house.settle()
            state = house.authority.state
            folded = replay(house.decisions)
            assert (state.jobs, state.sweeps, state.agents) == (folded.jobs, folded.sweeps, folded.agents)
            assert dict(state.trials) == {k: v for k, v in folded.trials.items() if v or k in state.trials}
            if isinstance(house, MongoHouse):
                house.catch_up()
                assert find_differences(house.database, house.log) == [], "I11"


class Judge:
    """I3, I6, I8 and I22, from the log and from what was published."""

    def __init__(self) -> None:
        self.jobs: dict[str, JobSpec] = {}
        #: Jobs and sweeps that were not deleted.
        self.stored: set[str] = set()
        self.ran: set[Key] = set()
        self._position = 0
        self._epoch = 0
        self._tokens: dict[str, list[int]] = defaultdict(list)
        self._ended: dict[str, Any] = {}
        self._starts: dict[str, int] = defaultdict(int)
        self._lost: dict[str, set[str]] = defaultdict(set)
        self._revisions: dict[str, int] = defaultdict(int)
        self._keys: set[tuple[str, str]] = set()
        self._ahead: set[tuple[str, str]] = set()
        self._results: set[Key] = set()
        self._state = State()

    def read(self, decisions: list[Decision]) -> None:
        for decision in decisions:
            assert decision.position == self._position + 1, "I6: a gap"
            assert decision.epoch >= self._epoch, "I15: an older epoch after a newer"
            self._position, self._epoch = decision.position, decision.epoch
            assert decision.events
            for event in decision.events:
                self._judge(event)

    def stored_jobs_of(self, sweep: str) -> tuple[str, ...] | None:
        """Return what the read models would find of a sweep."""
        jobs = tuple(job for job, at in self.jobs.items() if at.sweep == sweep and job in self.stored)
        return jobs if sweep in self.stored else None

    def _judge(self, event: Any) -> None:
        if isinstance(event, ev.SweepSubmitted):
            self.stored.add(event.sweep)
        elif isinstance(event, ev.SweepDeleted):
            self.stored.discard(event.sweep)
        if isinstance(event, ev.RequestAnswered):
            assert (event.submitter, event.key) not in self._keys, "I7: carried out twice"
            self._keys.add((event.submitter, event.key))
        result = getattr(event, "result", None)
        if result is not None:
            self._results.add((result.job, result.token))
        job = getattr(event, "job", None)
        if job is None:
            return
        if isinstance(event, ev.JobDeleted):
            assert job in self._ended, "a job was deleted that had not ended"
            self.stored.discard(job)
        elif not isinstance(event, ev.ResultSuperseded | ev.TrialProposed):
            assert job not in self._ended, f"I6: {event} after {self._ended.get(job)}"
        match event:
            case ev.JobSubmitted():
                self.jobs[job] = event.spec
                self.stored.add(job)
            case ev.JobClaimed():
                assert event.token > max(self._tokens[job], default=0), "I6: a token that is not larger"
                assert self._starts[job] < self.jobs[job].starts_allowed, "I8: granted beyond its starts"
                assert len(self._lost[job]) < 2, "I8: granted again after two machines were lost"
                self._tokens[job].append(event.token)
                if event.standing:
                    assert (event.agent, event.nonce) not in self._ahead, "I5: one claim was granted twice"
                    self._ahead.add((event.agent, event.nonce))
            case ev.AttemptLost():
                self._lost[job].add(event.agent)
                self._starts[job] += event.token == self._tokens[job][-1]
            case ev.AttemptFailed():
                self._starts[job] += 1
            case ev.JobSucceeded():
                assert event.token in self._tokens[job], "I3: a result of an attempt never granted"
                assert (job, event.token) in self.ran, "I3: a result of an attempt that never ran"
                self._starts[job] += 1
            case ev.JobFailed():
                self._starts[job] += event.token is not None
            case ev.JobDied():
                used_up = self._starts[job] >= self.jobs[job].starts_allowed
                assert used_up or len(self._lost[job]) >= 2, "I8: dead before its time"
        assert job not in self.jobs or self._starts[job] <= self.jobs[job].starts_allowed, "I8"
        if isinstance(event, ENDS):
            self._ended[job] = event

    def hear(self, output: Publish) -> None:
        if output.topic is topics.JOB_EVENT:
            job, revision = output.names["job"], output.data.revision
            assert revision > self._revisions[job], "I22: a job went backwards"
            self._revisions[job] = revision
            assert output.data.position <= self._position, "published before its commit"
        elif output.topic is topics.ACK:
            for ack in output.data.results:
                kept = ack.verdict == "refused" or (ack.job, ack.token) in self._results
                assert kept, "I4: acknowledged and not in the log"
        elif output.topic is topics.GRANT:
            for grant in output.data.grants:
                assert grant.token in self._tokens[grant.job], "I5: a grant that is not in the log"


def test_the_authority_keeps_its_promises_whatever_happens() -> None:
    run_state_machine_as_test(
        lambda: House(lambda: [SmallHouse()]),
        settings=settings(
            max_examples=EXAMPLES or 80,
            stateful_step_count=60,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.fixture(scope="module")
def database(mongod_server: Any) -> Iterator[Database[dict[str, Any]]]:
    database = connect(mongod_server.uri_of("test_core_stateful"))
    ensure_indexes(database)
    yield database
    database.client.drop_database(database.name)
    database.client.close()


def test_on_mongodb_and_in_memory_it_does_the_same(database: Database[dict[str, Any]]) -> None:
    def build() -> list[SmallHouse]:
        for name in database.list_collection_names():
            database[name].delete_many({})
        return [SmallHouse(), MongoHouse(database)]

    run_state_machine_as_test(
        lambda: House(build),
        settings=settings(
            max_examples=EXAMPLES or 15,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
