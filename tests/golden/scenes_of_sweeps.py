"""Scenes of the recorded house: sweeps, those that stop early, are asked for, or are populations."""

from schemas.asking import OWN_LOOP
from schemas.early_stopping import Median, Patient, StopRules
from schemas.facts import AttemptResult, Checkpoint, Energy, MetricPoint
from schemas.objectives import Constraint, Objective
from schemas.requests import (
    AddTrials,
    AskTrial,
    CancelSweep,
    ChangeSweep,
    FinishSweep,
    PauseSweep,
    Propose,
    Prune,
    ResumeSweep,
    SubmitSweep,
    TellTrial,
)
from schemas.samplers import SamplerOptions
from schemas.specs import (
    Choice,
    Dimension,
    Fixed,
    FloatRange,
    IntRange,
    JobSpec,
    Limits,
    Needs,
    PastTrial,
    SweepSpec,
)
from schemas.states import Outcome, Phase
from schemas.trials import Descent
from tests.golden.taking import SCRIPT, take
from tests.unit.hq.core.small_house import SmallHouse, success


def play_sweeps(house: SmallHouse) -> None:
    space = {"x": FloatRange(1e-3, 1, log=True), "n": IntRange(1, 9, 2), "kind": Choice(("a", None, 3))}
    spec = SweepSpec(JobSpec(SCRIPT, {"epochs": 2}), space, "grid", 2, "loss", "minimize", 42, 2, "widths")
    sweep = house.request(SubmitSweep(sweep=spec)).result["sweep"]
    trials = ({"x": 0.1, "n": 1, "kind": None}, {"x": 0.2, "n": 3, "kind": 3})
    jobs = house.request(Propose(sweep=sweep, first=0, trials=trials), "search").result["jobs"]
    for job in jobs:
        house.deliver(success(take(house, job), 0.75))
        house.settle()
    other = house.request(SubmitSweep(sweep=spec)).result["sweep"]
    house.request(Propose(sweep=other, first=0, trials=trials[:1]), "search")
    house.request(CancelSweep(sweep=other))
    running = house.request(SubmitSweep(sweep=spec)).result["sweep"]
    house.request(Propose(sweep=running, first=0, trials=trials[:1]), "search")
    searched = house.request(SubmitSweep(sweep=_searched())).result["sweep"]
    house.request(Propose(sweep=searched, first=0, trials=(), why="cmaes is not installed"), "search")
    house.request(Propose(sweep=searched, first=0, trials=({"kind": "a", "y": 0.5},)), "search")
    house.request(Propose(sweep=searched, first=1, trials=(), why="something else is missing"), "search")


def _searched() -> SweepSpec:
    space: dict[str, Dimension] = {
        "kind": Choice(("a", "b")),
        "y": FloatRange(0, 1, step=0.25, when={"kind": ("a",)}),
        "n": IntRange(1, 64, log=True, when={"kind": ("b",)}),
        "fixed": Fixed(None, when={"kind": ("b",)}),
    }
    return SweepSpec(
        JobSpec(SCRIPT, needs=Needs(gpus=8)),
        space,
        "tpe",
        seed=0,
        objectives=(Objective("loss", "minimize"), Objective("accuracy")),
        constraints=(Constraint("mb", at_most=10), Constraint("recall", at_least=0.5)),
        options=SamplerOptions(n_startup_trials=5, multivariate=False),
        tries=({"kind": "b"},),
        past=(PastTrial({"kind": "a", "y": 0.25}, (1.5, 0.5)),),
    )


