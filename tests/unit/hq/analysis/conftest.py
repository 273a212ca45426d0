"""Sweeps whose answers are known beforehand."""

from collections.abc import Sequence
from typing import Any

from hq.analysis.frame import Table, trials_table

Document = dict[str, Any]

SPEC: Document = {
    "metric": "loss",
    "direction": "minimize",
    "space": {
        "rate": {"type": "float", "low": 0.001, "high": 1.0, "log": True},
        "layers": {"type": "int", "low": 1, "high": 4},
        "optimizer": {"type": "choice", "values": ["adam", "sgd"]},
    },
}


def trial(number: int, params: Document, result: Document | None, **more: Any) -> Document:
    """Return a trial as `queries.read_trials` gives it."""
    ended = {} if result is None else {"started_at": 100.0 + number, "ended_at": 101.0 + number}
    return {
        "trial": number,
        "job": f"j{number}",
        "status": "running" if result is None else "succeeded",
        "agent": "attic",
        "params": params,
        "started": 100.0 + number,
        "ended": None,
        "result": None if result is None else {"result": result, "duration_seconds": 1.0, **ended},
        **more,
    }


def table(losses: Sequence[float | None], spec: Document = SPEC) -> Table:
    """Return a sweep whose trials have these losses, with rates from 0.001 up."""
    trials = [
        trial(
            number,
            {"rate": 0.001 * 2**number, "layers": 1 + number % 4, "optimizer": ("adam", "sgd")[number % 2]},
            None if loss is None else {"loss": loss},
        )
        for number, loss in enumerate(losses)
    ]
    return trials_table(spec, trials)
