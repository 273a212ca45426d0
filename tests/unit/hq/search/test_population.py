"""Population based training: who goes on from whom, with which parameters, whoever is slow."""

import heapq
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hq.search.population import Population, move
from hq.search.samplers import CannotChoose, Params
from schemas.facts import Checkpoint
from schemas.objectives import Worth
from schemas.samplers import SamplerOptions
from schemas.spaces import Choice, Fixed, FloatRange, IntRange, contains
from schemas.specs import SweepSpec
from schemas.states import JobStatus
from schemas.trials import Descent, TrialEnd
from tests.unit.hq.core.small_house import spec

SPACE = {"rate": FloatRange(0.001, 1, log=True), "layers": IntRange(1, 8), "kind": Choice(("a", "b", "c"))}


def sweep(size: int = 4, parallel: int = 4, **fields: Any) -> SweepSpec:
    wanted = {"space": SPACE, "trials": 40, "metric": "score", "sampler": "pbt", "seed": 1}
    options = SamplerOptions(population_size=size)
    return SweepSpec(spec(), **{**wanted, "parallel": parallel, "options": options, **fields})  # type: ignore[arg-type]


class Training:
    """Machines that train members: each trial adds to what its parent had reached, as its rate deserves."""

    def __init__(self, spec: SweepSpec, slow: int | None = None) -> None:
        self.spec, self.slow = spec, slow
        self.trials: list[Params] = []
        self.descents: list[Descent] = []
        self.ends: list[TrialEnd] = []
        self.reached: dict[int, float] = {}
        self._running: list[tuple[float, int]] = []
        self._now = 0.0

    def run(self, failing: frozenset[int] = frozenset()) -> None:
        while len(self.ends) < self.spec.trials:
            self.propose()
            self._now, trial = heapq.heappop(self._running)
            self.end(trial, fails=trial in failing)

    def propose(self) -> None:
        first = len(self.trials)
        count = min(self.spec.parallel - len(self._running), self.spec.trials - first)
        # A new one each time: nothing of a choice lies in its memory.
        chosen = Population(self.spec, "s").propose(first, count, self.trials, self.ends, self.descents)
        for params, descent in zip(chosen.trials, chosen.descents, strict=True):
            seconds = 10.0 if descent.member == self.slow else 1.0
            heapq.heappush(self._running, (self._now + seconds, len(self.trials)))
            self.trials.append(params)
            self.descents.append(descent)

    def end(self, trial: int, *, fails: bool = False) -> None:
        if fails:
            self.ends.append(TrialEnd(trial, JobStatus.FAILED, Worth(why="it failed")))
            return
        parent = self.descents[trial].parent
        gain = 1 / (1 + abs(math.log(self.trials[trial]["rate"] / 0.1)))
        self.reached[trial] = (self.reached[parent] if parent is not None else 0.0) + gain
        left = Checkpoint(trial + 1, f"{trial:064x}", 1)
        self.ends.append(TrialEnd(trial, JobStatus.SUCCEEDED, Worth((self.reached[trial],)), checkpoint=left))


def test_the_worst_go_on_from_one_of_the_best_and_the_others_from_themselves() -> None:
    training = Training(sweep())
    training.run()

    copied = 0
    for trial, descent in enumerate(training.descents[4:], start=4):
        assert descent.parent is not None
        if training.descents[descent.parent].member == descent.member:
            assert training.trials[trial] == training.trials[descent.parent]
        else:
            copied += 1
            assert training.trials[trial] != training.trials[descent.parent]
    assert 4 <= copied <= 16
    last = {descent.member: trial for trial, descent in enumerate(training.descents)}
    alone = 10 * max(training.reached[trial] for trial in range(4))
    assert max(training.reached[trial] for trial in last.values()) > 0.9 * alone
    assert min(training.reached[trial] for trial in last.values()) > 0.6 * alone


def test_what_is_chosen_follows_from_the_log_alone() -> None:
    training = Training(sweep(parallel=3))
    training.run()
    ends, descents = training.ends, training.descents

    for number in range(4, 40):
        # However much more has happened meanwhile, and however many are asked for at once.
        again = Population(training.spec, "s").propose(number, 1, training.trials, ends, descents[:number])
        assert again.trials == (training.trials[number],)
        assert again.descents == (descents[number],)


def test_a_slow_member_holds_nobody_back() -> None:
    training = Training(sweep(), slow=2)
    training.run()

    of_each = [sum(one.member == member for one in training.descents) for member in range(4)]
    assert of_each[2] <= 3
    assert min(of_each[0], of_each[1], of_each[3]) >= 12


