"""HQ's core under tens of thousands of messages that are almost right: it never raises, and stays consistent.

What arrives goes the way of the wire: bytes, `route`, the authority, BSON
documents, bytes. A failing seed is in the test's name.
"""

import gc
import json
import random
import tracemalloc
from typing import Any

import msgspec
import pytest

from bus import topics
from bus.codec import encode
from bus.memory_bus import MemoryBus, MemoryHub
from bus.port import Inbound, Refusal
from bus.router import route
from bus.topics import Topic
from hq import publishing
from hq.core.outputs import Answer, LookUpPast, LookUpScript, LookUpSeries, Publish
from hq.log.documents import decision_to_document, document_to_decision
from hq.read_models.models import change_of, document_of, place_of
from schemas.events import Decision
from schemas.facts import MachineFacts
from schemas.messages import (
    AttemptReport,
    Claim,
    Claims,
    Decline,
    Declines,
    Heartbeat,
    LogBatch,
    LogLines,
    Presence,
    Progress,
    ProgressBatch,
    Results,
)
from schemas.requests import (
    AddTrials,
    AskTrial,
    Cancel,
    CancelSweep,
    ChangeSweep,
    Explain,
    FinishSweep,
    Hold,
    PauseSweep,
    Ping,
    Propose,
    Prune,
    ReadPast,
    ReadSeries,
    ReadStatus,
    ReadSweeps,
    Release,
    ReportTrial,
    ResumeSweep,
    Submit,
    SubmitSweep,
    TellTrial,
)
from schemas.specs import Choice, FloatRange, IntRange, Limits, SweepSpec
from schemas.states import Phase
from tests.fuzz.digest import digest
from tests.fuzz.mutations import mutate, spoil
from tests.unit.hq.core.small_house import NONCE, SmallHouse, failure, instance_of, replay, spec, success

MESSAGES = 1_500
AGENTS = ("attic", "cellar", "den")
CLIENTS = ("cli", "web", "search")


