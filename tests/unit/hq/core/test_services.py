"""Services: their workers as jobs on different machines, and calls from request to answer."""

from typing import Any

import pytest

from bus import topics
from hq.core.calls import GRACE_SECONDS
from hq.core.outputs import Publish
from hq.core.state import VERSIONS_KEPT
from schemas.events import JobCancelled, JobSubmitted, ServiceCalled
from schemas.facts import Failure
from schemas.messages import AttemptReport, Heartbeat, Reply, ServiceAnswer, ServiceAnswers, ServiceCall
from schemas.requests import CallService, DeployService, ReadServices, RollBackService, StopService, Submit
from schemas.specs import Needs, Serves, ServiceSpec
from schemas.states import Phase
from tests.unit.hq.core.small_house import Key, SmallHouse, failure, instance_of, replay, spec


def service(**fields: Any) -> ServiceSpec:
    """Return a service of a function."""
    return ServiceSpec("encode", spec(), **{"function": "encode", **fields})


def deploy(house: SmallHouse, **fields: Any) -> int:
    reply = house.request(DeployService(service=service(**fields)))
    assert reply.error is None, reply.error
    return int(reply.result["version"])


def worker_on(house: SmallHouse, agent: str) -> Key:
    """Let a machine take the worker that it is offered, and say that it is ready."""
    house.wait(1)
    offer = house.offers(agent)[-1]
    house.claim(offer, agent)
    house.settle()
    key = (offer.job, offer.token)
    tell_ready(house, agent, key)
    return key


def tell_ready(house: SmallHouse, agent: str, *keys: Key) -> None:
    seq = house._seqs[agent, 1] + 1
    house._seqs[agent, 1] = seq
    reports = tuple(AttemptReport(*key, Phase.RUNNING, ready=True) for key in keys)
    house.send(topics.HEARTBEAT, Heartbeat(1, instance_of(1), seq, 2, 2, reports), agent)
    house.settle()


def calls_to(house: SmallHouse, agent: str) -> list[ServiceCall]:
    return [call for message in house.published_to(agent, topics.CALL) for call in message.calls]


def answer(house: SmallHouse, call: ServiceCall, agent: str = "attic", **fields: Any) -> None:
    said = ServiceAnswer(call.call, call.job, call.token, **{"ok": True, "result": {"x": 1}, **fields})
    house.send(topics.ANSWER, ServiceAnswers(1, (said,)), agent)


def code_of(replies: list[Reply]) -> str:
    (reply,) = replies
    return reply.error.code if reply.error else ""


def test_a_service_gets_workers_on_different_machines_that_hold_no_slot(house: SmallHouse) -> None:
    for agent in ("attic", "cellar", "den"):
        house.boot(agent)

    deploy(house, min_warm=2)
    house.settle()

    workers = house.of(JobSubmitted)
    assert [one.spec.serves for one in workers] == [Serves("encode", 1, "encode")] * 2
    assert len({one.spec.needs.agent for one in workers}) == 2
    key = worker_on(house, workers[0].spec.needs.agent)
    assert house.authority.books.sightings[workers[0].spec.needs.agent].load() == 0
    assert house.job(key[0]).status == "running"
    house.wait(30)
    assert len(house.of(JobSubmitted)) == 2, "nothing more is wanted"


def test_a_call_with_a_log_is_answered_when_it_is_in_the_log(house: SmallHouse) -> None:
    house.boot()
    deploy(house)
    worker_on(house, "attic")

    asked = house.ask(CallService(service="encode", params={"text": "hi"}))
    (call,) = calls_to(house, "attic")
    assert call.params == {"text": "hi"}
    answer(house, call)
    assert house.replies(asked) == []
    batch = house.decide()
    assert [type(event) for event in batch[0].events] == [ServiceCalled]
    assert house.replies(asked) == []
    house.commit(batch)

    (reply,) = house.replies(asked)
    assert (reply.ok, reply.result["result"], reply.result["agent"]) == (True, {"x": 1}, "attic")
    (stored,) = house.of(ServiceCalled)
    assert (stored.service, stored.version, stored.by, stored.params) == ("encode", 1, "cli", {"text": "hi"})


def test_a_call_without_a_log_is_answered_at_once_and_leaves_nothing(house: SmallHouse) -> None:
    house.boot()
    deploy(house, log=False)
    worker_on(house, "attic")
    before = len(house.decisions)

    asked = house.ask(CallService(service="encode"))
    answer(house, calls_to(house, "attic")[0])

    assert [reply.ok for reply in house.replies(asked)] == [True]
    house.settle()
    assert len(house.decisions) == before


def test_a_repeated_request_is_one_call_and_gets_its_answer_again(house: SmallHouse) -> None:
    house.boot()
    deploy(house)
    worker_on(house, "attic")

    asked = house.ask(CallService(service="encode"), message_id="once")
    house.ask(CallService(service="encode"), message_id="once")
    (call,) = calls_to(house, "attic")
    answer(house, call)
    batch = house.decide()
    house.ask(CallService(service="encode"), message_id="once")
    assert house.replies(asked) == [], "not before it is in the log"
    house.commit(batch)
    house.ask(CallService(service="encode"), message_id="once")

    assert [reply.ok for reply in house.replies(asked)] == [True, True]
    assert len(calls_to(house, "attic")) == 1
    assert len(house.of(ServiceCalled)) == 1


