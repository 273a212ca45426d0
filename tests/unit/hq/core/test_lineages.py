"""Trials of a population: each begins with the checkpoint that its parent left, and says who that is."""

from typing import Any

import pytest

from hq.core.state import Job
from schemas.events import JobSubmitted, TrialProposed
from schemas.facts import Checkpoint
from schemas.messages import Reply
from schemas.objectives import Constraint
from schemas.requests import AddTrials, Propose, ReadSweeps, Retry, Submit, SubmitSweep
from schemas.samplers import SamplerOptions
from schemas.specs import FloatRange, Lineage, SweepSpec
from schemas.states import Phase
from schemas.trials import Descent, KnownTrials
from tests.unit.hq.core.small_house import SmallHouse, replay, spec, success

SPACE = {"x": FloatRange(0, 1)}


def submit(house: SmallHouse, **fields: Any) -> Reply:
    options = SamplerOptions(population_size=2)
    wanted: dict[str, Any] = {"metric": "accuracy", "sampler": "pbt", "options": options, "trials": 6}
    return house.request(SubmitSweep(sweep=SweepSpec(spec(), SPACE, **{**wanted, **fields})))


def propose(house: SmallHouse, sweep: str, first: int, *descents: Descent) -> Reply:
    trials = ({"x": 0.5},) * len(descents)
    return house.request(Propose(sweep=sweep, first=first, trials=trials, descents=descents), "search")


def left(token: int) -> Checkpoint:
    return Checkpoint(token, "a" * 64, 10)


def trained(house: SmallHouse) -> tuple[str, Checkpoint]:
    """Return a population of which trial 0 has ended, and the checkpoint that it left."""
    house.boot(slots=2)
    sweep = submit(house).result["sweep"]
    jobs = propose(house, sweep, 0, Descent(0), Descent(1)).result["jobs"]
    key = house.take(jobs[0])
    house.take(jobs[1])
    result = success(key)
    house.deliver(type(result)(*key, result.outcome, 0, {"accuracy": 0.5}, checkpoint=left(key[1])))
    house.settle()
    return str(sweep), left(key[1])


def test_a_child_begins_with_what_its_parent_left() -> None:
    house = SmallHouse()
    sweep, checkpoint = trained(house)

    (job,) = propose(house, sweep, 2, Descent(0, 0)).result["jobs"]
    house.take(job)

    assert house.grants()[-1].checkpoint == checkpoint
    assert house.grants()[-1].spec.lineage == Lineage(0, 1, 0, checkpoint)
    assert house.of(TrialProposed)[-1].descent == Descent(0, 0)


def test_an_attempt_after_one_that_came_further_goes_on_from_there() -> None:
    house = SmallHouse()
    sweep, _ = trained(house)
    (job,) = propose(house, sweep, 2, Descent(0, 0)).result["jobs"]
    key = house.take(job)

    house.heartbeat("attic", (key, Phase.RUNNING), checkpoint=left(key[1]))
    house.settle()
    assert house.job(job).checkpoint == left(key[1])


@pytest.mark.parametrize("restarts", [False, True])
def test_who_searches_is_told_who_came_from_whom(restarts: bool) -> None:
    house = SmallHouse()
    sweep, checkpoint = trained(house)
    propose(house, sweep, 2, Descent(0, 0))
    if restarts:
        house.restart()

    (state,) = house.request(ReadSweeps(known={sweep: KnownTrials(1)}), "search").result["sweeps"]

    assert state["news"]["descents"] == [{"member": 1}, {"member": 0, "parent": 0}]
    assert state["news"]["ends"][0]["checkpoint"]["sha256"] == checkpoint.sha256
    history = replay(house.decisions).histories[sweep]
    assert [history.count_ancestors(trial) for trial in range(3)] == [0, 0, 1]


@pytest.mark.parametrize("descents", [(), (Descent(0, 1),), (Descent(0, 7),), (Descent(0), Descent(1))])
def test_nobody_descends_from_a_trial_that_left_nothing(descents: tuple[Descent, ...]) -> None:
    house = SmallHouse()
    sweep, _ = trained(house)
    before = len(house.decisions)

    wanted = Propose(sweep=sweep, first=2, trials=({"x": 0.5},), descents=descents)
    reply = house.request(wanted, "search")

    assert reply.error is not None
    assert reply.error.code == "bad_descents"
    assert len(house.decisions) == before


def test_trials_of_other_sweeps_leave_nothing_and_have_no_lineage() -> None:
    house = SmallHouse()
    house.boot()
    sweep = submit(house, sampler="random", options=SamplerOptions()).result["sweep"]

    assert propose(house, sweep, 0, Descent(0)).error is not None
    house.request(Propose(sweep=sweep, first=0, trials=({"x": 0.5},)), "search")
    assert house.of(JobSubmitted)[-1].spec.lineage is None


def test_a_lineage_is_hqs_to_give() -> None:
    house = SmallHouse()
    sweep, _checkpoint = trained(house)

    for request in (
        Submit(jobs=(spec(lineage=Lineage(0)),)),
        SubmitSweep(sweep=SweepSpec(spec(lineage=Lineage(0)), SPACE)),
        AddTrials(sweep=sweep, trials=({"x": 1.0},)),
    ):
        reply = house.request(request)
        assert reply.error is not None
        assert reply.error.code in ("bad_spec", "not_possible")
    # A trial that is run once more on its own is no member.
    (job,) = propose(house, sweep, 2, Descent(0, 0)).result["jobs"]
    message = house.ask(Retry(jobs=(job,)))
    house.authority.retry(house.look_ups()[-1].request, {job: house.job(job).spec})
    house.settle()
    (again,) = house.replies(message)[-1].result["jobs"]
    assert house.job(again).spec.lineage is None


@pytest.mark.parametrize(
    "fields",
    [{"metric": ""}, {"constraints": (Constraint("mb", at_most=1),)}],
)
def test_a_population_needs_one_objective_and_knows_no_constraints(fields: dict[str, Any]) -> None:
    house = SmallHouse()
    reply = submit(house, **fields)

    assert reply.error is not None
    assert reply.error.code == "bad_spec"


def test_what_a_parent_left_stays_with_its_result_and_not_with_its_job() -> None:
    house = SmallHouse()
    trained(house)

    ended = [change for change in house.changes if isinstance(change, Job) and change.spec.trial == 0][-1]

    assert ended.status == "succeeded"
    assert ended.checkpoint is None
