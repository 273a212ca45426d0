"""Sweeps: who may propose, what a proposal becomes, and how a sweep ends."""

from typing import Any

import pytest

from bus import topics
from hq.core.state import Sweep
from schemas.events import (
    JobCancelled,
    JobSubmitted,
    SweepCancelled,
    SweepExhausted,
    SweepFinished,
    TrialProposed,
)
from schemas.messages import Reply
from schemas.requests import Cancel, CancelSweep, Propose, ReadSweeps, SubmitSweep
from schemas.specs import Choice, FloatRange, IntRange, JobSpec, SweepSpec
from schemas.states import SweepStatus
from tests.unit.hq.core.small_house import SmallHouse, failure, spec, success


def sweep_spec(trials: int = 3, job: JobSpec | None = None, **fields: Any) -> SweepSpec:
    return SweepSpec(job or spec(), fields.pop("space", {"x": FloatRange(0, 1)}), trials=trials, **fields)


def submit(house: SmallHouse, wanted: SweepSpec) -> str:
    return str(house.request(SubmitSweep(sweep=wanted)).result["sweep"])


def propose(
    house: SmallHouse, sweep: str, first: int, *values: float, exhausted: bool = False, client: str = "search"
) -> Reply:
    trials = tuple({"x": value} for value in values)
    return house.request(Propose(sweep=sweep, first=first, trials=trials, exhausted=exhausted), client)


def last_of(house: SmallHouse, sweep: str) -> Sweep:
    """Return the sweep as the read models last heard of it."""
    return [change for change in house.changes if isinstance(change, Sweep) and change.id == sweep][-1]


# --- proposals ------------------------------------------------------------------


def test_a_proposal_becomes_jobs_that_belong_to_whoever_submitted_the_sweep(house: SmallHouse) -> None:
    job = spec(params={"epochs": 3, "x": 0}, priority=5)
    sweep = submit(house, sweep_spec(job=job, name="lr"))

    reply = propose(house, sweep, 0, 0.25, 0.5)

    first, second = reply.result["jobs"]
    submitted = house.job(second)
    assert (submitted.submitter, submitted.spec.sweep, submitted.spec.trial) == ("cli", sweep, 1)
    assert submitted.spec.params == {"epochs": 3, "x": 0.5}
    assert (submitted.spec.name, submitted.spec.priority) == ("lr 1", 5)
    assert [e.job for e in house.of(TrialProposed)] == [e.job for e in house.of(JobSubmitted)]
    assert house.authority.state.trials[sweep] == {first, second}


def test_only_the_search_process_proposes(house: SmallHouse) -> None:
    sweep = submit(house, sweep_spec())

    reply = propose(house, sweep, 0, 0.5, client="cli")

    assert reply.error is not None
    assert reply.error.code == "not_allowed"
    assert not house.of(TrialProposed)


@pytest.mark.parametrize("first", [1, 3])
def test_a_proposal_that_saw_another_position_is_stale(house: SmallHouse, first: int) -> None:
    sweep = submit(house, sweep_spec(9))
    propose(house, sweep, 0, 0.1, 0.2)

    reply = propose(house, sweep, first, 0.5)

    assert reply.error is not None
    assert reply.error.code == "stale"
    assert house.authority.state.sweeps[sweep].proposed == 2


def test_the_same_proposal_again_gets_the_same_jobs(house: SmallHouse) -> None:
    sweep = submit(house, sweep_spec())
    request = Propose(sweep=sweep, first=0, trials=({"x": 0.5},), key="trial-0")

    jobs = house.request(request, "search").result["jobs"]

    assert house.request(request, "search").result["jobs"] == jobs
    assert len(house.of(TrialProposed)) == 1


@pytest.mark.parametrize(("count", "refused"), [(2, False), (3, False), (4, True)])
def test_there_are_never_more_trials_than_the_sweep_asks_for(
    house: SmallHouse, count: int, refused: bool
) -> None:
    sweep = submit(house, sweep_spec(3))

    reply = propose(house, sweep, 0, *[0.5] * count)

    assert (reply.error is not None and reply.error.code == "too_many") == refused
    assert len(house.of(SweepExhausted)) == (count == 3)


@pytest.mark.parametrize(("count", "refused"), [(199, False), (200, False), (201, True)])
def test_a_proposal_has_a_bounded_number_of_trials(house: SmallHouse, count: int, refused: bool) -> None:
    sweep = submit(house, sweep_spec(1000))

    reply = propose(house, sweep, 0, *[0.5] * count)

    assert (reply.error is not None and reply.error.code == "too_big") == refused


def test_a_sweep_that_has_ended_takes_no_proposals(house: SmallHouse) -> None:
    sweep = submit(house, sweep_spec())
    house.request(CancelSweep(sweep=sweep))

    reply = propose(house, sweep, 0, 0.5)

    assert reply.error is not None
    assert reply.error.code == "unknown_sweep"


def test_an_exhausted_sweep_takes_no_proposals(house: SmallHouse) -> None:
    sweep = submit(house, sweep_spec(3))
    propose(house, sweep, 0, 0.5, exhausted=True)

    reply = propose(house, sweep, 1, 0.5)

    assert reply.error is not None
    assert reply.error.code == "stale"


# --- the end --------------------------------------------------------------------


