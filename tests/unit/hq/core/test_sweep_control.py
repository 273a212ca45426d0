"""Sweeps that are paused, changed, added to and finished while they run, and the rules that stop them."""

from typing import Any

import pytest
from msgspec.structs import replace

from bus import topics
from hq.core.state import Sweep
from schemas.early_stopping import StopRules
from schemas.events import (
    JobCancelled,
    JobClaimed,
    JobPruned,
    JobSubmitted,
    PruneDecided,
    SweepChanged,
    SweepFinished,
    SweepStopped,
    SweepStuck,
)
from schemas.facts import Energy
from schemas.messages import Order, Reply
from schemas.requests import (
    AddTrials,
    ChangeSweep,
    FinishSweep,
    PauseSweep,
    Propose,
    ReadSweeps,
    ResumeSweep,
    SubmitSweep,
)
from schemas.specs import FloatRange, SweepSpec
from schemas.states import Command, JobStatus, SweepStatus
from tests.unit.hq.core.small_house import SmallHouse, failure, spec, success

RUNNING, WAITING = 2, 2


def submit(house: SmallHouse, trials: int = 10, **fields: Any) -> str:
    space = {"x": FloatRange(0, 1)}
    wanted = SweepSpec(spec(params={"epochs": 3}), space, trials=trials, metric="accuracy", **fields)
    return str(house.request(SubmitSweep(sweep=wanted)).result["sweep"])


def propose(house: SmallHouse, sweep: str, first: int, count: int = 1, changes: int = 0) -> Reply:
    trials = ({"x": 0.5},) * count
    return house.request(Propose(sweep=sweep, first=first, trials=trials, changes=changes), "search")


def under_way(house: SmallHouse, **fields: Any) -> tuple[str, list[Any], list[str]]:
    """Return a sweep, the attempts of its trials that run, and the jobs of those that wait."""
    house.boot(slots=RUNNING)
    sweep = submit(house, **fields)
    jobs = propose(house, sweep, 0, RUNNING + WAITING).result["jobs"]
    return sweep, [house.take(job) for job in jobs[:RUNNING]], jobs[RUNNING:]


def last_of(house: SmallHouse, sweep: str) -> Sweep:
    return [change for change in house.changes if isinstance(change, Sweep) and change.id == sweep][-1]


def status_of(house: SmallHouse, job: str) -> JobStatus:
    live = house.authority.state.jobs.get(job)
    return live.status if live else house.authority.state.finished[job].status


def code_of(reply: Reply) -> str:
    return reply.error.code if reply.error else ""


# --- pause and resume ---------------------------------------------------------------


def test_a_paused_sweep_begins_nothing_and_what_runs_goes_on(house: SmallHouse) -> None:
    sweep, running, waiting = under_way(house)

    assert house.request(PauseSweep(sweep=sweep)).ok

    assert [status_of(house, job) for job in waiting] == [JobStatus.HELD] * WAITING
    assert [status_of(house, job) for job, _ in running] == [JobStatus.RUNNING] * RUNNING
    assert last_of(house, sweep).status is SweepStatus.PAUSED
    assert code_of(propose(house, sweep, RUNNING + WAITING)) == "stale"
    assert code_of(house.request(PauseSweep(sweep=sweep))) == "already_paused"


def test_a_trial_that_is_interrupted_meanwhile_waits_for_the_resumption_too(house: SmallHouse) -> None:
    sweep, running, waiting = under_way(house)
    house.request(PauseSweep(sweep=sweep))

    house.decline(running[0], interrupted=True)
    house.settle()

    assert status_of(house, running[0][0]) is JobStatus.HELD
    assert house.request(ResumeSweep(sweep=sweep)).ok
    assert [status_of(house, job) for job in (running[0][0], *waiting)] == [JobStatus.QUEUED] * 3
    assert last_of(house, sweep).status is SweepStatus.RUNNING
    assert propose(house, sweep, RUNNING + WAITING).ok
    assert code_of(house.request(ResumeSweep(sweep=sweep))) == "not_paused"


def test_what_somebody_holds_is_not_released_by_a_resumption(house: SmallHouse) -> None:
    from schemas.requests import Hold

    sweep, _, waiting = under_way(house)
    house.request(Hold(jobs=(waiting[0],)))
    house.request(PauseSweep(sweep=sweep))

    house.request(ResumeSweep(sweep=sweep))

    assert [status_of(house, job) for job in waiting] == [JobStatus.HELD, JobStatus.QUEUED]


