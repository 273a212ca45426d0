"""Trials that a loop of its own asks for and tells of: no machine runs them, and every word counts once."""

from typing import Any

import pytest

from bus import topics
from hq.core.outputs import RecordProgress
from hq.core.state import Job, Sweep
from schemas.asking import OWN_LOOP
from schemas.early_stopping import Median, StopRules
from schemas.events import AttemptLost, JobClaimed, JobDied, JobFailed, JobPruned, JobSucceeded, SweepStopped
from schemas.facts import MetricPoint
from schemas.messages import Reply
from schemas.objectives import Constraint, Objective
from schemas.requests import (
    AskTrial,
    Cancel,
    Explain,
    Propose,
    Prune,
    ReadSweeps,
    ReportTrial,
    Retry,
    Submit,
    SubmitSweep,
    TellTrial,
)
from schemas.specs import FloatRange, JobSpec, Limits, SweepSpec
from schemas.states import JobStatus
from schemas.trials import KnownTrials
from tests.unit.hq.core.small_house import SmallHouse, replay, spec

SILENT = 60.0


def submit(house: SmallHouse, trials: int = 3, parallel: int = 2, **fields: Any) -> str:
    job = JobSpec(OWN_LOOP, limits=Limits(wall_seconds=SILENT), asked=True)
    wanted = SweepSpec(
        job, {"x": FloatRange(0, 1)}, trials=trials, parallel=parallel, **({"metric": "loss"} | fields)
    )
    return str(house.request(SubmitSweep(sweep=wanted)).result["sweep"])


def propose(house: SmallHouse, sweep: str, first: int, count: int = 1) -> None:
    reply = house.request(Propose(sweep=sweep, first=first, trials=({"x": 0.5},) * count), "search")
    assert reply.ok, reply.error


def ask(house: SmallHouse, sweep: str, client: str = "cli") -> dict[str, Any]:
    reply = house.request(AskTrial(sweep=sweep), client)
    assert reply.ok, reply.error
    return reply.result


def tell(
    house: SmallHouse, sweep: str, trial: int, *values: float, client: str = "cli", **more: Any
) -> Reply:
    return house.request(TellTrial(sweep=sweep, trial=trial, values=values, **more), client)


def code_of(reply: Reply) -> str:
    assert reply.error is not None
    return reply.error.code


def test_a_trial_is_given_to_who_asks_and_to_no_machine() -> None:
    house = SmallHouse()
    house.boot(slots=4)
    sweep = submit(house)

    assert ask(house, sweep)["state"] == "wait"
    propose(house, sweep, 0, 2)
    house.wait(3)
    taken = ask(house, sweep)

    assert (taken["state"], taken["trial"], taken["params"]) == ("taken", 0, {"x": 0.5})
    assert house.offers() == []
    assert [event.agent for event in house.of(JobClaimed)] == ["cli"]
    assert "has not told" in house.request(Explain(job=taken["job"])).result["why"]


def test_a_repeated_ask_gets_the_same_trial() -> None:
    house = SmallHouse()
    sweep = submit(house)
    propose(house, sweep, 0, 2)

    first, again = (house.request(AskTrial(sweep=sweep, key="k")).result for _ in range(2))
    other = ask(house, sweep)

    assert first == again
    assert other["trial"] == 1


def test_what_is_told_ends_the_trial_and_is_learned_from() -> None:
    house = SmallHouse()
    sweep = submit(house, trials=2)
    propose(house, sweep, 0, 2)
    ask(house, sweep)
    house.wall += 5

    told = tell(house, sweep, 0, 0.25, result={"note": 1})

    assert told.result["state"] == "succeeded"
    (event,) = house.of(JobSucceeded)
    assert event.result.result == {"note": 1, "loss": 0.25}
    assert event.result.duration_seconds == 5
    known = {sweep: KnownTrials()}
    (state,) = house.request(ReadSweeps(known=known), "search").result["sweeps"]
    assert state["news"]["ends"] == [{"trial": 0, "status": "succeeded", "worth": {"values": (0.25,)}}]
    sweeps = [change for change in house.changes if isinstance(change, Sweep)]
    assert (sweeps[-1].best, sweeps[-1].best_trial, sweeps[-1].live) == (0.25, 0, 1)


