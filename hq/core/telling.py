"""Telling those that wait how their parents ended, some hundred in a decision."""

from collections.abc import Iterator
from itertools import islice

from hq.core.decide.parents import decide_parent
from hq.core.dependents import Dependents
from hq.core.state import State
from schemas.events import AnyEvent

#: Of one decision: with all that is passed on it stays far below the largest document.
MAX_TOLD = 200


def tell_dependents(state: State, dependents: Dependents) -> Iterator[AnyEvent]:
    """Yield what follows from ends that were not told. Record each before the next is asked for."""
    room = MAX_TOLD
    while dependents.untold and room > 0:
        ended = dependents.untold[0]
        some = list(islice(dependents.of(ended.parent), room))
        for name in some:
            waiting = state.jobs.get(name) or state.sweeps.get(name)
            if waiting is not None:
                yield decide_parent(waiting, ended)
        room -= len(some)
        if not dependents.has(ended.parent):
            dependents.untold.popleft()
