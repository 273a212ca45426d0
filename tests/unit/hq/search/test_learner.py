"""Learning samplers: inside the space, the same again after a restart, and Optuna's own choices."""

import math
import random
import warnings
from typing import Any

import pytest
from optuna.samplers import TPESampler
from optuna.study import Study

from hq.search import optuna_samplers
from hq.search.learner import Learner
from hq.search.ledger import STUDY
from schemas.objectives import Constraint, Objective, Worth
from schemas.samplers import SamplerName, SamplerOptions
from schemas.searches import check_search, fits
from schemas.specs import (
    Choice,
    Dimension,
    Fixed,
    FloatRange,
    IntRange,
    JobSpec,
    PastTrial,
    ScriptRef,
    SweepSpec,
)
from schemas.states import JobStatus
from schemas.trials import TrialEnd

JOB = JobSpec(ScriptRef("0" * 64, "train.py"))
PLAIN: dict[str, Dimension] = {
    "lr": FloatRange(1e-5, 1e-1, log=True),
    "units": IntRange(16, 256, 16),
    "width": IntRange(1, 1024, log=True),
    "opt": Choice(("adam", "sgd", None, 1, True)),
    "drop": FloatRange(0.1, 0.55, step=0.1),
    "fixed": Fixed([1]),
}
CONDITIONAL: dict[str, Dimension] = {
    **PLAIN,
    "momentum": FloatRange(0, 1, when={"opt": ("sgd",)}),
    "nesterov": Choice((True, False), when={"opt": ("sgd",)}),
    "steps": IntRange(1, 9, when={"opt": (1, True)}),
}
TWO = (Objective("loss", "minimize"), Objective("size", "maximize"))
FAST = {"population_size": 6}
SMALL: dict[str, SamplerOptions] = {
    "tpe": SamplerOptions(n_startup_trials=4),
    "gp": SamplerOptions(n_startup_trials=4),
    "cmaes": SamplerOptions(n_startup_trials=1, population_size=4),
    "nsga2": SamplerOptions(population_size=5),
    "nsga3": SamplerOptions(population_size=5),
}


def spec(sampler: SamplerName, space: dict[str, Dimension] = PLAIN, **more: Any) -> SweepSpec:
    given: dict[str, Any] = {"parallel": 3, "options": SMALL[sampler], "trials": 100, **more}
    if "objectives" not in given:
        given |= {"metric": "loss", "direction": "minimize"}
    found = SweepSpec(JOB, space, sampler, seed=1, **given)
    check_search(found)
    return found


def worth(of: SweepSpec, params: dict[str, Any]) -> Worth:
    loss = (math.log10(params["lr"]) + 3) ** 2 + abs(params["units"] - 128) / 64 + (params["opt"] != "sgd")
    loss += abs(params.get("momentum", 0.5) - 0.9) + math.log2(params["width"]) / 10
    values = (loss, float(params["width"])) if of.objectives else (loss,)
    return Worth(values, (params["units"] - 200.0,) if of.constraints else ())


class Sweep:
    """A sweep whose trials end in an order that chance has chosen before."""

    def __init__(self, of: SweepSpec) -> None:
        self.spec = of
        self.trials: list[dict[str, Any]] = []
        self.ends: list[TrialEnd] = []
        self._chance = random.Random(7)

    def learner(self) -> Learner:
        return Learner(self.spec, "seed/1")

    def step(self, learner: Learner) -> None:
        """Let one trial end where all slots are busy, and propose as many as there is room for."""
        live = [n for n in range(len(self.trials)) if n not in {end.trial for end in self.ends}]
        if len(live) == self.spec.parallel:
            trial = self._chance.choice(live)
            status, value = JobStatus.SUCCEEDED, worth(self.spec, self.trials[trial])
            if trial % 9 == 5:
                status, value = JobStatus.FAILED, Worth(why="it failed")
            self.ends.append(TrialEnd(trial, status, value))
            live.remove(trial)
        count = self.spec.parallel - len(live)
        found = learner.propose(len(self.trials), count, self.trials, self.ends)
        self.trials.extend(found.trials)


def play(of: SweepSpec, count: int, restart_at: tuple[int, ...] = ()) -> Sweep:
    sweep = Sweep(of)
    learner = sweep.learner()
    for turn in range(count):
        if turn in restart_at:
            learner = sweep.learner()
        sweep.step(learner)
    return sweep


