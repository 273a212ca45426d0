"""Jobs that wait for others: when they begin, what they are given, and why they never begin."""

from typing import Any

import pytest

from hq.core import telling
from hq.core.explain import explain
from hq.core.outputs import LookUpParents
from hq.core.state import Sweep
from schemas.events import JobCancelled, JobClaimed, JobFailed, JobSubmitted, ParentEnded
from schemas.facts import Artifact, AttemptResult
from schemas.requests import (
    Cancel,
    Delete,
    FinishSweep,
    Hold,
    Propose,
    ReadSweeps,
    Release,
    Retry,
    Submit,
    SubmitSweep,
)
from schemas.specs import FloatRange, JobSpec, SweepSpec
from schemas.states import JobStatus, Outcome, SweepStatus
from tests.unit.hq.core.small_house import Key, SmallHouse, failure, spec


def brought(key: Key, result: Any, **fields: Any) -> AttemptResult:
    return AttemptResult(*key, Outcome.SUCCEEDED, 0, result, **fields)


@pytest.fixture
def house() -> SmallHouse:
    house = SmallHouse()
    house.boot("attic", slots=8)
    return house


def finish(house: SmallHouse, job: str, result: Any = None, **fields: Any) -> None:
    house.deliver(brought(house.take(job), result or {"accuracy": 0.5}, **fields))
    house.settle()


def why(house: SmallHouse, job: str) -> str:
    return explain(job, house.authority.books, house.now)


def test_a_job_waits_for_another_and_begins_when_that_succeeded(house: SmallHouse) -> None:
    (first,) = house.submit()
    (second,) = house.submit(spec(after=(first,)))
    assert [offer.job for offer in house.offers()] == [first]
    assert house.job(second).why == f"waits for job {first}"
    assert why(house, second) == f"it waits for job {first}, which is queued"
    finish(house, first)
    assert [offer.job for offer in house.offers()] == [first, second]
    assert house.job(second).why == ""


def test_a_job_whose_parent_failed_is_cancelled_with_that_reason(house: SmallHouse) -> None:
    (first,) = house.submit()
    (second,) = house.submit(spec(after=(first,)))
    (third,) = house.submit(spec(after=(second,)))
    house.deliver(failure(house.take(first), "no such file"))
    house.settle()
    ends = {event.job: event for event in house.of(JobCancelled)}
    assert ends[second].why == f"job {first}, which it waited for, failed: no such file"
    assert ends[third].why.startswith(f"job {second}, which it waited for, was cancelled: job {first}")
    assert ends[second].by == "hq"


def test_after_any_begins_however_its_parent_ends(house: SmallHouse) -> None:
    (first,) = house.submit()
    (second,) = house.submit(spec(after_any=(first,)))
    house.request(Cancel(jobs=(first,)))
    assert [offer.job for offer in house.offers()][-1] == second


def test_a_job_waits_for_all_of_its_parents(house: SmallHouse) -> None:
    one, other = house.submit(spec(), spec())
    (last,) = house.submit(spec(after=(one, other)))
    finish(house, one)
    assert house.job(last).waits_for == (other,)
    finish(house, other)
    assert house.job(last).is_ready


def test_results_take_the_places_of_what_refers_to_them(house: SmallHouse) -> None:
    (first,) = house.submit()
    params = {
        "rows": f"result://{first}/table/rows",
        "second": f"result://{first}/list/1",
        "whole": [f"result://{first}"],
        "file": f"artifact://{first}/out/table.csv",
        "text": f"see result://{first}/list",
    }
    (second,) = house.submit(spec(params=params, argv=(f"result://{first}/list", "x")))
    assert house.job(second).waits_for == (first,)
    result = {"table": {"rows": 7}, "list": [1, "b"]}
    finish(house, first, result, artifacts=(Artifact("out/table.csv", "ab" * 32, 42),))
    assert house.job(second).spec.params == {
        "rows": 7,
        "second": "b",
        "whole": [result],
        "file": f"blob://{'ab' * 32}/42",
        "text": f"see result://{first}/list",
    }
    assert house.job(second).spec.argv == ('[1,"b"]', "x")
    (told,) = house.of(ParentEnded)
    assert told.values[f"result://{first}/table/rows"] == 7


