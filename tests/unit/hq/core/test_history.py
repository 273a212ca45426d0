"""What the search process is told of a sweep's trials: in the order of the log, a part at a time."""

from typing import Any

import msgspec
import pytest

from hq.core.history import History, build_end
from schemas.events import SweepStuck
from schemas.facts import AttemptResult, MetricPoint
from schemas.objectives import Worth
from schemas.requests import Cancel, Delete, Propose, ReadSweeps, SubmitSweep
from schemas.specs import FloatRange, JobSpec, ScriptRef, SweepSpec
from schemas.states import JobStatus, Outcome
from schemas.trials import KnownTrials, TrialEnd
from tests.unit.hq.core.small_house import Key, SmallHouse

JOB = JobSpec(ScriptRef("0" * 64, "train.py"))
SPEC = SweepSpec(JOB, {"x": FloatRange(0, 1)}, trials=5, metric="accuracy")


@pytest.fixture
def house() -> SmallHouse:
    house = SmallHouse()
    house.boot(slots=4)
    return house


def propose(house: SmallHouse, sweep: str, first: int, *values: float, **more: Any) -> Any:
    trials = tuple({"x": value} for value in values)
    return house.request(Propose(sweep=sweep, first=first, trials=trials, **more), "search")


def success(key: Key, accuracy: float = 0.5) -> AttemptResult:
    return AttemptResult(*key, Outcome.SUCCEEDED, 0, {"accuracy": accuracy})


def take_again(house: SmallHouse, job: str) -> Key:
    for _ in range(100):
        house.wait(1)
        house.heartbeat(slots=4)
        house.settle()
        if job in house.authority.books.scheduler.offered:
            return house.take(job)
    raise AssertionError(f"{job} was not offered again")


def read(house: SmallHouse, sweep: str, trials: int = 0, ends: int = 0) -> Any:
    (view,) = house.request(ReadSweeps(known={sweep: KnownTrials(trials, ends)})).result["sweeps"]
    return view


def test_the_search_process_hears_of_ends_in_the_order_of_the_log(house: SmallHouse) -> None:
    sweep = house.request(SubmitSweep(sweep=SPEC)).result["sweep"]
    jobs = propose(house, sweep, 0, 0.25, 0.5, 0.75).result["jobs"]
    keys = [house.take(job) for job in jobs[:2]]
    house.deliver(success(keys[1], 0.5))
    house.settle()
    house.request(Cancel(jobs=(jobs[2],)))
    house.deliver(success(keys[0], 0.75))
    house.settle()

    view = read(house, sweep)

    assert (view["proposed"], view["live"], view["ended"], view["settled"]) == (3, 0, 3, 0)
    assert view["news"]["trials"] == [{"x": 0.25}, {"x": 0.5}, {"x": 0.75}]
    assert view["news"]["ends"] == [
        {"trial": 1, "status": "succeeded", "worth": {"values": (0.5,)}},
        {"trial": 2, "status": "cancelled", "worth": {"why": "it was cancelled"}},
        {"trial": 0, "status": "succeeded", "worth": {"values": (0.75,)}},
    ]
    rest = read(house, sweep, 2, 2)["news"]
    assert (rest["trials"], [end["trial"] for end in rest["ends"]]) == ([{"x": 0.75}], [0])
    assert rest["known"] == {"trials": 2, "ends": 2}


def test_a_lost_or_repeated_trial_is_no_end_and_none_counts_twice(house: SmallHouse) -> None:
    sweep = house.request(SubmitSweep(sweep=SPEC)).result["sweep"]
    (job,) = propose(house, sweep, 0, 0.25).result["jobs"]
    first = house.take(job)
    house.decline(first, interrupted=True)
    house.settle()
    assert read(house, sweep)["ended"] == 0

    second = take_again(house, job)
    house.deliver(success(first, 0.5))
    house.settle()
    house.deliver(success(second, 0.75))
    house.settle()

    view = read(house, sweep)
    assert [end["worth"] for end in view["news"]["ends"]] == [{"values": (0.5,)}]