@pytest.mark.parametrize(
    ("sampler", "more"),
    [
        ("tpe", {}),
        ("tpe", {"objectives": TWO}),
        ("tpe", {"constraints": (Constraint("units", at_most=200),)}),
        ("cmaes", {}),
        ("nsga2", {"objectives": TWO, "constraints": (Constraint("units", at_most=200),)}),
        ("nsga3", {"objectives": TWO}),
    ],
)
@pytest.mark.parametrize("space", [PLAIN, CONDITIONAL], ids=["plain", "conditional"])
def test_a_restart_continues_exactly_and_every_trial_is_in_the_space(
    sampler: SamplerName, more: dict[str, Any], space: dict[str, Dimension]
) -> None:
    of = spec(sampler, space, **more)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        alone = play(of, 18)
        restarted = play(of, 18, restart_at=(3, 10, 11, 16))

    assert restarted.trials == alone.trials
    assert all(fits(of, trial) and list(trial) == [n for n in space if n in trial] for trial in alone.trials)
    assert len({repr(trial) for trial in alone.trials}) > 12


@pytest.mark.slow
def test_gaussian_processes_continue_exactly_too() -> None:
    of = spec("gp", CONDITIONAL)

    assert play(of, 12, restart_at=(6,)).trials == play(of, 12).trials


@pytest.mark.parametrize("liar", [True, False])
@pytest.mark.parametrize("multivariate", [True, False])
@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_quick_tpe_chooses_what_optunas_own_chooses(
    monkeypatch: pytest.MonkeyPatch, liar: bool, multivariate: bool, direction: str
) -> None:
    options = SamplerOptions(n_startup_trials=4, constant_liar=liar, multivariate=multivariate)
    of = spec("tpe", CONDITIONAL, options=options)
    of = type(of)(**{**{f: getattr(of, f) for f in of.__struct_fields__}, "direction": direction})
    quick = play(of, 20)

    monkeypatch.setattr(optuna_samplers, "QuickTPESampler", TPESampler)

    assert play(of, 20).trials == quick.trials


def test_tpe_learns() -> None:
    space: dict[str, Dimension] = {"x": FloatRange(-10, 10), "y": FloatRange(-10, 10)}
    of = SweepSpec(JOB, space, "tpe", metric="loss", direction="minimize", parallel=1, trials=60)
    learner = Learner(of, "seed/3")
    trials: list[dict[str, Any]] = []
    ends: list[TrialEnd] = []
    for number in range(60):
        trials.extend(learner.propose(number, 1, trials, ends).trials)
        value = trials[-1]["x"] ** 2 + (trials[-1]["y"] - 2) ** 2
        ends.append(TrialEnd(number, JobStatus.SUCCEEDED, Worth((value,))))

    values = [end.worth.values[0] for end in ends]
    assert min(values[10:]) < min(values[:10])
    assert min(values) < 1


def test_past_trials_are_learned_from_and_points_to_try_come_first() -> None:
    past = tuple(
        PastTrial(
            {"lr": 10 ** -(1 + n / 10), "units": 128, "width": 2, "opt": "adam", "drop": 0.1}, (n / 10,)
        )
        for n in range(20)
    )
    outside = PastTrial({"lr": 5.0}, (0.0,))
    complete = tuple(PastTrial({**one.params, "fixed": [1]}, one.values) for one in past)
    for sampler in ("tpe", "cmaes", "nsga2"):
        of = spec(sampler, past=(*complete, outside), tries=({"lr": 0.01, "opt": None},))  # type: ignore[arg-type]
        plain = spec(sampler)  # type: ignore[arg-type]
        found = play(of, 6)

        assert (found.trials[0]["lr"], found.trials[0]["opt"]) == (0.01, None)
        assert found.trials[1:] != play(plain, 6).trials[1:]
        assert play(of, 6, restart_at=(3,)).trials == found.trials


def test_trials_that_were_ended_early_are_learned_from_too() -> None:
    of = spec("tpe", parallel=1)
    trials = list(play(of, 12).trials)
    pruned = [
        TrialEnd(n, JobStatus.PRUNED, Worth(why="it was ended early"), (3.0, n / 10)) for n in range(12)
    ]
    lost = [TrialEnd(n, JobStatus.FAILED, Worth(why="it failed")) for n in range(12)]

    learned = Learner(of, "seed/1").propose(12, 1, trials, pruned).trials

    assert all(fits(of, trial) for trial in learned)
    assert learned != Learner(of, "seed/1").propose(12, 1, trials, lost).trials


def test_a_changed_space_keeps_what_still_fits() -> None:
    of = spec("tpe")
    sweep = play(of, 10)
    narrow = {**PLAIN, "lr": FloatRange(1e-4, 1e-3, log=True)}
    changed = spec("tpe", narrow)

    found = Learner(changed, "seed/1", settled=len(sweep.ends)).propose(
        len(sweep.trials), 1, sweep.trials, sweep.ends
    )

    assert fits(changed, found.trials[0])


def test_a_sampler_reads_its_trials_without_copying_them() -> None:
    learner = Learner(spec("tpe"), "seed/1")
    study = Study(STUDY, learner._ledger, TPESampler())

    assert study._get_trials(deepcopy=False) == []
