"""From which trial, and with which checkpoint, the trials of a population go on.

The search process says who comes from whom; what the parent left is looked up
here, so that nobody can name a checkpoint that no trial left.
"""

from hq.core.history import History
from hq.core.state import State, Sweep
from schemas.requests import Propose
from schemas.specs import Lineage


def why_no_lineage(state: State, sweep: Sweep, request: Propose) -> str:
    """Return why the proposed trials cannot come from where they are said to, or ""."""
    wanted = len(request.trials) if sweep.spec.sampler == "pbt" else 0
    if len(request.descents) != wanted:
        return f"{len(request.descents)} descents were said of the {len(request.trials)} trials, not {wanted}"
    history = state.histories.get(sweep.id) or History()
    for descent in request.descents:
        if descent.parent is not None and descent.parent not in history.checkpoints:
            return f"trial {descent.parent} of sweep {sweep.id} left no checkpoint to go on from"
    return ""


def trace_lineages(state: State, sweep: Sweep, request: Propose) -> list[Lineage]:
    """Return where each proposed trial of a population comes from; empty for every other sweep."""
    history = state.histories.get(sweep.id) or History()
    found: list[Lineage] = []
    for one in request.descents:
        if one.parent is None:
            found.append(Lineage(one.member))
        else:
            generation = history.count_ancestors(one.parent) + 1
            found.append(Lineage(one.member, generation, one.parent, history.checkpoints[one.parent]))
    return found