def test_a_worker_has_as_many_calls_as_it_may_and_the_others_wait_up_to_the_limit(house: SmallHouse) -> None:
    house.boot()
    deploy(house, concurrency=2, queue=1, log=False)
    worker_on(house, "attic")

    for _ in range(3):
        house.ask(CallService(service="encode"))
    refused = house.ask(CallService(service="encode"))

    sent = calls_to(house, "attic")
    assert len(sent) == 2
    assert code_of(house.replies(refused)) == "service_busy"
    answer(house, sent[0])
    assert len(calls_to(house, "attic")) == 3


def test_a_call_that_fails_says_why_and_is_in_the_log(house: SmallHouse) -> None:
    house.boot()
    deploy(house)
    worker_on(house, "attic")

    asked = house.ask(CallService(service="encode"))
    why = Failure("call", "ValueError: no", "Traceback ...")
    answer(house, calls_to(house, "attic")[0], ok=False, result=None, failure=why)
    house.settle()

    (reply,) = house.replies(asked)
    assert reply.error is not None
    assert (reply.error.code, reply.result["traceback"]) == ("call_failed", "Traceback ...")
    assert [event.failure for event in house.of(ServiceCalled)] == [why]


def test_a_call_ends_at_its_deadline_whether_it_runs_or_waits(house: SmallHouse) -> None:
    house.boot()
    deploy(house, log=False)
    worker_on(house, "attic")

    runs = house.ask(CallService(service="encode", deadline_seconds=5))
    waits = house.ask(CallService(service="encode", deadline_seconds=5))
    house.wait(4)
    assert (house.replies(runs), house.replies(waits)) == ([], [])
    house.wait(2)

    assert (code_of(house.replies(runs)), code_of(house.replies(waits))) == ("deadline", "deadline")
    (call,) = calls_to(house, "attic")
    answer(house, call)
    assert len(house.replies(runs)) == 1, "what comes late is no second answer"


def test_a_place_whose_answer_was_lost_is_free_again_after_a_while(house: SmallHouse) -> None:
    house.boot()
    deploy(house, log=False)
    key = worker_on(house, "attic")
    house.ask(CallService(service="encode", deadline_seconds=5))

    for _ in range(int(GRACE_SECONDS) + 7):
        house.wait(1)
        tell_ready(house, "attic", key)
    house.ask(CallService(service="encode", deadline_seconds=5))

    assert len(calls_to(house, "attic")) == 2


def test_a_call_whose_worker_ends_is_answered_with_that(house: SmallHouse) -> None:
    house.boot()
    deploy(house, log=False)
    key = worker_on(house, "attic")
    asked = house.ask(CallService(service="encode"))

    house.deliver(failure(key))
    house.wait(1)

    assert code_of(house.replies(asked)) == "worker_lost"


def test_a_worker_that_ends_is_replaced_after_a_pause_that_grows(house: SmallHouse) -> None:
    house.boot()
    deploy(house)
    for _ in range(3):
        key = worker_on(house, "attic")
        # It was never ready for long enough to be called a success.
        house.heartbeat("attic", (key, Phase.RUNNING))
        house.deliver(failure(key))
        house.settle()
        count = len(house.of(JobSubmitted))
        house.wait(1)
        while len(house.of(JobSubmitted)) == count:
            house.heartbeat("attic")
            house.wait(1)

    found = house.request(ReadServices()).result["services"][0]
    assert "ended (failed)" in found["why"]
    assert not found["is_healthy"]


def test_a_new_version_takes_the_calls_when_it_is_ready_and_not_before(house: SmallHouse) -> None:
    house.boot("attic")
    deploy(house, log=False)
    old = worker_on(house, "attic")

    assert deploy(house, log=False, concurrency=4) == 2
    house.wait(1)
    house.ask(CallService(service="encode"))
    assert [call.job for call in calls_to(house, "attic")] == [old[0]]
    answer(house, calls_to(house, "attic")[0])
    offer = house.offers("attic")[-1]
    house.claim(offer)
    house.settle()
    tell_ready(house, "attic", old, (offer.job, offer.token))
    house.ask(CallService(service="encode"))
    house.wait(1)

    assert calls_to(house, "attic")[-1].job == offer.job
    assert [event.job for event in house.of(JobCancelled)] == [old[0]]


def test_a_service_goes_back_to_an_earlier_version_and_stops(house: SmallHouse) -> None:
    house.boot()
    deploy(house)
    deploy(house, concurrency=2)

    assert house.request(RollBackService(service="encode")).result == {"service": "encode", "version": 1}
    assert house.request(StopService(service="encode")).ok
    house.wait(1)
    assert not house.authority.books.serving["encode"], "no worker is left"
    assert code_of([house.request(CallService(service="encode"))]) == "service_stopped"
    assert house.request(RollBackService(service="encode", version=2)).ok
    house.wait(1)

    (worker,) = house.authority.books.serving["encode"]
    assert house.job(worker).spec.serves == Serves("encode", 2, "encode", 2)


