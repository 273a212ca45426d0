"""How the search went: best so far, where the values lie, what ran where and when, curves of trials."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from hq.analysis.frame import VALUE, Goal, plain, with_value

Document = dict[str, Any]


def best_so_far(frame: pd.DataFrame, goal: Goal) -> Document:
    """Return each trial's value and the best until then: `{trials, values, best, winner}`.

    `winner` is the number of the best trial, the earlier of equals; None when there is no value.
    """
    known = with_value(frame, goal).sort_values("trial")
    values = known[VALUE + goal.name]
    best = values.cummin() if goal.minimize else values.cummax()
    winner = None
    if len(values):
        at = values.idxmin() if goal.minimize else values.idxmax()
        winner = int(known.loc[at, "trial"])
    return {
        "trials": [int(number) for number in known["trial"]],
        "values": values.tolist(),
        "best": best.tolist(),
        "winner": winner,
    }


def distribution(frame: pd.DataFrame, goal: Goal) -> Document:
    """Return the empirical distribution of the values: the share of trials that is at most each value."""
    values = np.sort(with_value(frame, goal)[VALUE + goal.name].to_numpy(dtype=float))
    kept, counts = np.unique(values, return_counts=True)
    share = np.cumsum(counts) / max(1, len(values))
    median = float(np.median(values)) if len(values) else None
    return {"values": kept.tolist(), "share": share.tolist(), "median": median, "count": len(values)}


def timeline(frame: pd.DataFrame, now: float) -> list[Document]:
    """Return what ran where and when, by machine: `[{agent, bars: [{trial, start, end, state, job}]}]`.

    What has not ended lasts until `now`. Trials that never started are left out.
    """
    begun = frame[frame["start"].notna() & (frame["agent"] != "")]
    machines: list[Document] = []
    for agent, rows in begun.groupby("agent", sort=True):
        bars = [
            {
                "trial": int(row["trial"]),
                "job": row["job"],
                "state": row["state"],
                "start": float(row["start"]),
                "end": float(now if plain(row["end"]) is None else row["end"]),
            }
            for row in rows.sort_values("start").to_dict("records")
        ]
        machines.append({"agent": str(agent), "bars": bars})
    return machines


def curves(
    steps: Mapping[int, Sequence[tuple[float, float | None]]], frame: pd.DataFrame, goal: Goal | None
) -> list[Document]:
    """Return one curve per trial, the best last: `[{trial, state, is_best, x, y}]`.

    Args:
        steps: Per trial its steps and values, in order.
        frame: The trials.
        goal: By what the best is told.
    """
    winner = best_so_far(frame, goal)["winner"] if goal else None
    states = dict(zip(frame["trial"], frame["state"], strict=True))
    found = [
        {
            "trial": trial,
            "state": str(states.get(trial, "")),
            "is_best": trial == winner,
            "x": [x for x, _ in points],
            "y": [y for _, y in points],
        }
        for trial, points in steps.items()
    ]
    return sorted(found, key=lambda one: (one["is_best"], one["trial"]))