def test_what_a_parent_brought_is_never_read_for_references(house: SmallHouse) -> None:
    one, other = house.submit(spec(), spec())
    (last,) = house.submit(spec(params={"a": f"result://{one}/x", "b": f"result://{other}/x"}))
    finish(house, one, {"x": f"result://{other}/x"})
    finish(house, other, {"x": "secret"})
    assert house.job(last).spec.params == {"a": f"result://{other}/x", "b": "secret"}


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/loss", "has no 'loss', it has accuracy, list"),
        ("/list/2", "is a list of 2, there is no '2' in it"),
        ("/accuracy/x", "is no object and no list"),
    ],
)
def test_a_job_fails_before_it_starts_when_what_it_refers_to_is_missing(
    house: SmallHouse, path: str, words: str
) -> None:
    (first,) = house.submit()
    (second,) = house.submit(spec(params={"x": f"result://{first}{path}"}))
    finish(house, first, {"accuracy": 1, "list": [1, 2]})
    (failed,) = house.of(JobFailed)
    assert failed.job == second
    assert failed.why.startswith("it was never started: ")
    assert words in failed.why
    assert not [event for event in house.of(JobClaimed) if event.job == second]


def test_too_large_a_result_is_named_as_what_kept_a_job_from_starting(house: SmallHouse) -> None:
    (first,) = house.submit()
    house.submit(spec(params={"x": f"result://{first}/text"}))
    finish(house, first, {"text": "x" * 20_000})
    (failed,) = house.of(JobFailed)
    assert "at most 16384" in failed.why


def test_a_job_may_wait_for_one_that_ended_long_ago(house: SmallHouse) -> None:
    (first,) = house.submit()
    finish(house, first, {"x": 5})
    house.authority.state.finished.clear()
    (second,) = house.submit(spec(params={"x": f"result://{first}/x"}))
    assert house.job(second).spec.params == {"x": 5}
    kinds = [type(event) for event in house.events]
    assert kinds.index(ParentEnded) > kinds.index(JobSubmitted)


def test_a_job_whose_parent_failed_long_ago_is_cancelled_at_once(house: SmallHouse) -> None:
    (first,) = house.submit()
    house.deliver(failure(house.take(first)))
    house.settle()
    (second,) = house.submit(spec(after=(first,)))
    (cancelled,) = house.of(JobCancelled)
    assert cancelled.job == second


@pytest.mark.parametrize("parent", ["j" + "q" * 12, "s" + "q" * 12])
def test_waiting_for_what_never_existed_is_refused(house: SmallHouse, parent: str) -> None:
    reply = house.request(Submit(jobs=(spec(), spec(after=(parent,)))))
    assert reply.error is not None
    assert reply.error.code == "unknown_parent"
    assert not house.of(JobSubmitted)


@pytest.mark.parametrize(
    "text", ["result://", "result://Nobody/x", "artifact://j" + "a" * 12, "result://step/x"]
)
def test_what_only_looks_like_a_reference_is_refused(house: SmallHouse, text: str) -> None:
    reply = house.request(Submit(jobs=(spec(params={"x": [{"y": text}]}),)))
    assert reply.error is not None
    assert reply.error.code == "bad_reference"


def test_a_start_of_hq_finds_those_whose_parents_ended_untold(house: SmallHouse) -> None:
    (first,) = house.submit()
    (second,) = house.submit(spec(after=(first,)))
    house.deliver(brought(house.take(first), {"x": 1}))
    batch = house.decide()
    assert len(batch) == 2, "the end, and the telling of it"
    house.decisions.append(batch[0])
    house.restart()
    assert house.job(second).waits_for == (first,)
    house.wait(2)
    assert house.job(second).is_ready


def test_a_look_up_that_was_not_answered_is_repeated(house: SmallHouse) -> None:
    (first,) = house.submit()
    (second,) = house.submit(spec(after=(first,)))
    house.deliver(brought(house.take(first), {"x": 1}))
    house.decisions.append(house.decide()[0])
    house.looks_up = False
    house.restart()
    house.settle()
    house.looks_up = True
    house.wait(4)
    assert house.job(second).is_ready


