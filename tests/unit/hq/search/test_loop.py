"""The search loop: what it asks, when, and that repeats are the same request."""

import msgspec
import pytest

from hq.search.loop import (
    GATHER_SECONDS,
    MOST_PROPOSAL_BYTES,
    PATIENCE_SECONDS,
    READ_SECONDS,
    Asked,
    SearchLoop,
    SweepState,
    propose,
)
from hq.search.samplers import GridSampler, RandomSampler
from schemas.messages import Reply, RequestError
from schemas.requests import Propose, ReadSweeps
from schemas.specs import Choice, FloatRange, IntRange, JobSpec, ScriptRef, SweepSpec

SWEEP = "saaaaaaaaaaaa"
JOB = JobSpec(ScriptRef("0" * 64, "train.py"))


def spec(trials: int = 10, parallel: int = 4, **more: object) -> SweepSpec:
    return msgspec.structs.replace(
        SweepSpec(JOB, {"x": FloatRange(0, 1)}, trials=trials, parallel=parallel), **more
    )


def state(proposed: int = 0, live: int = 0, sweep: str = SWEEP, **more: object) -> SweepState:
    return SweepState(sweep, spec(**more), proposed, live)  # type: ignore[arg-type]


def told(*sweeps: SweepState, more: bool = False) -> Reply:
    return Reply("r", True, 1, {"sweeps": [msgspec.to_builtins(one) for one in sweeps], "more": more})


def refused(code: str) -> Reply:
    return Reply("r", False, 1, error=RequestError(code, "no"))


def read(loop: SearchLoop, now: float, reply: Reply) -> list[Asked]:
    assert loop.tick(now) == [ReadSweeps()]
    return loop.answered(ReadSweeps(), reply, now)


@pytest.mark.parametrize(
    ("proposed", "live", "trials", "parallel", "expected"),
    [
        (0, 0, 10, 4, 4),
        (4, 3, 10, 4, 1),
        (4, 4, 10, 4, 0),
        (4, 5, 10, 4, 0),
        (9, 0, 10, 4, 1),
        (10, 0, 10, 4, 0),
        (0, 0, 1000, 1000, 200),
    ],
)
def test_as_many_trials_are_proposed_as_may_be_live(
    proposed: int, live: int, trials: int, parallel: int, expected: int
) -> None:
    found = propose(state(proposed, live, trials=trials, parallel=parallel), RandomSampler())

    assert (len(found.trials) if found else 0) == expected
    if found:
        assert found.first == proposed


def test_an_exhausted_sweep_gets_no_more() -> None:
    sweep = msgspec.structs.replace(state(), exhausted=True)

    assert propose(sweep, RandomSampler()) is None


def test_a_grid_that_ends_early_says_so() -> None:
    space = {"x": IntRange(1, 3)}
    found = propose(state(2, 0, space=space, sampler="grid"), GridSampler())

    assert found is not None
    assert (found.trials, found.exhausted) == (({"x": 3},), True)


def test_a_grid_that_is_over_proposes_the_end_alone() -> None:
    found = propose(state(3, 0, space={"x": IntRange(1, 3)}, sampler="grid"), GridSampler())

    assert found is not None
    assert (found.first, found.trials, found.exhausted) == (3, (), True)


def test_a_proposal_fits_a_message() -> None:
    space = {"x": Choice(("y" * 20_000,))}
    found = propose(state(space=space, trials=100, parallel=100), RandomSampler())

    assert found is not None
    assert 1 <= len(found.trials) < 100
    assert len(msgspec.json.encode(found.trials)) <= MOST_PROPOSAL_BYTES + 1000
    assert not found.exhausted


def test_the_same_state_gives_the_same_request_with_the_same_key() -> None:
    first = propose(state(3, 1), RandomSampler())
    again = propose(state(3, 1), RandomSampler())
    later = propose(state(4, 1), RandomSampler())

    assert first == again
    assert first is not None
    assert later is not None
    assert (first.key, later.key) == (f"{SWEEP}-3-3", f"{SWEEP}-4-3")