def test_why_nothing_can_be_chosen_is_noted_once_and_anew_after_a_pause(house: SmallHouse) -> None:
    sweep = submit(house)
    stuck = Propose(sweep=sweep, first=0, trials=(), why="scipy is missing")

    for _ in range(2):
        assert house.request(stuck, "search").ok
    assert len(house.of(SweepStuck)) == 1
    house.request(PauseSweep(sweep=sweep))
    house.request(ResumeSweep(sweep=sweep))
    assert house.request(stuck, "search").ok

    assert last_of(house, sweep).why == "scipy is missing"


def test_a_paused_sweep_outlives_a_restart(house: SmallHouse) -> None:
    sweep, _, _ = under_way(house)
    house.request(PauseSweep(sweep=sweep))

    house.restart()

    assert house.request(ReadSweeps()).result["sweeps"][0]["paused"] is True
    assert house.request(ResumeSweep(sweep=sweep)).ok


# --- changes ------------------------------------------------------------------------


def test_a_sweep_is_extended_after_its_last_trial_was_proposed(house: SmallHouse) -> None:
    house.boot()
    sweep = submit(house, trials=1)
    propose(house, sweep, 0)
    assert house.authority.state.sweeps[sweep].exhausted

    assert house.request(ChangeSweep(sweep=sweep, trials=2, parallel=3)).ok

    assert propose(house, sweep, 1, changes=1).ok
    swept = house.authority.state.sweeps[sweep]
    assert (swept.proposed, swept.spec.trials, swept.spec.parallel, swept.exhausted) == (2, 2, 3, True)


def test_what_was_chosen_before_a_change_is_stale(house: SmallHouse) -> None:
    sweep = submit(house)
    house.request(ChangeSweep(sweep=sweep, space={"x": FloatRange(5, 6)}))

    assert code_of(propose(house, sweep, 0)) == "stale"
    assert propose(house, sweep, 0, changes=1).ok


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, "nothing_to_change"),
        ({"trials": 1}, "too_few"),
        ({"space": {}}, "bad_space"),
        ({"space": {"x": FloatRange(2, 1)}}, "bad_space"),
        ({"space": {"x": FloatRange(0, 1, log=True)}}, "bad_space"),
    ],
)
def test_a_change_that_makes_no_sense_changes_nothing(
    house: SmallHouse, change: dict[str, Any], code: str
) -> None:
    sweep = submit(house)
    propose(house, sweep, 0, 2)

    assert code_of(house.request(ChangeSweep(sweep=sweep, **change))) == code
    assert not house.of(SweepChanged)


def test_a_space_with_a_parameter_that_the_script_does_not_have_is_refused_unless_forced(
    house: SmallHouse,
) -> None:
    house.untaken = {"xx": "The script has no xx. Did you mean x?"}
    sweep = submit(house)
    space = {"x": FloatRange(0, 2), "xx": FloatRange(0, 1)}

    reply = house.request(ChangeSweep(sweep=sweep, space=space))

    assert reply.error is not None
    assert reply.error.code == "bad_space"
    assert "The script has no xx. Did you mean x?" in reply.error.message
    assert not house.of(SweepChanged)
    assert house.request(ChangeSweep(sweep=sweep, space=space, force=True)).ok
    # Given once, it is no new one: nobody is asked about it again.
    assert house.request(ChangeSweep(sweep=sweep, space={"xx": FloatRange(0, 3)})).ok


def test_of_another_space_only_what_is_new_is_looked_up(house: SmallHouse) -> None:
    house.untaken = {"x": "The script has no x.", "epochs": "The script has no epochs."}
    sweep = submit(house)

    space = {"x": FloatRange(0, 2), "epochs": FloatRange(1, 2), "depth": FloatRange(0, 1)}
    assert house.request(ChangeSweep(sweep=sweep, space=space)).ok


def test_a_grid_keeps_its_space_and_may_become_longer(house: SmallHouse) -> None:
    sweep = submit(house, sampler="grid")

    assert code_of(house.request(ChangeSweep(sweep=sweep, space={"x": FloatRange(0, 2)}))) == "bad_space"
    assert house.request(ChangeSweep(sweep=sweep, trials=20)).ok


