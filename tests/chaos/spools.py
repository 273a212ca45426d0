"""Looks into the agents' spools all the time and notes what was ever seen in one."""

import sqlite3
import threading
from pathlib import Path

from tests.chaos.history import History, Spooled
from tests.e2e.workplace import Workplace, read_spool


class SpoolWatch:
    """A thread that looks every 20 ms."""

    def __init__(self, work: Workplace, history: History) -> None:
        self._homes = {name: work.house.home.agent(name) / "home" for name in work.agents}
        self._history = history
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._seen: set[tuple[str, str, int]] = set()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(0.02):
            for agent, home in self._homes.items():
                self._look(agent, home)

    def _look(self, agent: str, home: Path) -> None:
        try:
            rows = read_spool(home)
        except sqlite3.OperationalError:
            # Just being opened by its agent, or recovered after a kill.
            return
        for job, token in rows:
            if (agent, job, token) not in self._seen:
                self._seen.add((agent, job, token))
                self._history.note(Spooled(agent, job, token))