def test_no_more_run_than_there_are_members_and_all_take_their_turns() -> None:
    training = Training(sweep(size=3, parallel=16, trials=12))
    training.propose()
    assert len(training.trials) == 3
    training.run()
    assert sorted(one.member for one in training.descents) == [0] * 4 + [1] * 4 + [2] * 4

    # With fewer machines than members the one that waited longest is next.
    training = Training(sweep(size=6, parallel=2, trials=24))
    training.run()
    assert sorted(one.member for one in training.descents) == sorted([*range(6)] * 4)


def test_a_member_that_failed_goes_on_as_one_of_the_best() -> None:
    training = Training(sweep(trials=16))
    training.run(failing=frozenset({5}))

    member = training.descents[5].member
    heir = next(one for one in training.descents[6:] if one.member == member)
    assert heir.parent is not None
    assert training.descents[heir.parent].member != member
    assert 5 not in [one.parent for one in training.descents]


def test_when_all_failed_they_begin_anew() -> None:
    training = Training(sweep(trials=8))
    training.run(failing=frozenset(range(4)))

    # The first that ended knew of nobody better.
    assert training.descents[4].parent is None
    assert training.trials[4] != training.trials[training.descents[4].member]


def test_a_script_that_leaves_no_checkpoint_is_said_to() -> None:
    training = Training(sweep())
    training.propose()
    training.ends.append(TrialEnd(0, JobStatus.SUCCEEDED, Worth((0.5,))))

    with pytest.raises(CannotChoose, match="checkpoint_dir"):
        Population(training.spec, "s").propose(4, 1, training.trials, training.ends, training.descents)


def test_one_that_left_no_checkpoint_stops_nobody_once_another_has() -> None:
    training = Training(sweep())
    training.propose()
    training.ends.append(TrialEnd(0, JobStatus.SUCCEEDED, Worth((0.5,))))
    training.end(1)

    chosen = Population(training.spec, "s").propose(4, 2, training.trials, training.ends, training.descents)

    # The member that has nothing of its own, and the other.
    assert [(one.member, one.parent) for one in chosen.descents] == [(0, 1), (1, 1)]


@pytest.mark.parametrize(("size", "parallel"), [(4, 4), (6, 2), (3, 16)])
def test_what_a_later_trial_may_go_on_from_is_known_and_is_little(size: int, parallel: int) -> None:
    training = Training(sweep(size=size, parallel=parallel, trials=60))
    training.run(failing=frozenset({2, 11, 12}))
    population = Population(training.spec, "s")
    parents = [descent.parent for descent in training.descents]
    most = 0

    for proposed in range(60):
        # However little of the ends is known: more are kept then.
        for ended in range(proposed - min(size, parallel) + 1, 60):
            ends = training.ends[: max(ended, 0)]
            sources = population.find_sources(proposed, ends, training.descents[:60])
            told = {end.trial for end in ends}
            assert {one for one in parents[proposed:] if one in told and one < proposed} <= sources
            if ended <= proposed:
                most = max(most, len(sources))
    assert size <= most <= size + min(size, parallel)


def test_points_to_try_come_first() -> None:
    training = Training(sweep(tries=({"rate": 0.5}, {"kind": "c"})))
    training.propose()

    assert training.trials[0]["rate"] == 0.5
    assert training.trials[1]["kind"] == "c"


def test_a_space_that_was_changed_holds_for_those_that_follow() -> None:
    training = Training(sweep())
    training.run()
    narrow = {"rate": FloatRange(0.4, 0.5), "depth": IntRange(1, 2)}
    changed = sweep(space=narrow, trials=44)
    settled = len(training.ends)

    chosen = Population(changed, "s", settled).propose(
        40, 4, training.trials, training.ends, training.descents
    )

    for params in chosen.trials:
        assert set(params) == {"rate", "depth"}
        assert all(contains(narrow[name], value) for name, value in params.items())


@settings(max_examples=50, deadline=None)
@given(st.data(), st.sampled_from((0.8, 1.2)))
def test_a_parameter_that_is_moved_stays_in_its_range_and_does_move(
    data: st.DataObject, factor: float
) -> None:
    whole = IntRange(
        data.draw(st.integers(-20, 20)), data.draw(st.integers(21, 90)), data.draw(st.integers(1, 9))
    )
    value = data.draw(st.sampled_from(range(whole.low, whole.high + 1, whole.step)))
    moved = move(whole, value, factor)
    assert contains(whole, moved)
    top = whole.high - (whole.high - whole.low) % whole.step
    assert moved != value or moved in (whole.low, top)

    real = FloatRange(data.draw(st.floats(-2, 1)), data.draw(st.floats(1.5, 9)))
    assert contains(real, move(real, data.draw(st.floats(real.low, real.high)), factor))
    stepped = FloatRange(-0.3, 0.7, step=0.1)
    assert contains(stepped, move(stepped, data.draw(st.sampled_from((-0.3, 0.0, 0.2, 0.7))), factor))
    assert move(Choice(("a", "b")), "b", factor) == "b"
    assert move(Fixed(3), 3, factor) == 3
