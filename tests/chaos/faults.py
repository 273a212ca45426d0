"""Signals to random processes of a house, and proof that each had its effect.

A planned fault counts as injected when the process was seen to be gone, or to
be stopped. What stands still is let go after a while.
"""

import os
import random
import signal
import threading
import time
from collections import Counter

import msgspec

from idlehands.house.running import RunningHouse
from idlehands.house.status import ComponentStatus
from tests.e2e.workplace import is_gone
from tests.fixtures.stopping import is_stopped

_EFFECT_SECONDS = 10.0


class Injected(msgspec.Struct, frozen=True):
    """A fault that had its effect. `at` is on the machine's monotonic clock."""

    victim: str
    signal: str
    at: float
    #: How long it stood still.
    seconds: float = 0.0


class Injector:
    """Injects one fault every 1 to 5 s, in a thread of its own.

    Args:
        longest_stop: For how long a process may stand still, in seconds.
        only: Beginnings of the names of those who may be hit; everybody by default.
    """

    def __init__(
        self, house: RunningHouse, seed: int, *, longest_stop: float = 8.0, only: tuple[str, ...] = ("",)
    ) -> None:
        self._house = house
        self._draw = random.Random(f"{seed}/faults")
        self._longest_stop = longest_stop
        self._only = only
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        #: pid -> when it is let go.
        self._stopped: dict[int, float] = {}
        self._unproven: list[tuple[int, Injected]] = []
        self._hits: Counter[str] = Counter()
        self.planned = 0
        self.injected: list[Injected] = []
        self.fault: BaseException | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the faults: let everything go that stands still."""
        self._stopping.set()
        self._thread.join()
        for pid in self._stopped:
            _send(pid, signal.SIGCONT)
        deadline = time.monotonic() + _EFFECT_SECONDS
        while self._unproven and time.monotonic() < deadline:
            self._prove()
            time.sleep(0.02)

    def count(self) -> dict[str, int]:
        """Return how often which signal had its effect on whom."""
        return dict(sorted(Counter(f"{fault.victim} {fault.signal}" for fault in self.injected).items()))

    def _run(self) -> None:
        try:
            at = time.monotonic()
            while not self._stopping.is_set():
                at += self._draw.uniform(1.0, 5.0)
                while not self._stopping.wait(0.05) and time.monotonic() < at:
                    self._let_go()
                    self._prove()
                # Everybody may be down or stand still: then some other time, and who starts gets somewhere.
                if not self._stopping.is_set() and (victims := self._find_victims()):
                    self.planned += 1
                    self._inject(self._choose(victims))
        except BaseException as error:
            self.fault = error

    def _find_victims(self) -> list[ComponentStatus]:
        parts = sorted(self._house.status().components, key=lambda part: part.name)
        return [
            part
            for part in parts
            if part.pid is not None and part.pid not in self._stopped and part.name.startswith(self._only)
        ]

    def _inject(self, chosen: ComponentStatus) -> None:
        assert chosen.pid is not None
        number = self._draw.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP))
        if self._hits[chosen.name] == 1:
            # A short run, too, has killed everybody once.
            number = signal.SIGKILL
        seconds = 0.0
        if number is signal.SIGSTOP:
            # Most are short, some as long as allowed.
            seconds = 0.5 + (self._longest_stop - 0.5) * self._draw.random() ** 2
            self._stopped[chosen.pid] = time.monotonic() + seconds
        if _send(chosen.pid, number):
            fault = Injected(chosen.name, number.name, time.monotonic(), round(seconds, 1))
            self._unproven.append((chosen.pid, fault))

    def _choose(self, victims: list[ComponentStatus]) -> ComponentStatus:
        """Return anybody, but first those who were never hit, and count the hit."""
        fresh = [part for part in victims if not self._hits[part.name]]
        chosen = self._draw.choice(fresh or victims)
        self._hits[chosen.name] += 1
        return chosen

    def _let_go(self) -> None:
        now = time.monotonic()
        for pid in [pid for pid, until in self._stopped.items() if until <= now]:
            self._prove()
            del self._stopped[pid]
            _send(pid, signal.SIGCONT)

    def _prove(self) -> None:
        for pid, fault in list(self._unproven):
            if is_stopped(pid) if fault.signal == "SIGSTOP" else is_gone(pid):
                self._unproven.remove((pid, fault))
                self.injected.append(fault)


def _send(pid: int, number: signal.Signals) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True