def test_what_cannot_be_is_refused_in_words(house: SmallHouse) -> None:
    deploy(house)
    refusals: list[tuple[Any, str]] = [
        (CallService(service="none"), "unknown_service"),
        (StopService(service="none"), "unknown_service"),
        (RollBackService(service="encode"), "unknown_version"),
        (RollBackService(service="encode", version=7), "unknown_version"),
        (RollBackService(service="encode", version=1), "already_there"),
        (DeployService(service=ServiceSpec("x", spec(params={"a": 1}))), "bad_spec"),
        (DeployService(service=ServiceSpec("x", spec(needs=Needs(agent="attic")), min_warm=2)), "bad_spec"),
        (DeployService(service=ServiceSpec("x", spec(argv=("a" * 8000,) * 9))), "too_big"),
        (CallService(service="encode", params={"a": "x" * 220_000}), "too_big"),
        (Submit(jobs=(spec(serves=Serves("encode", 1)),)), "bad_spec"),
        (CallService(service="encode", on_behalf_of="anna"), "not_allowed"),
    ]

    for request, code in refusals:
        assert code_of([house.request(request)]) == code, request


def test_only_so_many_versions_are_kept(house: SmallHouse) -> None:
    for _ in range(VERSIONS_KEPT + 3):
        deploy(house)

    versions = [one.version for one in house.authority.state.services["encode"].versions]
    assert versions == list(range(4, VERSIONS_KEPT + 4))


def test_an_hq_that_starts_anew_knows_its_services_and_their_workers(house: SmallHouse) -> None:
    house.boot()
    deploy(house, log=False)
    key = worker_on(house, "attic")

    house.restart()
    house.heartbeat("attic", (key, Phase.RUNNING))
    tell_ready(house, "attic", key)
    house.wait(2)
    house.ask(CallService(service="encode"))

    assert [call.job for call in calls_to(house, "attic")] == [key[0]]
    assert replay(house.decisions).services == house.authority.state.services
    assert len(house.of(JobSubmitted)) == 1


def test_a_worker_whose_machine_is_away_goes_to_another(house: SmallHouse) -> None:
    house.boot("attic")
    deploy(house)
    house.settle()
    (first,) = house.of(JobSubmitted)
    house.heartbeat("attic", accepting=False)
    house.boot("cellar")

    for _ in range(20):
        house.heartbeat("attic", accepting=False)
        house.heartbeat("cellar")
        house.wait(1)

    assert [event.job for event in house.of(JobCancelled)] == [first.job]
    assert [one.spec.needs.agent for one in house.of(JobSubmitted)] == ["attic", "cellar"]


def test_an_answer_of_another_machine_is_ignored(house: SmallHouse) -> None:
    house.boot("attic")
    deploy(house, log=False)
    worker_on(house, "attic")
    house.boot("cellar")
    asked = house.ask(CallService(service="encode"))

    answer(house, calls_to(house, "attic")[0], "cellar")

    assert house.replies(asked) == []


@pytest.mark.parametrize("queue", [0, 3])
def test_calls_wait_for_the_first_worker_as_far_as_the_queue_goes(house: SmallHouse, queue: int) -> None:
    house.boot()
    deploy(house, queue=queue, log=False, concurrency=8)

    asked = [house.ask(CallService(service="encode")) for _ in range(queue + 1)]

    assert code_of(house.replies(asked[-1])) == "service_busy"
    worker_on(house, "attic")
    assert len(calls_to(house, "attic")) == queue
    assert all(
        isinstance(one, Publish) for one in house.outputs if getattr(one, "topic", None) is topics.CALL
    )


def test_a_call_with_a_key_that_was_answered_is_no_second_call_over_a_restart(house: SmallHouse) -> None:
    house.boot("attic")
    deploy(house)
    house.settle()
    key = worker_on(house, "attic")
    asked = house.ask(CallService(service="encode", params={"x": 1}, key="once"))
    (call,) = calls_to(house, "attic")
    answer(house, call)
    house.settle()
    first = house.replies(asked)[-1]

    house.restart()
    house.heartbeat("attic")
    house.settle()
    tell_ready(house, "attic", key)
    again = house.ask(CallService(service="encode", params={"x": 1}, key="once"))
    other = house.ask(CallService(service="encode", params={"x": 2}, key="once"))

    assert house.replies(again)[-1].result == first.result
    assert code_of(house.replies(other)) == "key_reused"
    assert len(house.of(ServiceCalled)) == 1


def test_a_call_with_a_key_that_failed_is_made_again(house: SmallHouse) -> None:
    house.boot("attic")
    deploy(house)
    house.settle()
    worker_on(house, "attic")

    for _ in range(2):
        asked = house.ask(CallService(service="encode", key="once"))
        answer(house, calls_to(house, "attic")[-1], ok=False, failure=Failure("exit", "no", ""))
        house.settle()
        assert code_of(house.replies(asked)) == "call_failed"

    assert len(house.of(ServiceCalled)) == 2
