"""Whether sweeps find as much as Optuna does alone: the best value after n trials, several seeds each.

The same space, the same number of trials, TPE with its defaults on both
sides. Alone, Optuna asks and tells in a loop of its own; here the search
process's learner chooses from the order in which trials ended. Eight at a
time: both know of the running ones, and end in the same order.

Values are losses: lower is better.
"""

import math
import random
import statistics
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import optuna
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeRegressor

from benchmarks.figures import Figure
from benchmarks.setting import Effort, noop_specs
from hq.search.learner import Learner
from hq.search.samplers import seed_of
from schemas.objectives import Worth
from schemas.spaces import Choice, Dimension, FloatRange, IntRange, in_order, is_active
from schemas.specs import SweepSpec
from schemas.states import JobStatus
from schemas.trials import TrialEnd

Params = dict[str, Any]
Loss = Callable[[Params], float]
_SEEDS = 5


def measure(effort: Effort) -> list[Figure]:
    """Return for each task the best losses of the sweep and of Optuna alone, one value per seed."""
    figures: list[Figure] = []
    seeds = max(1, round(_SEEDS * effort.scale))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for name, (space, loss, trials) in _TASKS.items():
            count = max(3, round(trials * min(1.0, effort.scale * 10)))
            for parallel in (1, 8):
                ours = tuple(_sweep(space, loss, count, parallel, seed) for seed in range(seeds))
                alone = tuple(_alone(space, loss, count, parallel, seed) for seed in range(seeds))
                where = f"search quality: {name}, {count} trials, {parallel} at a time"
                figures.append(Figure(f"{where}, sweep", "loss", ours))
                figures.append(Figure(f"{where}, Optuna alone", "loss", alone))
                spread = statistics.pstdev([*ours, *alone]) or 1.0
                difference = (statistics.mean(ours) - statistics.mean(alone)) / spread
                figures.append(Figure(f"{where}, difference", "deviations", (difference,), "<= 1"))
    return figures


def _sweep(space: dict[str, Dimension], loss: Loss, count: int, parallel: int, seed: int) -> float:
    spec = SweepSpec(
        noop_specs(1)[0], space, "tpe", count, "loss", direction="minimize", seed=seed, parallel=parallel
    )
    learner = Learner(spec, seed_of("", spec))
    trials: list[Params] = []
    ends: list[TrialEnd] = []
    chance = random.Random(seed)
    live: list[int] = []
    while len(ends) < count:
        room = min(parallel - len(live), count - len(trials))
        if room:
            live.extend(range(len(trials), len(trials) + room))
            trials.extend(learner.propose(len(trials), room, trials, ends).trials)
        number = live.pop(chance.randrange(len(live)))
        ends.append(TrialEnd(number, JobStatus.SUCCEEDED, Worth((loss(trials[number]),))))
    return min(end.worth.values[0] for end in ends)


def _alone(space: dict[str, Dimension], loss: Loss, count: int, parallel: int, seed: int) -> float:
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    chance = random.Random(seed)
    live: list[tuple[optuna.Trial, Params]] = []
    asked = 0
    for _ in range(count):
        while len(live) < parallel and asked < count:
            trial = study.ask()
            live.append((trial, _suggest(trial, space)))
            asked += 1
        trial, params = live.pop(chance.randrange(len(live)))
        study.tell(trial, loss(params))
    return study.best_value


def _suggest(trial: optuna.Trial, space: dict[str, Dimension]) -> Params:
    params: Params = {}
    for name in in_order(space):
        if not is_active(space, name, params):
            continue
        match space[name]:
            case FloatRange(low=low, high=high, log=log):
                params[name] = trial.suggest_float(name, low, high, log=log)
            case IntRange(low=low, high=high, log=log):
                params[name] = trial.suggest_int(name, low, high, log=log)
            case Choice(values=values):
                params[name] = trial.suggest_categorical(name, values)
    return params


# --- tasks ----------------------------------------------------------------------


@cache
def _data(load: Callable[..., Any]) -> Any:
    return load(return_X_y=True)


def _svc(params: Params) -> float:
    model = make_pipeline(StandardScaler(), SVC(C=params["c"], gamma=params["gamma"]))
    return 1 - float(cross_val_score(model, *_data(load_breast_cancer), cv=3).mean())


def _tree(params: Params) -> float:
    model = DecisionTreeRegressor(
        max_depth=params["depth"],
        min_samples_leaf=params["leaf"],
        criterion=params["criterion"],
        random_state=0,
    )
    return -float(cross_val_score(model, *_data(load_diabetes), cv=3).mean())


def _linear(params: Params) -> float:
    model = make_pipeline(
        StandardScaler(),
        SGDClassifier(
            alpha=params["alpha"],
            penalty=params["penalty"],
            l1_ratio=params.get("l1_ratio", 0.15),
            max_iter=50,
            random_state=0,
        ),
    )
    return 1 - float(cross_val_score(model, *_data(load_wine), cv=3).mean())


def _branin(params: Params) -> float:
    x, y = params["x"], params["y"]
    bowl = (y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6) ** 2
    return bowl + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


_TASKS: dict[str, tuple[dict[str, Dimension], Loss, int]] = {
    "branin": ({"x": FloatRange(-5, 10), "y": FloatRange(0, 15)}, _branin, 60),
    "svc, breast cancer": (
        {"c": FloatRange(1e-3, 1e3, log=True), "gamma": FloatRange(1e-5, 1, log=True)},
        _svc,
        30,
    ),
    "tree, diabetes": (
        {
            "depth": IntRange(1, 20),
            "leaf": IntRange(1, 100, log=True),
            "criterion": Choice(("squared_error", "poisson")),
        },
        _tree,
        30,
    ),
    "linear, wine, a condition": (
        {
            "alpha": FloatRange(1e-6, 1, log=True),
            "penalty": Choice(("l2", "l1", "elasticnet")),
            "l1_ratio": FloatRange(0, 1, when={"penalty": ("elasticnet",)}),
        },
        _linear,
        30,
    ),
}