def test_of_equal_trials_the_lowest_number_is_the_best_whichever_ended_first() -> None:
    house = SmallHouse()
    sweep = submit(house, trials=3, parallel=3)
    propose(house, sweep, 0, 3)
    for _ in range(3):
        ask(house, sweep)

    for trial in (1, 0, 2):
        tell(house, sweep, trial, 0.25)

    last = [change for change in house.changes if isinstance(change, Sweep)][-1]
    assert (last.best, last.best_trial, last.since_best) == (0.25, 0, 2)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({}, "bad_values"),
        ({"values": (1.0, 2.0)}, "bad_values"),
        ({"values": (float("nan"),)}, "bad_values"),
        ({"values": (float("inf"),)}, "bad_values"),
        ({"values": (1.0,), "state": "failed"}, "bad_values"),
        ({"values": (1.0,), "trial": 1}, "not_out"),
        ({"values": (1.0,), "trial": 2}, "unknown_trial"),
        ({"values": (1.0,), "token": 99}, "not_out"),
        ({"values": (1.0,), "sweep": "s" + "a" * 12}, "unknown_sweep"),
    ],
)
def test_a_word_that_does_not_fit_is_refused_and_changes_nothing(more: dict[str, Any], code: str) -> None:
    house = SmallHouse()
    sweep = submit(house)
    propose(house, sweep, 0, 2)
    ask(house, sweep)
    before = len(house.decisions)

    reply = house.request(TellTrial(**({"sweep": sweep, "trial": 0} | more)))

    assert code_of(reply) == code
    assert len(house.decisions) == before
    assert tell(house, sweep, 0, 1.0).ok


def test_telling_twice_or_for_somebody_else_is_refused() -> None:
    house = SmallHouse()
    sweep = submit(house)
    propose(house, sweep, 0, 2)
    ask(house, sweep)

    assert code_of(tell(house, sweep, 0, 1.0, client="olga")) == "not_yours"
    assert tell(house, sweep, 0, 1.0).ok
    twice = tell(house, sweep, 0, 2.0)

    assert code_of(twice) == "already_told"
    assert twice.error is not None
    assert "is succeeded" in twice.error.message


def test_a_trial_that_the_machines_run_cannot_be_asked_for() -> None:
    house = SmallHouse()
    wanted = SweepSpec(spec(), {"x": FloatRange(0, 1)}, metric="loss")
    sweep = house.request(SubmitSweep(sweep=wanted)).result["sweep"]

    assert code_of(house.request(AskTrial(sweep=sweep))) == "not_asked"
    assert code_of(house.request(TellTrial(sweep=sweep, trial=0, values=(1.0,)))) == "not_asked"


def test_a_constraint_needs_its_metric_in_what_is_told() -> None:
    house = SmallHouse()
    sweep = submit(house, constraints=(Constraint("mb", at_most=100),))
    propose(house, sweep, 0, 2)
    ask(house, sweep)

    assert code_of(tell(house, sweep, 0, 1.0)) == "bad_values"
    assert tell(house, sweep, 0, 1.0, result={"mb": 20}).ok


def test_several_objectives_are_told_in_their_order() -> None:
    house = SmallHouse()
    sweep = submit(house, metric="", objectives=(Objective("loss", "minimize"), Objective("accuracy")))
    propose(house, sweep, 0, 2)
    ask(house, sweep)

    assert tell(house, sweep, 0, 0.5, 0.9).ok
    assert house.of(JobSucceeded)[0].result.result == {"loss": 0.5, "accuracy": 0.9}


def test_a_trial_of_which_nothing_is_told_is_lost_and_asked_for_again() -> None:
    house = SmallHouse()
    sweep = submit(house, trials=1)
    propose(house, sweep, 0)
    first = ask(house, sweep)

    house.wait(SILENT + 2)
    again = ask(house, sweep, "olga")

    (lost,) = house.of(AttemptLost)
    assert "said nothing of it for 60 s" in lost.why
    assert (again["trial"], again["token"] > first["token"]) == (0, True)
    # A late word counts as long as the trial has not ended.
    assert tell(house, sweep, 0, 0.5, token=first["token"]).ok
    assert code_of(tell(house, sweep, 0, 0.7, client="olga")) == "unknown_sweep"
    assert not house.of(JobFailed)


def test_a_trial_that_is_lost_again_and_again_is_dead_and_blocks_nothing() -> None:
    house = SmallHouse()
    sweep = submit(house, trials=1)
    propose(house, sweep, 0)
    for client in ("cli", "olga", "paul"):
        assert ask(house, sweep, client)["state"] == "taken"
        house.wait(SILENT + 2)

    assert len(house.of(JobDied)) == 1
    assert code_of(house.request(AskTrial(sweep=sweep))) == "unknown_sweep"


