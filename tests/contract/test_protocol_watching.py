"""docs/protocol.md: what everybody may hear: HQ's state, notices, progress and logs, presence."""

import msgspec

from bus import topics
from bus.memory_bus import MemoryBus, MemoryHub
from bus.port import BusInput, Inbound
from hq.publishing import publish
from schemas import (
    events,
    facts,
    messages,
)
from schemas.states import JobStatus
from tests.contract.bus_worlds import eventually
from tests.contract.protocol_house import WireAgent, WireHq, envelope, job_spec, proves

JOB = "j" + "a" * 12


@proves("P14")
def test_hq_says_its_state_when_it_begins_and_every_three_seconds() -> None:
    hq = WireHq()
    said = {"online": True, "epoch": 7, "version": "1", "rest": "http://127.0.0.1:1"}
    assert hq.take("hq/state") == [said]

    hq.later(9)

    assert len(hq.take("hq/state")) == 3
    hq.authority.greet(hq.now)
    hq.step()
    assert len(hq.take("hq/state")) == 1


@proves("P15", "P16", "P17")
def test_notices_number_a_jobs_events_without_gaps_until_its_end() -> None:
    hq = WireHq()
    agent = WireAgent(hq)
    job, token = agent.begin()
    agent.beat((job, token, "running"))
    agent.result(job, token)
    agent.result(job, token + 5)

    notices = hq.take(f"job/{job}/event")
    assert [notice["event"]["type"] for notice in notices] == ["JobSubmitted", "JobClaimed", "JobSucceeded"]
    assert [notice["revision"] for notice in notices] == [1, 2, 3]
    assert [notice["status"] for notice in notices] == ["queued", "running", "succeeded"]
    where = [(notice["position"], notice["index"]) for notice in notices]
    assert where == sorted(set(where))
    for notice in notices:
        stored = hq.log[notice["position"] - 1].events[notice["index"]]
        assert msgspec.to_builtins(stored) == notice["event"]


@proves("P17")
def test_a_late_result_is_stored_and_changes_nothing() -> None:
    hq = WireHq()
    agent = WireAgent(hq)
    job, token = agent.begin()
    hq.ask("cancel", jobs=[job])

    assert agent.result(job, token) == {"job": job, "token": token, "verdict": "superseded"}

    assert [notice["status"] for notice in hq.take(f"job/{job}/event")][-1] == "cancelled"
    assert len(hq.events(events.ResultSuperseded)) == 1


class Listener:
    """Keeps what arrives on a bus."""

    def __init__(self, hub: MemoryHub, topic: topics.Topic) -> None:
        self.got: list[Inbound] = []
        self.bus = MemoryBus(hub, "olga")
        self.bus.subscribe(topic)
        self.bus.start(self._note)

    def _note(self, what: BusInput) -> None:
        if isinstance(what, Inbound):
            self.got.append(what)


@proves("P18")
def test_a_notice_that_would_not_fit_comes_without_its_bulk() -> None:
    hub = MemoryHub()
    listener, hq = Listener(hub, topics.JOB_EVENT), MemoryBus(hub, "hq")
    hq.start(lambda _: None)
    points = tuple(facts.MetricPoint(n, 0.0, {"loss": 0.1}) for n in range(9000))
    result = facts.AttemptResult(JOB, 1, facts.Outcome.SUCCEEDED, result={"x": 1}, series=points)
    event = events.JobSucceeded(JOB, 1, result)
    notice = messages.JobNotice(3, 0, 2, JobStatus.SUCCEEDED, event)

    publish(hq, topics.JOB_EVENT, {"job": JOB}, notice)

    (arrived,) = eventually(lambda: listener.got)
    assert arrived.data.revision == notice.revision
    assert (arrived.data.event.result.series, arrived.data.event.result.result) == ((), None)
    assert "REST" in arrived.data.event.result.notes[0]
    hq.stop()
    listener.bus.stop()


@proves("P8")
def test_a_list_that_would_not_fit_is_sent_in_parts() -> None:
    hub = MemoryHub()
    listener, hq = Listener(hub, topics.OFFER), MemoryBus(hub, "hq")
    hq.start(lambda _: None)
    offered = tuple(messages.Offer(JOB, 2**40 + number) for number in range(20_000))

    publish(hq, topics.OFFER, {"agent": "attic"}, messages.Offers(7, offered))

    eventually(lambda: sum(len(message.data.offers) for message in listener.got) == len(offered))
    assert len(listener.got) > 1
    assert tuple(one for message in listener.got for one in message.data.offers) == offered
    hq.stop()
    listener.bus.stop()


@proves("P19")
def test_a_sweeps_notices_are_numbered_and_a_trials_end_is_its_jobs() -> None:
    hq = WireHq()
    spec = {"job": job_spec(), "space": {"x": {"type": "int", "low": 0, "high": 9}}, "trials": 1}
    sweep = hq.ask("submit_sweep", sweep=spec)["result"]["sweep"]
    (job,) = hq.ask("propose", by="search", sweep=sweep, first=0, trials=[{"x": 1}])["result"]["jobs"]
    hq.ask("cancel", jobs=[job])

    notices = hq.take(f"sweep/{sweep}/event")
    kinds = ["SweepSubmitted", "TrialProposed", "SweepExhausted", "SweepFinished"]
    assert [notice["event"]["type"] for notice in notices] == kinds
    assert [notice["revision"] for notice in notices] == [1, 2, 3, 4]
    assert notices[-1]["status"] == "finished"
    assert [notice["status"] for notice in hq.take(f"job/{job}/event")] == ["queued", "cancelled"]


@proves("P20")
def test_progress_and_logs_are_forwarded_from_the_lease_holder_only_and_not_too_often() -> None:
    hq = WireHq()
    agent, other = WireAgent(hq), WireAgent(hq, "cellar", letter="d")
    job, token = agent.begin()
    item = {"job": job, "token": token}

    other.say("progress", items=[item | {"percent": 1.0}])
    agent.say("progress", items=[item | {"percent": 2.0}, item | {"token": token + 1, "percent": 3.0}])
    agent.say("log", items=[item | {"seq": 0, "lines": ["hello"]}])

    assert hq.take(f"job/{job}/progress") == [{"agent": "attic", "progress": item | {"percent": 2.0}}]
    assert hq.take(f"job/{job}/log") == [{"agent": "attic", "log": item | {"seq": 0, "lines": ["hello"]}}]
    assert hq.refused() == {"not_the_lease_holder": 2}
    for _ in range(60):
        agent.say("progress", items=[item | {"percent": 4.0}])
    assert len(hq.take(f"job/{job}/progress")) == 48
    assert hq.refused() == {"not_the_lease_holder": 2, "over_rate": 12}
    assert len(hq.recorded) == 50


@proves("P21")
def test_presence_is_a_hint_and_silence_ends_the_offers() -> None:
    hq = WireHq()
    agent = WireAgent(hq)
    agent.beat()
    gone = envelope("agent/attic/presence", {"online": False, "boot": 1})
    hq.put("agent/attic/presence", gone)
    hq.submit()
    assert agent.hear("offer") == []
    agent.beat()
    hq.later(1.5)
    assert len(agent.hear("offer")) == 1

    hq.later(31)
    agent.hear("offer")
    hq.later(30)

    assert agent.hear("offer") == []
