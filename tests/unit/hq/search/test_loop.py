"""The search loop: what it asks, when, and that repeats are the same request."""

import random
from typing import Any

import msgspec
import pytest

from hq.search.choosing import Memory
from hq.search.loop import (
    GATHER_SECONDS,
    MOST_PROPOSAL_BYTES,
    PATIENCE_SECONDS,
    READ_SECONDS,
    Asked,
    News,
    SearchLoop,
    SweepState,
    propose,
)
from schemas.messages import Reply, RequestError
from schemas.objectives import Worth
from schemas.requests import Propose, ReadPast, ReadSweeps
from schemas.samplers import SamplerOptions
from schemas.specs import Choice, FloatRange, IntRange, JobSpec, ScriptRef, SweepSpec
from schemas.states import JobStatus
from schemas.trials import KnownTrials, TrialEnd

SWEEP = "saaaaaaaaaaaa"
JOB = JobSpec(ScriptRef("0" * 64, "train.py"))


def spec(trials: int = 10, parallel: int = 4, **more: object) -> SweepSpec:
    return msgspec.structs.replace(
        SweepSpec(JOB, {"x": FloatRange(0, 1)}, trials=trials, parallel=parallel), **more
    )


def state(proposed: int = 0, live: int = 0, sweep: str = SWEEP, **more: object) -> SweepState:
    return SweepState(sweep, spec(**more), proposed, live)  # type: ignore[arg-type]


def proposed_for(sweep: SweepState) -> Propose | None:
    return propose(sweep, Memory(sweep.sweep, sweep.spec))


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
    found = proposed_for(state(proposed, live, trials=trials, parallel=parallel))

    assert (len(found.trials) if found else 0) == expected
    if found:
        assert found.first == proposed


def test_an_exhausted_sweep_gets_no_more() -> None:
    sweep = msgspec.structs.replace(state(), exhausted=True)

    assert proposed_for(sweep) is None


def test_a_grid_that_ends_early_says_so() -> None:
    space = {"x": IntRange(1, 3)}
    found = proposed_for(state(2, 0, space=space, sampler="grid"))

    assert found is not None
    assert (found.trials, found.exhausted) == (({"x": 3},), True)


def test_a_grid_that_is_over_proposes_the_end_alone() -> None:
    found = proposed_for(state(3, 0, space={"x": IntRange(1, 3)}, sampler="grid"))

    assert found is not None
    assert (found.first, found.trials, found.exhausted) == (3, (), True)


def test_a_proposal_fits_a_message() -> None:
    space = {"x": Choice(("y" * 20_000,))}
    found = proposed_for(state(space=space, trials=100, parallel=100))

    assert found is not None
    assert 1 <= len(found.trials) < 100
    assert len(msgspec.json.encode(found.trials)) <= MOST_PROPOSAL_BYTES + 1000
    assert not found.exhausted


def test_the_same_state_gives_the_same_request_with_the_same_key() -> None:
    first = proposed_for(state(3, 1))
    again = proposed_for(state(3, 1))
    later = proposed_for(state(4, 1))

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


def test_a_space_that_cannot_be_drawn_from_says_so_once_and_does_not_stop_the_others() -> None:
    loop = SearchLoop()
    bad = state(sweep="sbbbbbbbbbbbb", space={"x": FloatRange(-1, 1, log=True)})

    stuck, other = read(loop, 0.0, told(bad, state()))

    assert isinstance(stuck, Propose)
    assert isinstance(other, Propose)
    assert (stuck.sweep, stuck.trials) == (bad.sweep, ())
    assert "random cannot choose a trial: ValueError" in stuck.why
    assert other.sweep == SWEEP
    known = msgspec.structs.replace(bad, why=stuck.why)
    assert read(loop, 10.0, told(known)) == []


