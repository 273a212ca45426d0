"""Trials that end early: who may ask for it, what the agent is told, and how they end whatever happens."""

import pytest
from msgspec.structs import replace

from bus import topics
from hq.core.state import Sweep
from schemas.early_stopping import Median
from schemas.events import JobClaimed, JobPruned, JobSucceeded, PruneDecided, ResultSuperseded
from schemas.facts import Checkpoint, MetricPoint
from schemas.messages import Order, Reply
from schemas.requests import Cancel, Propose, Prune, SubmitSweep
from schemas.specs import FloatRange, SweepSpec
from schemas.states import Command, JobStatus, Phase
from tests.unit.hq.core.small_house import Key, SmallHouse, failure, spec, success

WHY = "at step 3 its accuracy was 0.1: worse"


def start_trial(house: SmallHouse, **fields: object) -> tuple[str, Key]:
    """Return a sweep with a pruner, and the attempt of its only trial, which runs."""
    house.boot()
    wanted = SweepSpec(spec(**fields), {"x": FloatRange(0, 1)}, trials=1, metric="accuracy", pruner=Median())
    sweep = house.request(SubmitSweep(sweep=wanted)).result["sweep"]
    (job,) = house.request(Propose(sweep=sweep, first=0, trials=({"x": 0.5},)), "search").result["jobs"]
    return sweep, house.take(job)


def prune(house: SmallHouse, key: Key, client: str = "search", why: str = WHY) -> Reply:
    return house.request(Prune(job=key[0], token=key[1], why=why, step=3), client)


def orders(house: SmallHouse, key: Key) -> list[Command]:
    """Return what the machine was ever told to do with an attempt."""
    acks = house.published_to("attic", topics.ACK)
    return [order.command for ack in acks for order in ack.orders if (order.job, order.token) == key]


def last_of(house: SmallHouse, sweep: str) -> Sweep:
    return [change for change in house.changes if isinstance(change, Sweep) and change.id == sweep][-1]


def test_a_pruned_trial_is_wound_down_at_once_and_at_every_heartbeat(house: SmallHouse) -> None:
    _, key = start_trial(house)

    assert prune(house, key).ok
    assert orders(house, key)[-1] is Command.WIND_DOWN

    ack = house.heartbeat("attic", (key, Phase.RUNNING))
    assert ack is not None
    assert ack.orders == (Order(*key, Command.WIND_DOWN),)
    assert house.job(key[0]).status is JobStatus.RUNNING


@pytest.mark.parametrize("succeeds", [True, False])
def test_whatever_it_delivers_then_it_is_pruned_with_all_that_it_has(
    house: SmallHouse, succeeds: bool
) -> None:
    sweep, key = start_trial(house, retry_on_failure=5)
    prune(house, key)
    points = (MetricPoint(0, 0, {"accuracy": 0.1}, 3.0),)
    delivered = replace((success if succeeds else failure)(key), series=points)

    house.deliver(delivered)
    house.settle()

    assert house.of(JobPruned) == [JobPruned(key[0], WHY, 3, key[1], delivered)]
    assert house.authority.state.finished[key[0]].status is JobStatus.PRUNED
    swept = last_of(house, sweep)
    assert (swept.live, swept.pruned, swept.succeeded, swept.unsuccessful) == (0, 1, 0, 0)
    assert (swept.measured, swept.unmeasured) == (1, 0)


def test_it_keeps_the_checkpoint_that_came_with_its_result(house: SmallHouse) -> None:
    _, key = start_trial(house)
    prune(house, key)
    kept = Checkpoint(key[1], "ab" * 32, 5)

    house.deliver(replace(failure(key), checkpoint=kept))
    house.settle()

    ended = [c for c in house.changes if getattr(c, "status", None) is JobStatus.PRUNED]
    assert ended[-1].checkpoint == kept  # type: ignore[union-attr]


@pytest.mark.parametrize("how", ["handed back", "interrupted", "silent", "lost"])
def test_an_attempt_that_goes_away_ends_it_too_and_it_never_runs_again(house: SmallHouse, how: str) -> None:
    _, key = start_trial(house)
    prune(house, key)

    if how == "silent":
        house.wait(40)
    elif how == "lost":
        house.heartbeat("attic", (key, Phase.RUNNING))
        house.boot("attic", boot=2)
    else:
        house.decline(key, interrupted=how == "interrupted")
    house.settle()
    house.boot("den")
    house.wait(60)

    assert [(event.job, event.step, event.result) for event in house.of(JobPruned)] == [(key[0], 3, None)]
    assert len(house.of(JobClaimed)) == 1


def test_what_a_silent_machine_delivers_later_is_stored_and_changes_nothing(house: SmallHouse) -> None:
    _, key = start_trial(house)
    prune(house, key)
    house.wait(40)

    house.deliver(success(key))
    house.settle()

    assert not house.of(JobSucceeded)
    assert [event.token for event in house.of(ResultSuperseded)] == [key[1]]


def test_asked_again_in_other_words_it_is_decided_once(house: SmallHouse) -> None:
    _, key = start_trial(house)

    assert prune(house, key).ok
    assert prune(house, key, why="for another reason").ok

    assert [event.why for event in house.of(PruneDecided)] == [WHY]


def test_a_token_that_is_not_the_newest_is_stale(house: SmallHouse) -> None:
    _, key = start_trial(house)
    house.decline(key, interrupted=True)
    house.settle()

    for token in (key[1], key[1] + 1):
        reply = prune(house, (key[0], token))
        assert reply.error is not None
        assert reply.error.code == "stale"
    assert not house.of(PruneDecided)


def test_only_the_search_process_prunes_and_only_trials(house: SmallHouse) -> None:
    _, key = start_trial(house)
    plain = house.start()

    for wanted, client, code in ((key, "cli", "not_allowed"), (plain, "search", "stale")):
        reply = prune(house, wanted, client)
        assert reply.error is not None
        assert reply.error.code == code


def test_one_that_is_being_pruned_can_be_cancelled(house: SmallHouse) -> None:
    _, key = start_trial(house)
    prune(house, key)

    assert house.request(Cancel(jobs=(key[0],))).ok

    assert orders(house, key)[-1] is Command.STOP
    assert house.authority.state.finished[key[0]].status is JobStatus.CANCELLED


def test_after_a_restart_of_hq_it_is_still_wound_down(house: SmallHouse) -> None:
    _, key = start_trial(house)
    prune(house, key)

    house.restart()
    ack = house.heartbeat("attic", (key, Phase.RUNNING))

    assert ack is not None
    assert ack.orders == (Order(*key, Command.WIND_DOWN),)


def test_a_trial_that_never_reports_the_metric_is_counted_as_such(house: SmallHouse) -> None:
    sweep, key = start_trial(house)

    house.deliver(success(key))
    house.settle()

    assert (last_of(house, sweep).measured, last_of(house, sweep).unmeasured) == (0, 1)