def test_it_reads_every_two_seconds_when_nothing_happens() -> None:
    loop = SearchLoop()

    assert read(loop, 0.0, told()) == []
    assert loop.next_wake(0.0) == pytest.approx(READ_SECONDS)
    assert loop.tick(READ_SECONDS - 0.001) == []
    assert loop.tick(READ_SECONDS) == [ReadSweeps()]


def test_a_shower_of_notices_is_one_reading_soon() -> None:
    loop = SearchLoop()
    read(loop, 0.0, told())

    for n in range(100):
        loop.notice(1.0 + n / 10_000)

    assert loop.tick(1.0) == []
    assert loop.tick(1.0 + GATHER_SECONDS) == [ReadSweeps()]
    assert loop.tick(1.0 + GATHER_SECONDS) == []


def test_a_notice_during_a_reading_makes_another_one() -> None:
    loop = SearchLoop()
    assert loop.tick(0.0) == [ReadSweeps()]
    loop.notice(0.001)
    loop.answered(ReadSweeps(), told(), 0.002)

    assert loop.tick(0.002 + GATHER_SECONDS) == [ReadSweeps()]


def test_an_answer_that_never_comes_is_asked_for_again() -> None:
    loop = SearchLoop()
    assert loop.tick(0.0) == [ReadSweeps()]

    assert loop.tick(PATIENCE_SECONDS - 0.001) == []
    assert loop.tick(PATIENCE_SECONDS) == [ReadSweeps()]


def test_a_connection_that_is_back_is_used_at_once() -> None:
    loop = SearchLoop()
    assert loop.tick(0.0) == [ReadSweeps()]

    loop.connected(0.5)

    assert loop.tick(0.5) == [ReadSweeps()]


def test_a_stale_proposal_leads_to_a_new_reading() -> None:
    loop = SearchLoop()
    (proposal,) = read(loop, 0.0, told(state()))
    assert isinstance(proposal, Propose)

    assert loop.answered(proposal, refused("stale"), 0.01) == []

    assert loop.tick(0.01 + GATHER_SECONDS) == [ReadSweeps()]


def test_other_refusals_wait_for_the_next_reading() -> None:
    loop = SearchLoop()
    (proposal,) = read(loop, 0.0, told(state()))

    loop.answered(proposal, refused("too_many"), 0.01)

    assert loop.next_wake(0.01) > READ_SECONDS / 2


def test_many_sweeps_are_read_page_by_page() -> None:
    loop = SearchLoop()
    asked = read(loop, 0.0, told(state(), more=True))

    assert asked[-1] == ReadSweeps(after=SWEEP)
    assert loop.tick(0.5) == []
    rest = loop.answered(asked[-1], told(state(sweep="sbbbbbbbbbbbb")), 0.5)
    assert [one.sweep for one in rest if isinstance(one, Propose)] == ["sbbbbbbbbbbbb"]


def test_an_answer_that_makes_no_sense_is_survived() -> None:
    loop = SearchLoop()

    assert read(loop, 0.0, Reply("r", True, 1, {"sweeps": 3})) == []
    assert read(loop, READ_SECONDS, refused("unavailable")) == []
    assert len(read(loop, 2 * READ_SECONDS, told(state()))) == 1


def test_a_space_that_cannot_be_drawn_from_does_not_stop_the_others() -> None:
    loop = SearchLoop()
    bad = state(sweep="sbbbbbbbbbbbb", space={"x": FloatRange(-1, 1, log=True)})

    asked = read(loop, 0.0, told(bad, state()))

    assert [one.sweep for one in asked if isinstance(one, Propose)] == [SWEEP]


def test_ends_of_trials_matter_only_while_a_sweep_waits_for_them() -> None:
    loop = SearchLoop()

    read(loop, 0.0, told(state(4, 4)))
    assert loop.wants_trial_ends
    read(loop, 10.0, told(state(10, 4)))
    assert not loop.wants_trial_ends