@pytest.mark.parametrize("sampler", ["sobol", "cmaes"])
def test_a_package_that_is_missing_is_named(sampler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    found = proposed_for(state(sampler=sampler, metric="loss"))

    assert found is not None
    assert (found.trials, found.exhausted) == ((), False)
    assert f"the sampler {sampler} needs" in found.why
    assert "pip install" in found.why


def test_points_to_try_come_first_and_the_sampler_fills_in_the_rest() -> None:
    space = {"x": FloatRange(0, 1), "n": IntRange(1, 3)}
    tries = ({"x": 0.5}, {"n": 3, "x": 0.25})
    for sampler in ("random", "sobol", "halton", "grid"):
        found = proposed_for(state(space=space, tries=tries, sampler=sampler, trials=9, parallel=9))

        assert found is not None
        assert found.trials[0]["x"] == 0.5
        assert found.trials[1] == {"x": 0.25, "n": 3}
    assert found is not None
    assert found.trials[2:] == tuple({"x": x, "n": n} for x in (0, 0.5, 1) for n in (1, 2, 3))[:7]


class House:
    """What HQ knows of one sweep, told a part at a time."""

    def __init__(self, spec: SweepSpec, most: int = 3) -> None:
        self.spec = spec
        self.trials: list[dict[str, Any]] = []
        self.ends: list[TrialEnd] = []
        self.most = most

    def answer(self, asked: ReadSweeps) -> Reply:
        view: dict[str, Any] = {
            "sweep": SWEEP,
            "spec": msgspec.to_builtins(self.spec),
            "proposed": len(self.trials),
            "live": len(self.trials) - len(self.ends),
            "ended": len(self.ends),
        }
        known = asked.known.get(SWEEP)
        if known is not None:
            trials, ends = self.trials[known.trials :], self.ends[known.ends :]
            news = News(known, tuple(trials[: self.most]), tuple(ends[: self.most]))
            view["news"] = msgspec.to_builtins(news)
        return Reply("r", True, 1, {"sweeps": [view]})

    def proposal(self, loop: SearchLoop, now: float) -> Propose | None:
        """Let the loop read until it proposes; None when it waits."""
        for _ in range(1000):
            if loop.next_wake(now) > 1:
                return None
            now += 0.1
            for asked in loop.tick(now):
                assert isinstance(asked, ReadSweeps)
                for answer in loop.answered(asked, self.answer(asked), now):
                    if isinstance(answer, Propose):
                        return answer
        raise AssertionError("it reads and reads")

    def take(self, proposal: Propose) -> None:
        assert proposal.first == len(self.trials)
        self.trials.extend(proposal.trials)

    def end(self, trial: int) -> None:
        params = self.trials[trial]
        worth = Worth(((params["x"] - 0.3) ** 2 + params["n"],)) if trial % 7 else Worth(why="NaN")
        self.ends.append(TrialEnd(trial, JobStatus.SUCCEEDED, worth))


LEARNED = spec(
    30,
    4,
    space={"x": FloatRange(0, 1), "n": IntRange(1, 3)},
    sampler="tpe",
    metric="loss",
    direction="minimize",
    seed=1,
    options=SamplerOptions(n_startup_trials=5),
)


def play(restart_every: int, gather: int) -> list[dict[str, Any]]:
    """Return a sweep's trials; `gather` ends are heard of at once, in the same order always."""
    house = House(LEARNED)
    loop = SearchLoop()
    chance = random.Random(3)
    # Four run at once, and end in any order.
    order = [n for first in range(0, 32, 4) for n in chance.sample(range(first, first + 4), 4) if n < 30]
    for turn in range(1000):
        if restart_every and turn % restart_every == restart_every - 1:
            loop = SearchLoop()
        loop.connected(1000.0 * turn)
        proposal = house.proposal(loop, 1000.0 * turn)
        if proposal is not None:
            house.take(proposal)
            loop.answered(proposal, Reply("r", True, 1), 1000.0 * turn)
        for _ in range(gather):
            if len(house.ends) < 30 and order[len(house.ends)] < len(house.trials):
                house.end(order[len(house.ends)])
        if len(house.ends) == 30:
            return house.trials
    raise AssertionError("it does not end")


def test_neither_a_restart_nor_how_ends_are_gathered_changes_a_sweep() -> None:
    alone = play(restart_every=0, gather=1)

    assert play(restart_every=1, gather=1) == alone
    assert play(restart_every=3, gather=2) == alone
    assert play(restart_every=0, gather=4) == alone
    assert len({repr(trial) for trial in alone}) > 20


def test_a_proposal_that_was_lost_is_made_again_and_another_one_is_learned_from() -> None:
    house = House(LEARNED)
    loop = SearchLoop()
    first = house.proposal(loop, 0.0)
    loop.connected(100.0)
    again = house.proposal(loop, 100.0)
    assert first == again

    # Somebody else's trials took these numbers.
    house.trials.extend({"x": 0.5, "n": 2} for _ in range(4))
    house.end(0)
    loop.connected(200.0)
    later = house.proposal(loop, 200.0)
    twin = house.proposal(SearchLoop(), 200.0)
    assert later is not None
    assert later == twin
    assert later.first == 4


def test_a_sweep_that_ended_is_forgotten() -> None:
    house = House(LEARNED)
    loop = SearchLoop()
    house.proposal(loop, 0.0)
    loop.connected(100.0)
    (asked,) = loop.tick(100.0)
    assert isinstance(asked, ReadSweeps)
    assert asked.known == {SWEEP: KnownTrials()}
    loop.answered(asked, told(), 100.0)
    assert loop.tick(200.0) == [ReadSweeps()]


def test_ends_of_trials_matter_only_while_a_sweep_waits_for_them() -> None:
    loop = SearchLoop()

    read(loop, 0.0, told(state(4, 4)))
    assert loop.wants_trial_ends
    read(loop, 10.0, told(state(10, 4)))
    assert not loop.wants_trial_ends


PAST = [{"params": {"x": 0.5}, "values": [0.25]}] * 3


def learning(sweep: str = SWEEP) -> SweepState:
    return state(sampler="tpe", metric="loss", past_blob="a" * 64, sweep=sweep)


def test_a_past_that_is_a_blob_is_read_whole_before_anything_is_chosen() -> None:
    loop = SearchLoop()

    (asked,) = read(loop, 0.0, told(learning()))
    assert asked == ReadPast(sweep=SWEEP)
    (more,) = loop.answered(asked, Reply("r", True, 1, {"past": PAST, "more": True}), 0.1)
    assert more == ReadPast(sweep=SWEEP, after=3)
    # An answer that comes twice adds nothing.
    loop.answered(asked, Reply("r", True, 1, {"past": PAST, "more": True}), 0.1)
    assert loop.answered(more, Reply("r", True, 1, {"past": PAST[:1], "more": False}), 0.2) == []

    assert loop.next_wake(0.2) <= GATHER_SECONDS
    request = loop.tick(0.3)[0]
    (proposal,) = loop.answered(request, told(learning()), 0.3)
    assert isinstance(proposal, Propose)
    assert len(proposal.trials) == 4
    assert len(loop._memories[SWEEP].past) == 4


def test_a_past_that_cannot_be_read_is_the_sweeps_why_until_it_can() -> None:
    loop = SearchLoop()
    (asked,) = read(loop, 0.0, told(learning()))
    loop.answered(asked, Reply("r", True, 1, {"past": [], "more": False, "why": "the blob is not here"}), 0.1)

    again, proposal = loop.answered(loop.tick(0.2)[0], told(learning()), 0.2)

    assert again == ReadPast(sweep=SWEEP)
    assert isinstance(proposal, Propose)
    assert (proposal.trials, proposal.why) == ((), "the blob is not here")
    loop.answered(again, Reply("r", True, 1, {"past": PAST, "more": False}), 0.3)
    (proposal,) = loop.answered(loop.tick(0.4)[0], told(learning()), 0.4)
    assert isinstance(proposal, Propose)
    assert proposal.trials
