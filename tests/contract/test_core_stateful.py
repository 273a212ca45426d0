"""Anything may happen in any order: the authority on a log in memory and on the real MongoDB does the same.

Two HQs hear exactly the same. One keeps its log in a list and folds all of it
at each start; the other appends to MongoDB, writes read models, lags behind
with them, and starts from them and the tail. Step by step both must decide and
publish alike, and the invariants of RELIABILITY must hold.
"""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test
from pymongo.database import Database

from hq.log.connection import connect
from hq.read_models.indexes import ensure_indexes
from hq.read_models.verify import find_differences
from schemas.facts import MachineFacts
from schemas.messages import StandingClaim
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
from schemas.specs import FloatRange, Needs, SweepSpec
from schemas.states import Phase
from tests.contract.core_houses import AGENTS, Houses
from tests.contract.mongo_house import MongoHouse
from tests.unit.hq.core.small_house import SmallHouse, failure, replay, spec, success

#: More with IDLEHANDS_EXAMPLES, for a night.
EXAMPLES = int(os.environ.get("IDLEHANDS_EXAMPLES", "0"))


class House(Houses):
    """Random commands to all houses at once."""

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
        if len(self.houses) > 1:
            # A result that was deleted with its job and comes again is stored again by an HQ that began from
            # the read models in between: they lack it by then. One that folded the whole log knows it.
            # What comes for the first time after the deletion is kept by both.
            forgotten = self.judge.forgotten
            results = tuple(result for result in results if (result.job, result.token) not in forgotten)
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

    # --- the end ---------------------------------------------------------------------

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
