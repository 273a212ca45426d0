"""A house without processes, and pairings of it that run in threads and are answered by the test."""

import contextlib
import queue
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from idlehands.house import pki
from idlehands.house.furnish import furnish
from idlehands.house.home import Home, open_home
from idlehands.pairing.hosting import PairOptions, Screen, host_pairing
from idlehands.pairing.join_token import JoinToken

PATIENCE_SECONDS = 60.0


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = open_home(tmp_path / "hq")
    furnish(home, agents=0)
    return home


@pytest.fixture
def other_home(tmp_path: Path) -> Home:
    """Another house, with a CA of its own."""
    home = open_home(tmp_path / "elsewhere")
    pki.ensure_authority(home)
    return home


class Pairing:
    """`idlehands pair` in a thread."""

    def __init__(self, home: Home, options: PairOptions) -> None:
        self.said: list[str] = []
        self.asked: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.answers: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._shown: queue.SimpleQueue[tuple[JoinToken, str]] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[bool | BaseException] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, args=(home, options), daemon=True)
        self._thread.start()
        self.token, address = self._shown.get(timeout=PATIENCE_SECONDS)
        host, _, port = address.rpartition(":")
        self.host, self.port = host, int(port)

    def result(self) -> bool:
        """Return what it came to, once it is over."""
        outcome = self._results.get(timeout=PATIENCE_SECONDS)
        self._thread.join(PATIENCE_SECONDS)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def _run(self, home: Home, options: PairOptions) -> None:
        screen = Screen(self.said.append, lambda token, at: self._shown.put((token, at)), self._ask)
        try:
            self._results.put(host_pairing(home, options, screen))
        except BaseException as error:
            self._results.put(error)

    def _ask(self, question: str, gone: Callable[[], bool]) -> bool | None:
        self.asked.put(question)
        while not gone():
            with contextlib.suppress(queue.Empty):
                return self.answers.get(timeout=0.05)
        return None


@pytest.fixture
def pair(home: Home) -> Callable[..., Pairing]:
    """Start a pairing of `home`; it answers what it is told beforehand or later."""
    return lambda **options: Pairing(home, PairOptions(**options))