def test_a_rule_that_wants_a_metric_cannot_be_given_to_a_sweep_without_one(house: SmallHouse) -> None:
    wanted = SweepSpec(spec(), {"x": FloatRange(0, 1)})
    sweep = house.request(SubmitSweep(sweep=wanted)).result["sweep"]

    reply = house.request(ChangeSweep(sweep=sweep, stop=StopRules(target=0.9)))

    assert code_of(reply) == "bad_spec"


# --- trials added by hand ------------------------------------------------------------


def test_a_trial_is_added_beside_those_of_the_sampler(house: SmallHouse) -> None:
    sweep = submit(house, trials=2)
    propose(house, sweep, 0)

    reply = house.request(AddTrials(sweep=sweep, trials=({"x": 7.0}, {"x": 0.1, "epochs": 9})))

    assert reply.result["first"] == 1
    params = [house.job(job).spec.params for job in reply.result["jobs"]]
    assert params == [{"epochs": 3, "x": 7.0}, {"epochs": 9, "x": 0.1}]
    assert house.request(ReadSweeps()).result["sweeps"][0]["added"] == 2
    assert propose(house, sweep, 3).ok
    assert house.authority.state.sweeps[sweep].exhausted


@pytest.mark.parametrize("params", [{}, {"x": 1.0, "y": 2}, {"epochs": 3}, {"x": "a"}, {"x": True}])
def test_parameters_that_the_sweep_does_not_have_are_refused(
    house: SmallHouse, params: dict[str, Any]
) -> None:
    sweep = submit(house)

    assert code_of(house.request(AddTrials(sweep=sweep, trials=(params,)))) == "bad_params"
    assert not house.of(JobSubmitted)


def test_a_trial_that_is_added_to_a_paused_sweep_waits(house: SmallHouse) -> None:
    sweep, _, _ = under_way(house)
    house.request(PauseSweep(sweep=sweep))

    (job,) = house.request(AddTrials(sweep=sweep, trials=({"x": 1.0},))).result["jobs"]
    assert status_of(house, job) is JobStatus.HELD
    assert last_of(house, sweep).why == "paused by cli"

    house.request(ResumeSweep(sweep=sweep))
    assert status_of(house, job) is JobStatus.QUEUED


# --- the end ------------------------------------------------------------------------


def test_a_sweep_that_is_finished_lets_run_what_runs(house: SmallHouse) -> None:
    sweep, running, waiting = under_way(house)

    assert house.request(FinishSweep(sweep=sweep)).ok

    assert [event.job for event in house.of(JobCancelled)] == sorted(waiting)
    assert not house.of(PruneDecided)
    for request in (FinishSweep, PauseSweep, AddTrials, ChangeSweep):
        more: dict[str, Any] = {"trials": ({"x": 1.0},)} if request is AddTrials else {}
        assert code_of(house.request(request(sweep=sweep, **more))) == "already_stopped"
    house.deliver(*(success(key) for key in running))
    house.settle()
    ended = last_of(house, sweep)
    assert (ended.status, ended.rule, ended.why) == (SweepStatus.FINISHED, "asked", "finished by cli")
    assert (ended.succeeded, ended.dropped, ended.unsuccessful) == (RUNNING, WAITING, 0)


def test_a_sweep_can_be_finished_with_all_that_runs(house: SmallHouse) -> None:
    sweep, running, _ = under_way(house)

    house.request(FinishSweep(sweep=sweep, live="wind_down"))

    told = [order for ack in house.published_to("attic", topics.ACK) for order in ack.orders]
    assert [Order(*key, Command.WIND_DOWN) in told for key in running] == [True, True]
    house.deliver(success(running[0]), failure(running[1]))
    house.settle()
    assert len(house.of(JobPruned)) == 2
    assert last_of(house, sweep).pruned == 2
    assert house.of(SweepFinished) == [SweepFinished(sweep, "finished by cli")]


def test_a_paused_sweep_can_be_finished_and_none_of_it_is_left(house: SmallHouse) -> None:
    sweep, running, _ = under_way(house)
    house.request(PauseSweep(sweep=sweep))

    house.request(FinishSweep(sweep=sweep))
    house.deliver(*(success(key) for key in running))
    house.settle()

    assert sweep not in house.authority.state.sweeps
    assert not [job for job in house.authority.state.jobs.values() if job.spec.sweep == sweep]