def test_a_parent_that_is_gone_before_it_was_told_is_named(house: SmallHouse) -> None:
    (first,) = house.submit()
    house.submit(spec(after=(first,)))
    house.request(Cancel(jobs=(first,)), message_id="r")
    # As if HQ had gone down after the parent's end, and the parent was deleted then.
    told = next(n for n, d in enumerate(house.decisions) if getattr(d.events[0], "by", "") == "hq")
    del house.decisions[told:]
    house.looks_up = False
    house.restart()
    house.settle()
    asked = next(one for one in reversed(house.outputs) if isinstance(one, LookUpParents))
    house.authority.found_parents(asked, {})
    house.settle()
    (cancelled,) = [event for event in house.of(JobCancelled) if event.by == "hq"]
    assert cancelled.why == f"job {first}, which it waited for, was deleted"


def test_a_held_job_that_waits_stays_held_when_its_parent_ended(house: SmallHouse) -> None:
    (first,) = house.submit()
    (second,) = house.submit(spec(after=(first,)))
    house.request(Hold(jobs=(second,)))
    assert why(house, second).startswith("held by cli, and it waits for")
    finish(house, first)
    assert house.job(second).status is JobStatus.HELD
    house.request(Release(jobs=(second,)))
    assert house.offers()[-1].job == second


def test_a_released_job_waits_on(house: SmallHouse) -> None:
    (first,) = house.submit()
    (second,) = house.submit(spec(after=(first,)))
    house.request(Hold(jobs=(second,)))
    house.request(Release(jobs=(second,)))
    assert house.job(second).why == f"waits for job {first}"
    assert second not in [offer.job for offer in house.offers()]


def test_a_thousand_dependents_are_told_in_several_decisions(
    house: SmallHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "MAX_TOLD", 10)
    (first,) = house.submit()
    chain = first
    for _ in range(15):
        (chain,) = house.submit(spec(after=(chain,)))
    house.submit(*(spec(after=(first,)) for _ in range(35)))
    house.request(Cancel(jobs=(first,)))
    assert len(house.of(JobCancelled)) == 51
    told = [d for d in house.decisions if isinstance(d.events[0], JobCancelled) and d.events[0].by == "hq"]
    assert len(told) > 4
    assert max(len(decision.events) for decision in told) <= 10


def test_a_chain_as_long_as_a_house_is_old_falls_without_recursion(house: SmallHouse) -> None:
    (first,) = house.submit()
    chain = first
    for _ in range(1200):
        (chain,) = house.submit(spec(after=(chain,)))
    house.request(Cancel(jobs=(first,)))
    assert len(house.of(JobCancelled)) == 1201


def test_parent_and_dependent_can_be_cancelled_together(house: SmallHouse) -> None:
    (first,) = house.submit()
    (second,) = house.submit(spec(after=(first,)))
    reply = house.request(Cancel(jobs=(first, second)))
    assert reply.ok
    assert {event.by for event in house.of(JobCancelled)} == {"cli"}


def test_a_job_that_waits_is_cancelled_when_it_expires(house: SmallHouse) -> None:
    (first,) = house.submit()
    house.submit(spec(after=(first,), expires=house.wall + 5))
    house.wait(7)
    (cancelled,) = house.of(JobCancelled)
    assert "expires" in cancelled.why


def test_the_log_of_dependencies_folds_to_the_same_state_again(house: SmallHouse) -> None:
    (first,) = house.submit()
    (second,) = house.submit(spec(params={"x": f"result://{first}/x"}))
    finish(house, first, {"x": {"y": 1}})
    before = house.job(second)
    house.restart()
    assert house.job(second) == before


def test_a_retry_waits_for_a_parent_that_still_lives(house: SmallHouse) -> None:
    (first,) = house.submit()
    (second,) = house.submit(spec(after=(first,)))
    house.request(Cancel(jobs=(second,)))
    asked = house.ask(Retry(jobs=(second,)))
    house.authority.retry(house.look_ups()[-1].request, {second: spec(after=(first,))})
    house.settle()
    (again,) = house.replies(asked)[-1].result["jobs"]
    assert house.job(again).waits_for == (first,)


def test_deleting_what_others_waited_for_leaves_them_alone(house: SmallHouse) -> None:
    (first,) = house.submit()
    (second,) = house.submit(spec(after=(first,)))
    finish(house, first)
    house.request(Delete(jobs=(first,)))
    assert house.job(second).is_ready