def play_early_stopping(house: SmallHouse) -> None:
    pruner = Patient(patience=2, pruner=Median(startup_trials=1))
    rules = StopRules(target=0.99, live="wind_down")
    spec = SweepSpec(
        JobSpec(SCRIPT), {"x": FloatRange(0, 1)}, trials=3, metric="accuracy", pruner=pruner, stop=rules
    )
    sweep = house.request(SubmitSweep(sweep=spec)).result["sweep"]
    trials = ({"x": 0.1}, {"x": 0.2})
    jobs = house.request(Propose(sweep=sweep, first=0, trials=trials), "search").result["jobs"]
    key = take(house, jobs[0])
    house.request(PauseSweep(sweep=sweep))
    house.request(ResumeSweep(sweep=sweep))
    house.request(ChangeSweep(sweep=sweep, trials=9, parallel=3, space={"x": FloatRange(0, 2)}))
    house.request(AddTrials(sweep=sweep, trials=({"x": 0.7},)))
    house.request(Prune(job=key[0], token=key[1], why="at step 4 it fell behind", step=4), "search")
    points = tuple(MetricPoint(n, n, {"accuracy": n / 10}, number=n) for n in range(1, 5))
    energy = Energy(0.01, "estimated")
    ended = AttemptResult(*key, Outcome.FAILED, 143, series=points, duration_seconds=9, energy=energy)
    house.deliver(ended)
    house.settle()
    house.request(FinishSweep(sweep=sweep))


def play_asked(house: SmallHouse) -> None:
    job = JobSpec(OWN_LOOP, limits=Limits(wall_seconds=60), asked=True)
    space = {"x": FloatRange(0, 1)}
    spec = SweepSpec(job, space, "tpe", trials=6, metric="loss", direction="minimize", seed=3, parallel=6)
    sweep = house.request(SubmitSweep(sweep=spec)).result["sweep"]
    house.request(Propose(sweep=sweep, first=0, trials=tuple({"x": n / 8} for n in range(5))), "search")
    for number in range(5):
        house.request(AskTrial(sweep=sweep, key=f"ask {number}"))
    points = (MetricPoint(0, 0.5, {"loss": 0.75}), MetricPoint(1, 1.5, {"loss": 0.5}))
    for told in (
        TellTrial(sweep=sweep, trial=0, values=(0.5,), result={"note": "$x"}, points=points),
        TellTrial(sweep=sweep, trial=1, state="failed", why="diverged"),
        TellTrial(sweep=sweep, trial=2, state="pruned", why="no use", points=points),
    ):
        house.request(told)
    # Of the last two nobody says anything more: one is asked for again, and is told of too late as well.
    house.wait(61)
    house.request(AskTrial(sweep=sweep))
    house.request(TellTrial(sweep=sweep, trial=3, values=(0.25,)))
    house.request(TellTrial(sweep=sweep, trial=3, values=(0.125,)))


def play_population(house: SmallHouse) -> None:
    options = SamplerOptions(population_size=2, quantile=0.5, resample_prob=0)
    space = {"x": FloatRange(0, 1)}
    spec = SweepSpec(
        JobSpec(SCRIPT), space, "pbt", 6, "score", seed=5, parallel=2, options=options, name="members"
    )
    sweep = house.request(SubmitSweep(sweep=spec)).result["sweep"]
    known: list[str] = []

    def train(*descents: Descent, scores: tuple[float | None, ...]) -> None:
        trials = tuple({"x": (len(known) + n) / 8} for n in range(len(descents)))
        wanted = Propose(sweep=sweep, first=len(known), trials=trials, descents=descents)
        jobs = house.request(wanted, "search").result["jobs"]
        known.extend(jobs)
        for job, score in zip(jobs, scores, strict=True):
            key = take(house, job)
            left = Checkpoint(key[1], f"{len(known):02x}" * 32, 10_240)
            house.heartbeat("attic", (key, Phase.RUNNING), checkpoint=left)
            house.settle()
            if score is None:
                house.deliver(AttemptResult(*key, Outcome.FAILED, 1, checkpoint=left))
            else:
                house.deliver(AttemptResult(*key, Outcome.SUCCEEDED, 0, {"score": score}, checkpoint=left))
            house.settle()

    train(Descent(0), Descent(1), scores=(0.25, 0.5))
    train(Descent(0, 1), Descent(1, 1), scores=(None, 0.75))
    # One trains on, the other has come from nobody yet when the log ends.
    house.request(Propose(sweep=sweep, first=4, trials=({"x": 1.0},), descents=(Descent(0, 3),)), "search")
