"""Pipelines: steps that are submitted together and wait for each other, and going on after a failure."""

from typing import Any

import pytest

from schemas.events import (
    JobCancelled,
    JobDeleted,
    JobSubmitted,
    PipelineDeleted,
    PipelineSubmitted,
    SweepCancelled,
    SweepDeleted,
    SweepSubmitted,
)
from schemas.facts import AttemptResult
from schemas.pipelines import PipelineSpec, Step
from schemas.requests import (
    Cancel,
    CancelPipeline,
    DeletePipeline,
    Propose,
    RetryPipeline,
    Submit,
    SubmitPipeline,
)
from schemas.specs import FloatRange, SweepSpec
from schemas.states import Outcome
from tests.unit.hq.core.small_house import SmallHouse, failure, spec, success


@pytest.fixture
def house() -> SmallHouse:
    house = SmallHouse()
    house.boot("attic", slots=8)
    return house


def step(name: str, *after: str, params: dict[str, Any] | None = None, **fields: Any) -> Step:
    return Step(name, spec(params=params or {}), after=after, **fields)


def classic() -> PipelineSpec:
    job = spec(params={"data": "result://prepare/path"})
    sweep = SweepSpec(job, {"x": FloatRange(0, 1)}, trials=1, metric="accuracy")
    return PipelineSpec(
        (
            step("report", params={"score": "result://retrain/accuracy"}),
            step("retrain", params={"x": "result://search/params/x"}),
            Step("search", sweep=sweep),
            step("prepare"),
        ),
        "wine",
    )


def submit(house: SmallHouse, pipeline: PipelineSpec) -> dict[str, Any]:
    reply = house.request(SubmitPipeline(pipeline=pipeline))
    assert reply.error is None, reply.error
    return dict(reply.result)


def finish(house: SmallHouse, job: str, result: dict[str, Any]) -> None:
    house.deliver(AttemptResult(*house.take(job), Outcome.SUCCEEDED, 0, result))
    house.settle()


def test_the_classic_pipeline_goes_from_the_data_to_the_report(house: SmallHouse) -> None:
    steps = submit(house, classic())["steps"]
    assert [offer.job for offer in house.offers()] == [steps["prepare"]]
    finish(house, steps["prepare"], {"path": "/data"})
    assert house.authority.state.sweeps[steps["search"]].spec.job.params == {"data": "/data"}
    reply = house.request(Propose(sweep=steps["search"], first=0, trials=({"x": 0.5},)), "search")
    house.deliver(success(house.take(reply.result["jobs"][0])))
    house.settle()
    assert house.job(steps["retrain"]).spec.params == {"x": 0.5}
    house.deliver(success(house.take(steps["retrain"])))
    house.settle()
    assert house.job(steps["report"]).spec.params == {"score": 0.5}


def test_all_steps_are_in_one_decision_and_know_their_pipeline(house: SmallHouse) -> None:
    answer = submit(house, classic())
    (decision,) = [d for d in house.decisions if any(isinstance(e, PipelineSubmitted) for e in d.events)]
    kinds = [type(event) for event in decision.events[:-1]]
    assert kinds == [JobSubmitted, SweepSubmitted, JobSubmitted, JobSubmitted, PipelineSubmitted]
    assert list(answer["steps"]) == ["report", "retrain", "search", "prepare"]
    retrain = house.job(answer["steps"]["retrain"])
    assert (retrain.spec.pipeline, retrain.spec.name) == (answer["pipeline"], "retrain")


@pytest.mark.parametrize(
    ("steps", "code", "words"),
    [
        ((step("a", "b"), step("b", "c"), step("c", "a")), "cycle", "a -> b -> c -> a"),
        ((step("a", "a"),), "cycle", "a -> a"),
        ((step("a", params={"x": "result://b/x"}), step("b", "a")), "cycle", "a -> b -> a"),
        ((step("z"), step("a", "b")), "bad_pipeline", "step 'a' waits for 'b', which is no step"),
        ((step("a"), step("a")), "bad_pipeline", "two steps are called 'a'"),
        ((Step("a"),), "bad_pipeline", "needs a job or a sweep"),
        ((step("a"), step("b", params={"x": "artifact://a"})), "bad_reference", "step 'b'"),
        ((step("a"), Step("b", spec(after=("j" + "a" * 12,)))), "unknown_parent", "step 'b': there is no"),
        ((step("a"), Step("b", spec(artifacts=("/etc",)))), "bad_spec", "step 'b': artifacts"),
    ],
)
def test_a_pipeline_that_makes_no_sense_is_refused_as_a_whole(
    house: SmallHouse, steps: tuple[Step, ...], code: str, words: str
) -> None:
    reply = house.request(SubmitPipeline(pipeline=PipelineSpec(steps)))
    assert reply.error is not None
    assert reply.error.code == code
    assert words in reply.error.message
    assert not house.of(JobSubmitted)