def test_what_has_ended_cannot_be_controlled(house: SmallHouse) -> None:
    for request in (PauseSweep, ResumeSweep, FinishSweep):
        assert code_of(house.request(request(sweep="s" + "a" * 12))) == "unknown_sweep"


# --- rules --------------------------------------------------------------------------

RULES = [
    (StopRules(target=0.5), "target", "reached 0.5, the target is 0.5"),
    (StopRules(kwh=0.4), "kwh", "have used 0.5 kWh of 0.4"),
    (StopRules(machine_hours=1), "machine_hours", "have used 2 machine hours of 1"),
]


@pytest.mark.parametrize(("rules", "rule", "words"), RULES, ids=lambda one: str(one)[:20])
def test_a_rule_stops_a_sweep_with_the_result_that_fulfils_it(
    house: SmallHouse, rules: StopRules, rule: str, words: str
) -> None:
    sweep, running, _ = under_way(house, stop=rules)

    house.deliver(replace(success(running[0], 7200.0), energy=Energy(0.5, "estimated")))
    house.settle()

    (stopped,) = house.of(SweepStopped)
    assert (stopped.sweep, stopped.rule) == (sweep, rule)
    assert words in stopped.why
    assert len(house.of(JobCancelled)) == WAITING
    house.deliver(success(running[1]))
    house.settle()
    assert last_of(house, sweep).rule == rule
    assert house.of(SweepFinished)[0].why == stopped.why


def test_a_rule_that_is_not_fulfilled_stops_nothing(house: SmallHouse) -> None:
    rules = StopRules(target=0.51, kwh=9, machine_hours=9, no_better_in=2, wall_seconds=9999)
    _, running, _ = under_way(house, stop=rules)

    house.deliver(replace(success(running[0]), energy=Energy(0.5, "estimated")), failure(running[1]))
    house.settle()

    assert not house.of(SweepStopped)


def test_a_target_is_one_to_get_below_where_it_is_minimized(house: SmallHouse) -> None:
    _, running, _ = under_way(house, stop=StopRules(target=0.4), direction="minimize")

    house.deliver(success(running[0]))
    house.settle()
    assert not house.of(SweepStopped)

    house.deliver(replace(success(running[1]), result={"accuracy": 0.3}))
    house.settle()
    assert "trial 1 reached 0.3" in house.of(SweepStopped)[0].why


def test_so_many_trials_without_a_better_one_stop_it(house: SmallHouse) -> None:
    _, running, waiting = under_way(house, stop=StopRules(no_better_in=2))

    house.deliver(success(running[0]))
    house.settle()
    house.deliver(replace(success(running[1]), result={"accuracy": 0.9}))
    house.settle()
    house.deliver(success(house.take(waiting[0])))
    house.settle()
    assert not house.of(SweepStopped)
    house.deliver(success(house.take(waiting[1])))
    house.settle()

    assert house.of(SweepStopped)[0].why == "2 trials ended and none was better than trial 1"


def test_time_alone_stops_a_sweep(house: SmallHouse) -> None:
    sweep = submit(house, stop=StopRules(wall_seconds=5))

    house.wait(3)
    assert not house.of(SweepStopped)
    house.wait(4)

    assert [event.rule for event in house.of(SweepStopped)] == ["wall_seconds"]
    assert last_of(house, sweep).status is SweepStatus.FINISHED


def test_the_hours_of_what_runs_count_while_it_runs(house: SmallHouse) -> None:
    _, running, _ = under_way(house, stop=StopRules(machine_hours=10 / 3600, live="wind_down"))

    house.wait(7)

    assert [event.rule for event in house.of(SweepStopped)] == ["machine_hours"]
    assert len(house.of(PruneDecided)) == len(running)
    assert len(house.of(JobClaimed)) == len(running)


def test_a_longer_time_can_be_given_before_it_is_over(house: SmallHouse) -> None:
    sweep = submit(house, stop=StopRules(wall_seconds=5))
    house.wait(3)
    house.request(ChangeSweep(sweep=sweep, stop=StopRules(wall_seconds=50)))

    house.wait(10)

    assert not house.of(SweepStopped)
