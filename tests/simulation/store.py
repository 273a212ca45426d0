"""A model of the event log in MongoDB: inserts that land late, answers that get lost."""

from collections.abc import Callable

from schemas.events import Decision
from tests.simulation.network import World


class Store:
    """The `events` collection. Shared by all HQs; survives everything."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.decisions: list[Decision] = []
        self.down = False
        #: HQs that cannot reach it.
        self.cut: set[str] = set()
        #: Chance that an insert's answer is lost, or that only a prefix lands.
        self.unknown = 0.0

    def calm(self) -> None:
        self.down = False
        self.cut.clear()
        self.unknown = 0.0

    def is_away(self, hq: str) -> bool:
        return self.down or hq in self.cut

    @property
    def tail(self) -> int:
        return len(self.decisions)

    def insert(self, hq: str, batch: tuple[Decision, ...], done: Callable[[str], None]) -> None:
        """Insert in order at their positions; `done` hears "committed", "taken" or "unknown"."""
        rng = self.world.random
        delay = 0.001 + 0.004 * rng.random()
        if self.is_away(hq):
            self.world.after(0.5, lambda: done("unknown"))
            return
        fate = rng.random()
        if fate < self.unknown / 3:
            self.world.after(delay, lambda: done("unknown"))
            return
        if fate < 2 * self.unknown / 3:
            # Lands long after the caller gave up waiting: maybe after a new leader began.
            self.world.after(rng.random() * 5, lambda: self._land(batch))
            self.world.after(0.5, lambda: done("unknown"))
            return
        if fate < self.unknown:
            part = batch[: rng.randrange(len(batch)) + 1]
            self.world.after(delay, lambda: self._land(part))
            self.world.after(0.5, lambda: done("unknown"))
            return
        self.world.after(delay, lambda: done(self._land(batch)))

    def _land(self, batch: tuple[Decision, ...]) -> str:
        for decision in batch:
            if decision.position <= self.tail:
                if self.decisions[decision.position - 1].op != decision.op:
                    return "taken"
            elif decision.position == self.tail + 1:
                self.decisions.append(decision)
            else:
                raise AssertionError(f"a gap in the log: {decision.position} after {self.tail}")
        return "committed"