def test_a_report_gives_more_time_and_tells_whether_to_end() -> None:
    house = SmallHouse()
    sweep = submit(house, pruner=Median())
    propose(house, sweep, 0, 2)
    taken = ask(house, sweep)
    key = {"sweep": sweep, "trial": 0, "token": taken["token"]}

    for step in range(4):
        house.wait(SILENT / 2)
        point = MetricPoint(step, house.wall, {"loss": 1.0}, step)
        assert house.request(ReportTrial(**key, point=point)).result == {"trial": 0, "prune": False}
    assert len([one for one in house.outputs if isinstance(one, RecordProgress)]) == 4
    assert [said.progress.points[0].step for said in house.published(topics.JOB_PROGRESS)] == [0, 1, 2, 3]

    house.request(Prune(job=taken["job"], token=taken["token"], why="behind", step=3), "search")
    assert house.request(ReportTrial(**key)).result == {"trial": 0, "prune": True, "why": "behind"}
    assert tell(house, sweep, 0, state="pruned", points=(MetricPoint(0, 1.0, {"loss": 1.0}, 3),)).ok
    assert house.of(JobPruned)[0].why == "behind"
    assert house.published(topics.ACK)[1:] == []


def test_a_loop_ends_a_trial_early_by_itself() -> None:
    house = SmallHouse()
    sweep = submit(house)
    propose(house, sweep, 0, 2)
    ask(house, sweep)

    points = (MetricPoint(0, 1.0, {"loss": 2.0}, 1), MetricPoint(1, 2.0, {"loss": 1.5}, 4))
    assert tell(house, sweep, 0, state="pruned", points=points).result["state"] == "pruned"

    (state,) = house.request(ReadSweeps(known={sweep: KnownTrials()}), "search").result["sweeps"]
    assert state["news"]["ends"][0]["reached"] == (4.0, 1.5)


def test_a_failure_is_told_with_its_reason() -> None:
    house = SmallHouse()
    sweep = submit(house)
    propose(house, sweep, 0, 2)
    ask(house, sweep)

    assert tell(house, sweep, 0, state="failed", why="ValueError: boom").result["state"] == "failed"
    assert house.of(JobFailed)[0].why == "ValueError: boom"


def test_no_more_are_out_than_parallel_says() -> None:
    house = SmallHouse()
    sweep = submit(house, parallel=1)
    propose(house, sweep, 0)
    ask(house, sweep)

    assert code_of(house.request(AskTrial(sweep=sweep))) == "too_many_asked"
    assert tell(house, sweep, 0, 1.0).ok
    assert ask(house, sweep)["state"] == "wait"


def test_stop_rules_and_the_end_of_the_sweep_count_them_like_others() -> None:
    house = SmallHouse()
    sweep = submit(house, direction="minimize", stop=StopRules(target=0.1))
    propose(house, sweep, 0, 2)
    ask(house, sweep)

    tell(house, sweep, 0, 0.05)

    assert house.of(SweepStopped)[0].rule == "target"
    assert code_of(house.request(AskTrial(sweep=sweep))) == "unknown_sweep"


def test_hq_killed_in_the_middle_changes_nothing() -> None:
    house = SmallHouse()
    sweep = submit(house)
    propose(house, sweep, 0, 2)
    taken = ask(house, sweep)

    house.restart()
    house.boot(slots=4)
    house.wait(SILENT - 5)

    assert house.offers() == []
    assert tell(house, sweep, 0, 0.5, token=taken["token"]).ok
    assert ask(house, sweep)["trial"] == 1
    house.wait(SILENT + 5)
    assert len(house.of(AttemptLost)) == 1
    assert replay(house.decisions).jobs == house.authority.state.jobs


def test_cancelling_one_ends_it_and_orders_nothing_of_a_machine() -> None:
    house = SmallHouse()
    house.boot("cli", slots=1)
    sweep = submit(house)
    propose(house, sweep, 0, 2)
    taken = ask(house, sweep)
    acks = len(house.published(topics.ACK))

    house.request(Cancel(jobs=(taken["job"],)))

    assert code_of(tell(house, sweep, 0, 1.0)) == "already_told"
    assert len(house.published(topics.ACK)) == acks
    # A machine with the name of who asked starts again: nothing of it was the machine's.
    ask(house, sweep)
    house.boot("cli", boot=2)
    jobs = [change for change in house.changes if isinstance(change, Job)]
    assert jobs[-1].status is JobStatus.RUNNING


def test_asked_is_for_sweeps_only() -> None:
    house = SmallHouse()

    assert code_of(house.request(Submit(jobs=(spec(asked=True),)))) == "bad_spec"
    no_metric = SweepSpec(spec(asked=True), {"x": FloatRange(0, 1)})
    assert code_of(house.request(SubmitSweep(sweep=no_metric))) == "bad_spec"
    sweep = submit(house)
    propose(house, sweep, 0)
    taken = ask(house, sweep)
    tell(house, sweep, 0, 1.0)
    message = house.ask(Retry(jobs=(taken["job"],)))
    (look_up,) = house.look_ups()
    house.authority.retry(look_up.request, {taken["job"]: spec(asked=True)})
    house.settle()
    assert code_of(house.replies(message)[-1]) == "bad_spec"