def test_a_retry_keeps_what_succeeded_and_does_the_rest_again(house: SmallHouse) -> None:
    pipeline = PipelineSpec(
        (
            step("prepare"),
            step("train", params={"rows": "result://prepare/rows"}),
            step("always", after_any=("train",)),
            step("aside"),
        )
    )
    first = submit(house, pipeline)
    finish(house, first["steps"]["prepare"], {"rows": 7})
    finish(house, first["steps"]["aside"], {})
    early = house.request(RetryPipeline(pipeline=first["pipeline"]))
    assert early.error is not None
    assert early.error.code == "not_final"
    house.deliver(failure(house.take(first["steps"]["train"])))
    house.settle()
    finish(house, first["steps"]["always"], {})
    again = dict(house.request(RetryPipeline(pipeline=first["pipeline"])).result)
    kept = {name for name in again["steps"] if again["steps"][name] == first["steps"][name]}
    assert kept == {"prepare", "aside"}
    train = house.job(again["steps"]["train"])
    assert (train.spec.params, train.is_ready) == ({"rows": 7}, True)
    assert house.job(again["steps"]["always"]).waits_for == (train.id,)
    (_, retried) = house.of(PipelineSubmitted)
    assert retried.retry_of == first["pipeline"]


def test_there_is_nothing_to_retry_when_all_went_well(house: SmallHouse) -> None:
    answer = submit(house, PipelineSpec((step("a"),)))
    finish(house, answer["steps"]["a"], {})
    reply = house.request(RetryPipeline(pipeline=answer["pipeline"]))
    assert reply.error is not None
    assert reply.error.code == "nothing_to_retry"
    unknown = house.request(RetryPipeline(pipeline="p" + "a" * 12))
    assert unknown.error is not None
    assert unknown.error.code == "unknown_pipeline"


def test_the_end_of_one_step_ends_what_follows(house: SmallHouse) -> None:
    steps = submit(house, classic())["steps"]
    house.request(Cancel(jobs=(steps["prepare"],)))
    assert not house.authority.state.jobs
    assert not house.authority.state.sweeps


def test_nobody_says_himself_of_which_pipeline_a_job_is(house: SmallHouse) -> None:
    reply = house.request(Submit(jobs=(spec(pipeline="p" + "a" * 12),)))
    assert reply.error is not None
    assert "set by HQ" in reply.error.message


def test_a_step_may_wait_for_what_is_no_step(house: SmallHouse) -> None:
    (outside,) = house.submit()
    steps = submit(house, PipelineSpec((Step("a", spec(params={"x": f"result://{outside}/x"})),)))["steps"]
    assert house.job(steps["a"]).waits_for == (outside,)
    finish(house, outside, {"x": 3})
    assert house.job(steps["a"]).spec.params == {"x": 3}


def test_a_pipeline_is_cancelled_as_a_whole_in_one_decision(house: SmallHouse) -> None:
    made = submit(house, classic())
    steps = made["steps"]
    finish(house, steps["prepare"], {"path": "/data"})
    proposed = house.request(Propose(sweep=steps["search"], first=0, trials=({"x": 0.5},)), "search")
    (trial,) = proposed.result["jobs"]

    reply = house.request(CancelPipeline(pipeline=made["pipeline"]))

    assert set(reply.result["cancelled"]) == {"report", "retrain", "search"}
    decision = next(one for one in house.decisions if one.position == reply.position)
    ended = {event.job for event in decision.events if isinstance(event, JobCancelled)}
    assert ended == {steps["report"], steps["retrain"], trial}
    assert sum(isinstance(event, SweepCancelled) for event in decision.events) == 1
    assert not house.authority.state.jobs
    assert not house.authority.state.sweeps
    again = house.request(CancelPipeline(pipeline=made["pipeline"]))
    assert again.error is not None
    assert again.error.code == "already_final"


def test_a_pipeline_is_deleted_with_its_own_steps_once_all_have_ended(house: SmallHouse) -> None:
    made = submit(house, classic())
    steps = made["steps"]
    refused = house.request(DeletePipeline(pipeline=made["pipeline"]))
    assert refused.error is not None
    assert (refused.error.code, "cancel it first" in refused.error.message) == ("not_final", True)
    finish(house, steps["prepare"], {"path": "/data"})
    house.request(CancelPipeline(pipeline=made["pipeline"]))
    again = house.request(RetryPipeline(pipeline=made["pipeline"])).result
    assert again["steps"]["prepare"] == steps["prepare"]
    house.request(CancelPipeline(pipeline=again["pipeline"]))

    house.request(DeletePipeline(pipeline=again["pipeline"]))

    gone = {event.job for event in house.of(JobDeleted)} | {event.sweep for event in house.of(SweepDeleted)}
    assert gone == set(again["steps"].values()) - {steps["prepare"]}, "what was kept is of the first"
    house.request(DeletePipeline(pipeline=made["pipeline"]))
    assert [event.pipeline for event in house.of(PipelineDeleted)] == [again["pipeline"], made["pipeline"]]
    assert steps["prepare"] in {event.job for event in house.of(JobDeleted)}
    missing = house.request(RetryPipeline(pipeline=made["pipeline"]))
    assert missing.error is not None
    assert missing.error.code == "unknown_pipeline"