def test_a_sweep_is_finished_with_its_last_trial_and_counts_how_they_ended(house: SmallHouse) -> None:
    house.boot(slots=8)
    sweep = submit(house, sweep_spec(3))
    jobs = propose(house, sweep, 0, 0.1, 0.2, 0.3).result["jobs"]
    keys = [house.take(job) for job in jobs]

    house.deliver(success(keys[0]))
    house.deliver(failure(keys[1]))
    house.settle()
    assert not house.of(SweepFinished)
    house.deliver(success(keys[2]))
    house.settle()

    assert house.of(SweepFinished) == [SweepFinished(sweep)]
    last = last_of(house, sweep)
    assert (last.status, last.live, last.succeeded, last.unsuccessful) == (SweepStatus.FINISHED, 0, 2, 1)
    assert sweep not in house.authority.state.sweeps
    assert sweep not in house.authority.state.trials


def test_a_sweep_is_not_finished_while_more_may_be_proposed(house: SmallHouse) -> None:
    house.boot()
    sweep = submit(house, sweep_spec(3))
    (job,) = propose(house, sweep, 0, 0.1).result["jobs"]

    house.deliver(success(house.take(job)))
    house.settle()
    assert not house.of(SweepFinished)
    propose(house, sweep, 1, exhausted=True)

    assert house.of(SweepExhausted) == [SweepExhausted(sweep, 1)]
    assert house.of(SweepFinished) == [SweepFinished(sweep)]


def test_a_sampler_that_finds_nothing_at_all_finishes_the_sweep(house: SmallHouse) -> None:
    sweep = submit(house, sweep_spec(3))

    propose(house, sweep, 0, exhausted=True)

    assert house.of(SweepFinished) == [SweepFinished(sweep)]


@pytest.mark.parametrize("trials", [2, 5])
def test_a_cancelled_sweep_takes_its_trials_with_it(house: SmallHouse, trials: int) -> None:
    house.boot()
    sweep = submit(house, sweep_spec(trials))
    jobs = propose(house, sweep, 0, 0.1, 0.2).result["jobs"]
    key = house.take(jobs[0])

    reply = house.request(CancelSweep(sweep=sweep))

    # With 2 trials all were proposed: its last trial's end must not count as its finish.
    assert reply.result == {"sweep": sweep, "cancelled": 2}
    assert {event.job for event in house.of(JobCancelled)} == set(jobs)
    assert house.of(SweepCancelled) == [SweepCancelled(sweep, "cli")]
    assert not house.of(SweepFinished)
    last = last_of(house, sweep)
    assert (last.status, last.live, last.unsuccessful) == (SweepStatus.CANCELLED, 0, 2)
    orders = [order for ack in house.published_to("attic", topics.ACK) for order in ack.orders]
    assert [(order.job, order.token) for order in orders] == [key]


def test_cancelling_the_last_trials_one_by_one_finishes_the_sweep(house: SmallHouse) -> None:
    sweep = submit(house, sweep_spec(2))
    jobs = propose(house, sweep, 0, 0.1, 0.2).result["jobs"]

    house.request(Cancel(jobs=tuple(jobs)))

    assert house.of(SweepFinished) == [SweepFinished(sweep)]
    assert last_of(house, sweep).status is SweepStatus.FINISHED


def test_a_late_result_of_a_cancelled_trial_does_not_touch_the_sweep(house: SmallHouse) -> None:
    house.boot()
    sweep = submit(house, sweep_spec(1))
    (job,) = propose(house, sweep, 0, 0.1).result["jobs"]
    key = house.take(job)
    house.request(CancelSweep(sweep=sweep))
    before = last_of(house, sweep)

    house.deliver(success(key))
    house.settle()

    assert last_of(house, sweep) == before


# --- refusals and views ------------------------------------------------------------


@pytest.mark.parametrize(
    ("space", "code"),
    [
        ({}, "bad_space"),
        ({"": FloatRange(0, 1)}, "bad_space"),
        ({"x": FloatRange(1, 0)}, "bad_space"),
        ({"x": FloatRange(0, 1, log=True)}, "bad_space"),
        ({"x": IntRange(2, 1)}, "bad_space"),
        ({"x": Choice(("a" * 128 * 1024,))}, "too_big"),
    ],
)
def test_a_space_that_makes_no_sense_is_refused(house: SmallHouse, space: Any, code: str) -> None:
    reply = house.request(SubmitSweep(sweep=sweep_spec(space=space)))

    assert reply.error is not None
    assert reply.error.code == code
    assert len(house.decisions) == 1


@pytest.mark.parametrize(
    "space",
    [
        {"x": FloatRange(1, 1)},
        {"x": FloatRange(1e-9, 1, log=True)},
        {"x": IntRange(2, 2)},
        {"x": Choice((None,))},
    ],
)
def test_a_space_of_one_point_is_a_space(house: SmallHouse, space: Any) -> None:
    assert house.request(SubmitSweep(sweep=sweep_spec(space=space))).error is None


def test_a_sweeps_job_is_small_because_each_trial_copies_it(house: SmallHouse) -> None:
    reply = house.request(SubmitSweep(sweep=sweep_spec(job=spec(params={"text": "a" * 4096}))))

    assert reply.error is not None
    assert reply.error.code == "too_big"


def test_an_unknown_sweep_cannot_be_cancelled(house: SmallHouse) -> None:
    reply = house.request(CancelSweep(sweep="s" + "a" * 12))

    assert reply.error is not None
    assert reply.error.code == "unknown_sweep"


def test_running_sweeps_are_read_page_by_page_and_none_is_missed(house: SmallHouse) -> None:
    big = {"x": Choice(("a" * 60_000,))}
    sweeps = sorted(submit(house, sweep_spec(space=big)) for _ in range(7))

    found: list[str] = []
    more, after = True, None
    while more:
        page = house.request(ReadSweeps(after=after)).result
        found.extend(view["sweep"] for view in page["sweeps"])
        more, after = page["more"], found[-1]

    assert found == sweeps