class FuzzedHouse(SmallHouse):
    """A house whose messages all travel as bytes, and whose log and read models are BSON."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.bus = MemoryBus(MemoryHub(), "hq")
        self.asked = 0
        self.answered = 0
        #: Refusals after which all of the state was compared with what it was before.
        self.looked = 0
        super().__init__()

    def _take(self) -> None:
        waiting = self.authority.take_outputs()
        while waiting:
            output = waiting.pop(0)
            if isinstance(output, Publish):
                publishing.publish(self.bus, output.topic, output.names, output.data)
            elif isinstance(output, Answer):
                self.answered += 1
                publishing.answer(self.bus, output.to, output.reply)
            elif isinstance(output, LookUpSeries | LookUpPast):
                self.authority.found_series(output.request, {"trials": [], "more": False})
                waiting += self.authority.take_outputs()
            elif isinstance(output, LookUpScript):
                self.authority.found_script(output.request, ())
            self.outputs.append(output)

    def store(self, batch: tuple[Decision, ...]) -> None:
        assert [document_to_decision(decision_to_document(decision)) for decision in batch] == list(batch)

    def project(self, position: int, changes: list[Any]) -> None:
        for change in changes:
            change_of(place_of(change)[0], document_of(change))

    # --- messages -------------------------------------------------------------------

    def deliver_bytes(self, name: str, payload: bytes) -> None:
        """Deliver what the broker would."""
        message = route(name, payload)
        is_request = message.topic is topics.REQUEST and bool(message.names)
        self.asked += is_request
        assert isinstance(message, Inbound | Refusal)
        # Looking at everything takes longer than handling a message, so not at each.
        looked = isinstance(message, Refusal) and self.draw.random() < 0.1
        before = digest(self.authority.state) if looked else ""
        self.authority.receive(message, self.now)
        self._take()
        if looked:
            self.looked += 1
            assert digest(self.authority.state) == before, message

    def make_message(self) -> tuple[Topic, dict[str, str], Any]:
        """Return a message that makes sense just now."""
        draw, state = self.draw, self.authority.state
        agent = draw.choice(AGENTS)
        jobs = draw.sample(sorted(state.jobs), min(3, len(state.jobs))) or ["j" + "a" * 12]
        sweep = draw.choice(sorted(state.sweeps) or ["s" + "a" * 12])
        keys = [(job.id, job.token) for job in state.jobs.values() if job.token and job.agent == agent][:5]
        key = draw.choice(keys or [(jobs[0], 7 * 2**20 + 1)])
        boot = state.agents[agent].boot if agent in state.agents else 1
        offers = [offer for offer in self.offers(agent)[-5:] if offer.job in state.jobs]
        requests: list[Any] = [
            Submit(jobs=(spec(retry_on_failure=1), spec(exclusive=True)), key=draw.choice((None, "k"))),
            Cancel(jobs=tuple(jobs)), Hold(jobs=tuple(jobs)), Release(jobs=tuple(jobs)), Explain(job=jobs[0]),
            SubmitSweep(sweep=SweepSpec(
                spec(), {"a": Choice((1, "b", None)), "c": FloatRange(0.1, 1), "d": IntRange(1, 9)}, trials=3
            )),
            SubmitSweep(sweep=SweepSpec(
                spec(asked=True, limits=Limits(wall_seconds=5)), {"a": IntRange(1, 9)}, trials=9, metric="m"
            )),
            AskTrial(sweep=sweep), ReportTrial(sweep=sweep, trial=0, token=key[1]),
            TellTrial(sweep=sweep, trial=draw.randrange(3), values=(0.5,)),
            TellTrial(sweep=sweep, trial=draw.randrange(3), state=draw.choice(("failed", "pruned"))),
            CancelSweep(sweep=sweep), Ping(), ReadStatus(), ReadSweeps(),
            Propose(sweep=sweep, first=draw.randrange(3), trials=({"a": 1}, {"a": 2})),
            PauseSweep(sweep=sweep), ResumeSweep(sweep=sweep), ReadSeries(sweep=sweep), ReadPast(sweep=sweep),
            ChangeSweep(sweep=sweep, trials=draw.randrange(1, 9), space={"a": IntRange(1, 2)}),
            FinishSweep(sweep=sweep, live=draw.choice(("finish", "wind_down"))),
            AddTrials(sweep=sweep, trials=({"a": 1, "c": 2.0, "d": 3},)),
            Prune(job=key[0], token=key[1], why="behind", step=draw.choice((None, 3))),
        ]  # fmt: skip
        beat = Heartbeat(
            boot + draw.choice((0, 0, 0, 0, 1)), instance_of(boot), draw.randrange(2**20), 4, 2,
            tuple(AttemptReport(*held, draw.choice(list(Phase))) for held in keys),
            facts=MachineFacts(cores=2),
        )  # fmt: skip
        said: list[tuple[Topic, Any]] = [
            (topics.HEARTBEAT, beat),
            (topics.CLAIM, Claims(boot, tuple(Claim(o.job, o.token, NONCE) for o in offers))),
            (topics.DECLINE, Declines(boot, (Decline(*key, "no", interrupted=draw.random() < 0.5),))),
            (topics.RESULT, Results(boot, (draw.choice((success, failure))(key),))),
            (topics.PROGRESS, ProgressBatch(boot, (Progress(*key, percent=50.0),))),
            (topics.LOG, LogBatch(boot, (LogLines(*key, 0, ("line",)),))),
            (topics.PRESENCE, Presence(draw.random() < 0.5, boot)),
        ]
        if draw.random() < 0.5:
            return topics.REQUEST, {"client": draw.choice(CLIENTS)}, draw.choice(requests)
        topic, data = draw.choice(said)
        return topic, {"agent": agent}, data

    def fuzz_once(self) -> None:
        """Deliver one message, as it should be or not."""
        topic, names, data = self.make_message()
        plain = msgspec.to_builtins(data)
        how = self.draw.random()
        if how < 0.6:
            plain = mutate(plain, self.draw)
        try:
            payload = encode(topic, plain, message_id=f"f{self.draw.randrange(2**40)}", source="fuzz")
        except (UnicodeEncodeError, OverflowError, ValueError):
            whole = {"specversion": "1.0", "id": "f", "source": "s", "type": topic.type, "data": plain}
            payload = json.dumps(whole).encode()
        self.deliver_bytes(topic.of(**names), spoil(payload, self.draw) if 0.6 <= how < 0.7 else payload)


@pytest.mark.parametrize(
    "seed", [*range(7), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(7, 400))]
)
def test_no_message_stops_hq_or_makes_it_inconsistent(seed: int) -> None:
    house = FuzzedHouse(seed)
    for agent in AGENTS:
        house.boot(agent, slots=4)

    for number in range(MESSAGES):
        house.fuzz_once()
        if number % 7 == 0:
            house.wait(house.draw.choice((0.1, 1.0, 3.0)))
        elif number % 3 == 0:
            house.settle()
    house.settle()

    # Every request was answered, also those that nobody could understand.
    assert house.answered == house.asked
    assert house.authority.state.position > MESSAGES / 20, "too little happened to prove anything"
    assert len(house.authority.books.refused) > 8
    assert house.looked > 5
    again = replay(house.decisions)
    for part in (
        "position",
        "epoch",
        "jobs",
        "finished",
        "agents",
        "sweeps",
        "answers",
        "reported",
        "trials",
    ):
        assert getattr(again, part) == getattr(house.authority.state, part), part


def test_messages_that_are_refused_take_no_memory() -> None:
    house = FuzzedHouse(0)
    house.boot("attic", slots=4)

    def refuse(count: int) -> int:
        """Deliver so many broken messages, and return the bytes that are in use afterwards."""
        for _ in range(count):
            topic, names, data = house.make_message()
            payload = encode(topic, data, message_id=f"m{house.draw.randrange(2**40)}", source="fuzz")
            house.deliver_bytes(topic.of(**names), payload[: house.draw.randrange(len(payload))])
        house.settle()
        house.outputs.clear()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before, position = refuse(500), house.authority.state.position
        after = refuse(1_500)
    finally:
        tracemalloc.stop()

    assert house.authority.state.position == position
    assert after - before < 50_000
