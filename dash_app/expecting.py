"""How long a form will take once it is sent: as its script did before, on the machines that there are."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from dash_app.presenters.words import count, duration
from hq.rest.durations import Taken

Document = dict[str, Any]


def slots_of(agents: Sequence[Document], machine: str | None, gpus: int) -> dict[str, int]:
    """Return the slots of the machines that a job may run on, by name."""
    return {
        str(agent["name"]): int(agent.get("slots") or 0)
        for agent in agents
        if machine in (None, agent["name"])
        and int((agent.get("facts") or {}).get("gpus") or 0) >= gpus
        and agent.get("slots")
    }


def expected_seconds(taken: Taken, slots: Mapping[str, int], runs: int, parallel: int) -> float | None:
    """Return how long so many runs take on these machines; None when that cannot be known.

    Each machine takes runs at its own pace; where a script has not run on one, as in the middle. Slots are
    filled from the quickest on, no more than `parallel`.
    """
    if not taken.runs or not slots:
        return None
    paces = sorted(
        taken.by_machine.get(machine, taken.seconds) for machine, count in slots.items() for _ in range(count)
    )[: max(1, min(parallel, runs))]
    together = sum(1 / max(pace, 1e-3) for pace in paces)
    return max(paces[0], math.ceil(runs / len(paces)) * len(paces) / together)


def expected_words(taken: Taken, slots: Mapping[str, int], runs: int, parallel: int, waiting: int) -> str:
    """Return how long it will take in words, and from what that is known."""
    if not taken.runs:
        return "How long it takes is not known: it has not run here yet."
    if not slots:
        return "No machine that is known fits."
    seconds = expected_seconds(taken, slots, runs, parallel)
    each = f"{duration(taken.seconds)} a run, from {count(taken.runs, 'run')} before"
    ahead = f"; {count(waiting, 'job')} wait before it" if waiting else ""
    if runs == 1:
        machine = next(iter(slots)) if len(slots) == 1 else ""
        if machine in taken.by_machine:
            return f"About {duration(taken.by_machine[machine])} on {machine}{ahead}."
        return f"About {each}{ahead}."
    used = min(sum(slots.values()), parallel, runs)
    return f"About {duration(seconds)} on {count(used, 'slot')}: {each}{ahead}."