# --- sweeps ------------------------------------------------------------------------------


def sweep_of(**fields: Any) -> SweepSpec:
    job = JobSpec(spec().script, fields.pop("params", {}), after=fields.pop("after", ()))
    return SweepSpec(job, {"x": FloatRange(0, 1)}, trials=2, metric="accuracy", **fields)


def test_a_sweep_waits_before_its_first_trial_and_its_trials_have_what_it_received(house: SmallHouse) -> None:
    (first,) = house.submit()
    reply = house.request(SubmitSweep(sweep=sweep_of(params={"data": f"result://{first}/path"})))
    sweep = reply.result["sweep"]
    early = house.request(Propose(sweep=sweep, first=0, trials=({"x": 0.5},)), "search")
    assert early.error is not None
    assert early.error.code == "stale"
    assert house.request(ReadSweeps()).result["sweeps"][0]["paused"]
    finish(house, first, {"path": "/data/a"})
    assert house.authority.state.sweeps[sweep].spec.job.params == {"data": "/data/a"}
    reply = house.request(Propose(sweep=sweep, first=0, trials=({"x": 0.5},)), "search")
    (trial,) = reply.result["jobs"]
    assert house.job(trial).spec.params == {"data": "/data/a", "x": 0.5}
    assert house.job(trial).is_ready


def run_sweep(house: SmallHouse, values: tuple[float, ...] = (0.25, 0.75)) -> str:
    sweep: str = house.request(SubmitSweep(sweep=sweep_of())).result["sweep"]
    trials = tuple({"x": value} for value in values)
    jobs = house.request(Propose(sweep=sweep, first=0, trials=trials), "search").result["jobs"]
    for job, value in zip(jobs, values, strict=True):
        finish(house, job, {"accuracy": value})
    return sweep


def test_the_best_parameters_of_a_sweep_are_passed_on(house: SmallHouse) -> None:
    sweep: str = house.request(SubmitSweep(sweep=sweep_of(params={"epochs": 3}))).result["sweep"]
    wanted = {name: f"result://{sweep}/{name}" for name in ("params", "value", "trial", "params/epochs")}
    (retrain,) = house.submit(spec(params=wanted))
    trials = ({"x": 0.25}, {"x": 0.75})
    jobs = house.request(Propose(sweep=sweep, first=0, trials=trials), "search").result["jobs"]
    for job, value in zip(jobs, (0.25, 0.75), strict=True):
        finish(house, job, {"accuracy": value})
    best = {"params": {"epochs": 3, "x": 0.75}, "value": 0.75, "trial": 1, "params/epochs": 3}
    assert house.job(retrain).spec.params == best


def test_the_best_of_a_sweep_that_ended_long_ago_is_passed_on(house: SmallHouse) -> None:
    sweep = run_sweep(house)
    wanted = {"x": f"result://{sweep}/params/x", "job": f"result://{sweep}/job"}
    (retrain,) = house.submit(spec(params=wanted))
    assert house.job(retrain).spec.params["x"] == 0.75
    assert str(house.job(retrain).spec.params["job"]).startswith("j")


def test_a_sweep_without_a_success_cancels_what_waits_for_it(house: SmallHouse) -> None:
    sweep: str = house.request(SubmitSweep(sweep=sweep_of())).result["sweep"]
    (retrain,) = house.submit(spec(params={"x": f"result://{sweep}/params/x"}))
    house.request(FinishSweep(sweep=sweep))
    (cancelled,) = house.of(JobCancelled)
    assert cancelled.job == retrain
    assert "none of its trials succeeded" in cancelled.why


def test_a_sweep_whose_parent_failed_is_cancelled_with_that_reason(house: SmallHouse) -> None:
    (first,) = house.submit()
    sweep = house.request(SubmitSweep(sweep=sweep_of(after=(first,)))).result["sweep"]
    house.deliver(failure(house.take(first)))
    house.settle()
    ended = [change for change in house.changes if isinstance(change, Sweep) and change.id == sweep][-1]
    assert ended.status is SweepStatus.CANCELLED
    assert f"job {first}, which it waited for, failed" in ended.why