def test_a_trial_without_its_metric_says_so(house: SmallHouse) -> None:
    spec = SweepSpec(JOB, {"x": FloatRange(0, 1)}, trials=5, metric="loss")
    sweep = house.request(SubmitSweep(sweep=spec)).result["sweep"]
    (job,) = propose(house, sweep, 0, 0.25).result["jobs"]
    house.deliver(success(house.take(job), 0.5))
    house.settle()

    (end,) = read(house, sweep)["news"]["ends"]

    assert end["worth"] == {"why": "its result has no loss; it has accuracy"}


def test_a_sweep_in_which_nothing_can_be_chosen_says_why_until_it_goes_on(house: SmallHouse) -> None:
    sweep = house.request(SubmitSweep(sweep=SPEC)).result["sweep"]

    propose(house, sweep, 0, why="cmaes is not installed")
    propose(house, sweep, 0, why="cmaes is not installed")

    assert house.of(SweepStuck) == [SweepStuck(sweep, "cmaes is not installed")]
    assert house.authority.state.sweeps[sweep].why == "cmaes is not installed"
    propose(house, sweep, 0, 0.5)
    assert house.authority.state.sweeps[sweep].why == ""


def test_a_trial_that_was_ended_early_says_how_far_it_came() -> None:
    points = tuple(MetricPoint(n, 0.0, {"accuracy": n / 10 if n < 8 else None}, float(n)) for n in range(10))
    result = AttemptResult("j" + "a" * 12, 1, Outcome.SUCCEEDED, series=points)
    stored = msgspec.to_builtins(result)

    end = build_end(SPEC, 3, JobStatus.PRUNED, result)

    assert end.reached == (7.0, 0.7)
    assert end == build_end(SPEC, 3, JobStatus.PRUNED, stored)
    assert build_end(SPEC, 3, JobStatus.FAILED, result).reached is None


def test_what_a_running_sweep_learns_from_is_not_deleted(house: SmallHouse) -> None:
    sweep = house.request(SubmitSweep(sweep=SPEC)).result["sweep"]
    (job,) = propose(house, sweep, 0, 0.25).result["jobs"]
    house.deliver(success(house.take(job)))
    house.settle()

    reply = house.request(Delete(jobs=(job,)))

    assert reply.error is not None
    assert reply.error.code == "not_final"
    assert "learns from it" in reply.error.message
    house.authority.tidy((job,))
    house.settle()
    assert read(house, sweep)["ended"] == 1


def test_ends_of_one_decision_are_in_the_order_of_their_trials_however_they_were_found() -> None:
    ends = [(7, 3), (7, 1), (5, 2), (9, 0)]
    histories = [History(), History()]
    for history, order in zip(histories, (ends, ends[::-1]), strict=True):
        for position, trial in order:
            history.add_end(position, f"j{trial}", TrialEnd(trial, JobStatus.FAILED, Worth(why="it failed")))

    assert [end.trial for end in histories[0].ends] == [2, 1, 3, 0]
    assert histories[0].ends == histories[1].ends


def test_a_long_history_is_read_a_part_at_a_time_and_nothing_is_missed() -> None:
    history = History()
    for trial in range(50):
        history.add_trial({"x": trial})
        history.add_end(trial, f"j{trial}", TrialEnd(trial, JobStatus.SUCCEEDED, Worth((0.5,))))
    params: list[Any] = []
    ends: list[Any] = []
    while len(params) < 50 or len(ends) < 50:
        part, _ = history.read(KnownTrials(len(params), len(ends)), 300)
        assert part["trials"] or part["ends"]
        params += part["trials"]
        ends += part["ends"]

    assert params == history.params
    assert [end["trial"] for end in ends] == list(range(50))
