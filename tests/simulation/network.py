"""Virtual time and an unkind network: loss, duplicates, delays, reordering, partitions."""

import heapq
import random
from collections.abc import Callable
from typing import Any


class World:
    """The true clock and the list of what happens next. One thread, no luck but the seed's."""

    def __init__(self, seed: int) -> None:
        self.now = 0.0
        self.random = random.Random(seed)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def at(self, time: float, do: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (max(time, self.now), self._count, do))

    def after(self, delay: float, do: Callable[[], None]) -> None:
        self.at(self.now + delay, do)

    def run(self, until: float, stop: Callable[[], bool] = lambda: False) -> None:
        while self._events and self._events[0][0] <= until and not stop():
            self.now, _, do = heapq.heappop(self._events)
            do()
        self.now = max(self.now, min(until, self.now if stop() else until))


class Network:
    """Carries messages between named nodes while the faults last, and kindly afterwards."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.loss = 0.0
        self.duplicates = 0.0
        self.slow = 0.0
        self.slowest = 0.0
        #: Nodes that are cut off, in one direction or both: (node, "in" | "out").
        self.cut: set[tuple[str, str]] = set()
        #: Pairs that do not reach each other, as when two HQs hang on two brokers.
        self.severed: set[frozenset[str]] = set()
        #: The broker is down: nothing passes.
        self.down = False

    def calm(self) -> None:
        """End all faults."""
        self.loss = self.duplicates = self.slow = self.slowest = 0.0
        self.cut.clear()
        self.severed.clear()
        self.down = False

    def send(self, sender: str, to: str, deliver: Callable[[], Any]) -> None:
        rng = self.world.random
        if self.severed and frozenset((sender, to)) in self.severed:
            return
        if self.down or (sender, "out") in self.cut or (to, "in") in self.cut or rng.random() < self.loss:
            return
        copies = 2 if rng.random() < self.duplicates else 1
        for _ in range(copies):
            delay = 0.001 + 0.01 * rng.random()
            if rng.random() < self.slow:
                delay += rng.random() * self.slowest
            self.world.after(delay, deliver)


class Clock:
    """One machine's clocks: a monotonic one that may run 0.1 % off, a wall clock that may jump."""

    def __init__(self, world: World, *, stops_in_suspend: bool = False) -> None:
        self._world = world
        self._rate = 1 + world.random.uniform(-0.0005, 0.0005)
        self._start = world.random.uniform(0, 1000)
        self._jump = 0.0
        self._slept = 0.0
        self._stops = stops_in_suspend

    def monotonic(self) -> float:
        return self._start + (self._world.now - self._slept) * self._rate

    def wall(self) -> float:
        return 1_800_000_000.0 + self._world.now + self._jump

    def jump(self, seconds: float) -> None:
        self._jump += seconds

    def note_sleep(self, seconds: float) -> None:
        if self._stops:
            self._slept += seconds
