"""Which sleeping machines to wake: those that alone can do what waits, and whose owners allow it.

Wake-on-LAN proves nothing and is never answered: a machine that stays away is
asked again after longer and longer pauses, until it is heard from.
"""

from collections.abc import Iterable

from hq.core.bookkeeping import Bookkeeping, Woken
from hq.core.outputs import Wake
from hq.core.queue import Apart, Kind
from hq.core.sightings import Sighting, misfit
from hq.core.state import AgentRecord
from schemas.facts import MachineFacts

#: Between one packet and the next; the last for ever. Computers take up to a minute to wake.
PAUSES = (60.0, 300.0, 1800.0, 3600.0)


class Waking:
    """Notes who was asked to wake. Times are on HQ's monotonic clock."""

    def __init__(self, books: Bookkeeping) -> None:
        self._books = books

    def choose(self, now: float) -> list[Wake]:
        """Return whom to wake now; note that they were asked."""
        books = self._books
        asleep = list(_asleep(books, now))
        books.woken = {name: books.woken[name] for record in asleep if (name := record.name) in books.woken}
        due = [record for record in asleep if self._is_due(record.name, now)]
        if not due or not len(books.scheduler.queue):
            return []
        awake = [sighting for sighting in books.sightings.values() if sighting.is_fresh(now)]
        chosen: dict[str, Wake] = {}
        for kind in books.scheduler.queue.kinds():
            if any(_can(kind, sighting.name, sighting.facts, sighting) for sighting in awake):
                continue
            for record in due:
                if _can(kind, record.name, record.facts, books.sightings.get(record.name)):
                    chosen[record.name] = Wake(record.name, record.facts.wake)
        for name in chosen:
            before = books.woken.get(name)
            books.woken[name] = Woken(before.times + 1 if before else 1, now)
        return list(chosen.values())

    def _is_due(self, agent: str, now: float) -> bool:
        woken = self._books.woken.get(agent)
        return woken is None or now - woken.at >= PAUSES[min(woken.times, len(PAUSES)) - 1]


def _asleep(books: Bookkeeping, now: float) -> Iterable[AgentRecord]:
    for record in books.state.agents.values():
        sighting = books.sightings.get(record.name)
        if record.facts.wake and record.slots and (sighting is None or not sighting.is_fresh(now)):
            yield record


def _can(kind: Kind, name: str, facts: MachineFacts, sighting: Sighting | None) -> bool:
    """Tell whether a machine can do such jobs at all, whatever it does at this moment."""
    needs = kind.needs if isinstance(kind, Apart) else kind
    if misfit(needs, name, facts):
        return False
    return not (isinstance(kind, Apart) and sighting is not None and sighting.unwilling.get(kind.script))
