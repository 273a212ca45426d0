"""What choosing trials costs: per trial with a long history, and the rate of a sweep of no-op trials.

The first is the processor time of this process for `propose` and for taking in
an end, TPE, at 1,000 finished trials. The rates are from the first proposal to
the last end in the log, over a whole house. No-op trials have no value, so a
learning sampler has nothing to learn there; but it hears of every one.
"""

import random
import subprocess
import sys
import time

from benchmarks.figures import Figure
from benchmarks.history import read_history
from benchmarks.setting import Effort, connected, noop_specs, running_house, wait_all_ended
from hq.search.learner import Learner
from hq.search.samplers import RandomSampler, seed_of
from schemas.objectives import Worth
from schemas.samplers import SamplerName
from schemas.spaces import Choice, Dimension, FloatRange, IntRange
from schemas.specs import SweepSpec
from schemas.states import JobStatus
from schemas.trials import TrialEnd

SPACE: dict[str, Dimension] = {
    "lr": FloatRange(1e-5, 1e-1, log=True),
    "layers": IntRange(1, 4),
    "units": IntRange(16, 256, 16),
    "optimizer": Choice(("adam", "sgd")),
}
_FINISHED = 1_000
_TRIALS = 2_000
_IMPORT = "import {}; print(open('/proc/self/status').read().split('VmRSS:')[1].split()[0])"


def measure(effort: Effort) -> list[Figure]:
    """Return the cost of a trial, trials per second, and the memory that Optuna takes."""
    with_others = {**SPACE, "momentum": FloatRange(0, 1, when={"optimizer": ("sgd",)})}
    finished = effort.jobs(_FINISHED)
    figures = [
        Figure(f"search: a trial, TPE, {finished:,} finished", "ms", _costs(SPACE, effort), "< 5"),
        Figure("search: likewise, with a condition", "ms", _costs(with_others, effort)),
        Figure("search: memory with Optuna", "MB", (_memory("hq.search.learner"),)),
        Figure("search: memory without", "MB", (_memory("hq.search.shell"),)),
    ]
    for sampler in ("random", "tpe"):
        rates = _rates(sampler, effort)  # type: ignore[arg-type]
        trials = effort.jobs(_TRIALS)
        figures.append(
            Figure(f"search: a sweep of {trials:,} no-op trials, {sampler}", "trials/s", rates, ">= 200")
        )
    return figures


def _costs(space: dict[str, Dimension], effort: Effort) -> tuple[float, ...]:
    count, more = effort.jobs(_FINISHED), effort.jobs(200)
    spec = SweepSpec(
        noop_specs(1)[0], space, "tpe", count + more, metric="loss", direction="minimize", parallel=1, seed=1
    )
    chance = random.Random(1)
    trials = list(RandomSampler().propose(space, "history", 0, count).trials)
    ends = [_end(number, chance) for number in range(count)]
    learner = Learner(spec, seed_of("", spec))
    costs: list[float] = []
    for number in range(count, count + more):
        began = time.process_time()
        trials.extend(learner.propose(number, 1, trials, ends).trials)
        ends.append(_end(number, chance))
        costs.append((time.process_time() - began) * 1e3)
    # The first one takes in the whole history.
    return tuple(costs[1:])


def _end(number: int, chance: random.Random) -> TrialEnd:
    return TrialEnd(number, JobStatus.SUCCEEDED, Worth((chance.random(),)))


def _memory(module: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT.format(module)], capture_output=True, check=True, text=True
    )
    return int(done.stdout) / 1024


def _rates(sampler: SamplerName, effort: Effort) -> tuple[float, ...]:
    rates: list[float] = []
    trials = effort.jobs(_TRIALS)
    with running_house(agents=2) as house, connected(house) as client:
        client.submit(noop_specs(100))
        wait_all_ended(client)
        for seed in range(max(1, effort.repeats // 2)):
            spec = SweepSpec(noop_specs(1)[0], SPACE, sampler, trials, metric="loss", seed=seed, parallel=64)
            position = client.ping()
            client.submit_sweep(spec)
            deadline = time.monotonic() + 120
            while client.status()["sweeps"]:
                if time.monotonic() > deadline:
                    raise TimeoutError("the sweep has not ended in 120 s")
                time.sleep(0.1)
            ended = sorted(read_history(house.home, position).succeeded.values())
            began = min(read_history(house.home, position).claimed.values())
            rates.append(len(ended) / max(ended[-1] - began, 1e-3))
    return tuple(rates)
