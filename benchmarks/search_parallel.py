"""Whether eight trials at a time find as much as Optuna's own eight processes do.

Here a whole house: HQ, the search process, and two agents with four slots each
that run a real script. There eight processes of Optuna that share a journal
file. The same functions, TPE with its defaults, and trials that take unequal times.

Values are losses: lower is better.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.setting import Effort, connected
from idlehands.bundle import build_bundle
from idlehands.client import Client
from idlehands.house.components import AgentOptions
from idlehands.house.running import start_house
from schemas.spaces import Dimension, FloatRange, IntRange
from schemas.specs import JobSpec, ScriptRef, SweepSpec

_PARALLEL, _TRIALS, _SEEDS = 8, 80, 5
_PATIENCE_SECONDS = 300.0
_LOSSES = '''
import math, random, time

def branin(x, y):
    bowl = (y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6) ** 2
    return bowl + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10

def mixed(rate, layers, drop):
    """As a network's loss might be: best at 0.01, three layers and a fifth."""
    return math.log10(rate / 0.01) ** 2 + 0.3 * abs(layers - 3) + 4 * (drop - 0.2) ** 2

def take_time():
    time.sleep(random.random() / 10)
'''
_SCRIPT = """
import argparse, json
parser = argparse.ArgumentParser()
for name in {names!r}:
    parser.add_argument("--" + name, type={types!r}.get(name) == "int" and int or float)
given = parser.parse_args()
take_time()
print(json.dumps({{"loss": {function}(**vars(given))}}))
"""
_STUDY = """
import json, sys, warnings
warnings.simplefilter("ignore")
import optuna
from optuna.storages.journal import JournalFileBackend
optuna.logging.set_verbosity(optuna.logging.ERROR)
path, count, seed, ranges = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), json.loads(sys.argv[4])

def objective(trial):
    params = {{}}
    for name, (kind, low, high, log) in ranges.items():
        suggest = trial.suggest_int if kind == "int" else trial.suggest_float
        params[name] = suggest(name, low, high, log=log)
    take_time()
    return {function}(**params)

study = optuna.create_study(
    storage=optuna.storages.JournalStorage(JournalFileBackend(path)), study_name="s", load_if_exists=True,
    sampler=optuna.samplers.TPESampler(seed=seed),
)
study.optimize(objective, callbacks=[optuna.study.MaxTrialsCallback(count, states=None)])
print(study.best_value)
"""
_TASKS: dict[str, dict[str, Dimension]] = {
    "branin": {"x": FloatRange(-5, 10), "y": FloatRange(0, 15)},
    "mixed": {"rate": FloatRange(1e-5, 1, log=True), "layers": IntRange(1, 8), "drop": FloatRange(0, 0.6)},
}


def measure(effort: Effort) -> list[Figure]:
    """Return for each function the best losses of the house and of Optuna's processes, one for each seed."""
    seeds = max(1, round(_SEEDS * effort.scale))
    trials = _TRIALS if effort.scale >= 1 else _PARALLEL
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for task, space in _TASKS.items():
            options = AgentOptions(count=2, slots=4)
            with start_house(folder / task / "house", options) as house, connected(house) as client:
                script = _store(client, folder / task, task, space)
                ours = tuple(_sweep(client, script, space, trials, seed) for seed in range(seeds))
            theirs = tuple(_processes(folder / task, task, space, trials, seed) for seed in range(seeds))
            where = f"search quality: {task}, {trials} trials, {_PARALLEL} at a time"
            figures.append(Figure(f"{where}, a house", "loss", ours))
            figures.append(Figure(f"{where}, Optuna's processes", "loss", theirs))
            spread = statistics.pstdev([*ours, *theirs]) or 1.0
            difference = (statistics.mean(ours) - statistics.mean(theirs)) / spread
            figures.append(Figure(f"{where}, difference", "deviations", (difference,), "<= 1"))
    return figures


def _store(client: Client, folder: Path, task: str, space: dict[str, Dimension]) -> ScriptRef:
    types = {name: "int" if isinstance(one, IntRange) else "float" for name, one in space.items()}
    script = folder / "loss.py"
    script.write_text(_LOSSES + _SCRIPT.format(names=list(space), types=types, function=task))
    bundle = build_bundle(script)
    return ScriptRef(client.put_blob(bundle.content), bundle.entry, task)


def _sweep(client: Client, script: ScriptRef, space: dict[str, Dimension], trials: int, seed: int) -> float:
    spec = SweepSpec(
        JobSpec(script), space, "tpe", trials, "loss", direction="minimize", seed=seed, parallel=_PARALLEL
    )
    sweep = client.submit_sweep(spec)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while client.sweep(sweep.sweep, at_least=sweep.position)["status"] == "running":
        if time.monotonic() > deadline:
            raise TimeoutError(f"the sweep has not ended after {_PATIENCE_SECONDS:.0f} s")
        time.sleep(0.1)
    return float(client.sweep(sweep.sweep)["best"])


def _processes(folder: Path, task: str, space: dict[str, Dimension], trials: int, seed: int) -> float:
    program = _LOSSES + _STUDY.format(function=task)
    ranges = {
        name: ("int" if isinstance(one, IntRange) else "float", one.low, one.high, one.log)
        for name, one in space.items()
        if isinstance(one, IntRange | FloatRange)
    }
    journal = str(folder / f"journal-{seed}")
    started = [
        subprocess.Popen(
            [
                sys.executable,
                "-c",
                program,
                journal,
                str(trials),
                str(100 * seed + number),
                json.dumps(ranges),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(_PARALLEL)
    ]
    return min(float(one.communicate(timeout=_PATIENCE_SECONDS)[0].split()[-1]) for one in started)
