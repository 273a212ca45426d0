"""What early stopping saves, and how soon the slot of a trial that fell behind is busy again.

The same trials of the digits network twice: whole, and with successive halving.
Epochs are counted from the series in the log, those that a script ran before it
was told included. The time is that from HQ's decision to the start of the next
script of a sweep that runs one trial at a time, its choice included.
"""

import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure
from benchmarks.setting import Effort, connected, running_house
from hq.core.accounts import values_of
from hq.log.connection import connect
from hq.log.mongo import MongoLog
from idlehands.bundle import build_bundle
from idlehands.client import Client
from idlehands.house.furnish import database_uri_file
from idlehands.house.home import Home
from schemas.early_stopping import Pruner, SuccessiveHalving, Threshold
from schemas.events import JobPruned, JobSucceeded, PruneDecided
from schemas.specs import Choice, FloatRange, IntRange, JobSpec, ScriptRef, SweepSpec

_DIGITS = Path(__file__).parents[1] / "scripts" / "train_mlp.py"
_TRIALS, _EPOCHS = 24, 54
_PATIENCE_SECONDS = 1200.0
_BEHIND = """
import json, time
for step in range(1, 10_000):
    print(json.dumps({"step": step, "loss": float(step)}), flush=True)
    time.sleep(0.05)
"""


def measure(effort: Effort) -> list[Figure]:
    """Return the share of epochs, the loss of accuracy, and the seconds to the next start."""
    trials = max(3, round(_TRIALS * min(effort.scale, 1.0)))
    epochs = _EPOCHS if effort.scale >= 1 else 4
    with running_house(agents=1, runner="subprocess") as house, connected(house) as client:
        whole = _train(house.home, client, trials, epochs, None)
        halving = SuccessiveHalving(min_resource=max(1, epochs // 27), reduction_factor=3)
        halved = _train(house.home, client, trials, epochs, halving)
        gaps = tuple(measure_gaps(house.home, client, max(3, round(30 * min(effort.scale, 1.0)))))
    share = 100 * halved.epochs / whole.epochs
    return [
        Figure(
            "halving: epochs of those without it", "%", (share,), "< 40", f"{trials} trials, {epochs} epochs"
        ),
        Figure("halving: best accuracy", "", (halved.best,), f"{whole.best:.4f} without"),
        Figure("halving: seconds of those without it", "%", (100 * halved.seconds / whole.seconds,)),
        Figure("pruning: decision to the next start", "s", gaps, "< 1", "one trial at a time"),
    ]


class _Ran:
    """One sweep that has ended."""

    def __init__(self, epochs: int, best: float, seconds: float) -> None:
        self.epochs, self.best, self.seconds = epochs, best, seconds


def _train(home: Home, client: Client, trials: int, epochs: int, pruner: Pruner | None) -> _Ran:
    spec = SweepSpec(
        JobSpec(_store(client, _DIGITS), {"epochs": epochs, "batch_size": 32}),
        {
            "learning_rate": FloatRange(1e-5, 1e-1, log=True),
            "hidden": Choice((16, 32, 64, 128)),
            "layers": IntRange(1, 3),
        },
        trials=trials,
        metric="accuracy",
        # The same trials both times.
        seed=1,
        parallel=4,
        pruner=pruner,
    )
    begun = time.monotonic()
    after = client.ping()
    _run(client, spec)
    seconds = time.monotonic() - begun
    done, best = 0, 0.0
    for _, event in _events(home, after):
        if isinstance(event, JobSucceeded | JobPruned) and event.result is not None:
            done += max(values_of("accuracy", event.result.series), default=0)
        if isinstance(event, JobSucceeded):
            best = max(best, (event.result.result or {}).get("accuracy") or 0.0)
    return _Ran(done, best, seconds)


def measure_gaps(home: Home, client: Client, trials: int) -> Iterator[float]:
    """Yield the seconds from each decision to the start of the script after it, in one slot."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "behind.py"
        script.write_text(_BEHIND)
        reference = _store(client, script)
    spec = SweepSpec(
        JobSpec(reference),
        {"x": IntRange(0, 9)},
        trials=trials,
        metric="loss",
        direction="minimize",
        parallel=1,
        pruner=Threshold(upper=4.5),
    )
    after = client.ping()
    _run(client, spec)
    decided: list[float] = []
    started: list[float] = []
    for at, event in _events(home, after):
        if isinstance(event, PruneDecided):
            decided.append(at)
        elif isinstance(event, JobPruned) and event.result is not None:
            started.append(event.result.started_at)
    for at in decided:
        later = [moment for moment in started if moment > at]
        if later:
            yield min(later) - at


def _store(client: Client, script: Path) -> ScriptRef:
    bundle = build_bundle(script)
    return ScriptRef(client.put_blob(bundle.content), bundle.entry, script.stem)


def _run(client: Client, spec: SweepSpec) -> None:
    made = client.submit_sweep(spec)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while client.sweep(made.sweep, at_least=made.position)["status"] == "running":
        if time.monotonic() > deadline:
            raise TimeoutError(f"the sweep has not ended after {_PATIENCE_SECONDS:.0f} s")
        time.sleep(0.1)


def _events(home: Home, after: int) -> Iterator[tuple[float, Any]]:
    database = connect(database_uri_file(home).read_text().strip())
    with contextlib.closing(database.client):
        for decision in MongoLog(database).read_after(after):
            for event in decision.events:
                yield decision.at, event
