"""docs/protocol.md, services: workers are jobs, calls go to them once and are answered by their deadline."""

from typing import Any

from schemas.events import JobSubmitted, ServiceCalled
from tests.contract.protocol_house import WireAgent, WireHq, envelope, job_spec, proves


def deploy(hq: WireHq, **more: Any) -> None:
    spec = {"name": "encode", "job": job_spec(), "function": "encode", **more}
    assert hq.ask("deploy_service", service=spec)["ok"]
    hq.later(1)


def begin_worker(agent: WireAgent) -> tuple[str, int]:
    """Let the agent claim the worker that it is offered, and say that it is ready."""
    offer = agent.offer()
    agent.claim(offer["job"], offer["token"])
    key = (offer["job"], offer["token"])
    tell_ready(agent, key)
    return key


def tell_ready(agent: WireAgent, key: tuple[str, int]) -> None:
    agent.beat(attempts=[{"job": key[0], "token": key[1], "phase": "running", "ready": True}])


def call(hq: WireHq, message_id: str, **more: Any) -> None:
    name = "client/olga/up/request"
    hq.put(name, envelope(name, {"kind": "call", "service": "encode", **more}, message_id))


def sent(hq: WireHq) -> list[dict[str, Any]]:
    return [one for message in hq.take("agent/attic/down/call") for one in message["calls"]]


def answer(hq: WireHq, one: dict[str, Any], **more: Any) -> None:
    name = "agent/attic/up/answer"
    said = {"call": one["call"], "job": one["job"], "token": one["token"], "ok": True, "result": 7, **more}
    hq.put(name, envelope(name, {"boot": 1, "answers": [said]}))


def replies(hq: WireHq) -> list[dict[str, Any]]:
    return hq.take("client/olga/down/reply")


@proves("P91")
def test_workers_are_jobs_that_only_hq_makes(hq: WireHq, agent: WireAgent) -> None:
    agent.beat()
    deploy(hq)

    (worker,) = hq.events(JobSubmitted)
    assert isinstance(worker, JobSubmitted)
    assert worker.spec.serves is not None
    refused = hq.ask("submit", jobs=[job_spec(serves={"service": "encode", "version": 1})])
    assert refused["error"]["code"] == "bad_spec"
    call(hq, "c1")
    assert sent(hq) == []
    begin_worker(agent)
    assert [one["job"] for one in sent(hq)] == [worker.job]
    free = hq.ask("status")["result"]["agents"][0]
    assert free["busy"] == 0


@proves("P92")
def test_a_call_is_one_however_often_it_is_sent_and_in_the_log_before_its_answer_is_out(
    hq: WireHq, agent: WireAgent
) -> None:
    agent.beat()
    deploy(hq)
    begin_worker(agent)
    replies(hq)

    call(hq, "c1", params={"x": 1})
    call(hq, "c1", params={"x": 1})
    (one,) = sent(hq)
    hq.holds_commits = True
    answer(hq, one)
    assert replies(hq) == []
    hq.holds_commits = False
    hq.commit()

    (reply,) = replies(hq)
    assert (reply["ok"], reply["result"]["result"]) == (True, 7)
    assert len(hq.events(ServiceCalled)) == 1
    call(hq, "c1", params={"x": 1})
    assert replies(hq) == [reply]
    assert sent(hq) == []


@proves("P93")
def test_a_call_is_answered_by_its_deadline_and_waits_only_so_far(hq: WireHq, agent: WireAgent) -> None:
    agent.beat()
    deploy(hq, queue=1, log=False)
    key = begin_worker(agent)
    replies(hq)

    for number in range(3):
        call(hq, f"c{number}", deadline_seconds=3)
    assert [reply["error"]["code"] for reply in replies(hq)] == ["service_busy"]
    (one,) = sent(hq)
    hq.later(4)
    assert [reply["error"]["code"] for reply in replies(hq)] == ["deadline", "deadline"]
    answer(hq, one)
    tell_ready(agent, key)

    assert replies(hq) == []
