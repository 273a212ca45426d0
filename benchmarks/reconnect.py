"""Two hundred agents lose their broker: how long until each is connected and subscribed again.

Every connection has a certificate of its own and makes a whole TLS 1.3
handshake, both sides of it on this machine. The clock runs from the broker's
death, so its restart by the supervisor and the agents' back-off count as well.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.figures import Figure
from benchmarks.setting import Effort
from bus.paho_bus import PahoBus
from bus.port import BusInput, Connected
from bus.settings import BusSettings
from bus.topics import ACK, GRANT, OFFER
from idlehands.house import pki
from idlehands.house.components import AgentOptions
from idlehands.house.furnish import furnish
from idlehands.house.home import open_home
from idlehands.house.registry import Role
from idlehands.house.running import RunningHouse, start_house

_AGENTS = 200
_PATIENCE_SECONDS = 60.0


class _Count:
    """How many connections stand for the n-th time."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._times: dict[str, int] = {}

    def note(self, name: str) -> None:
        with self._changed:
            self._times[name] = self._times.get(name, 0) + 1
            self._changed.notify()

    def wait(self, count: int, times: int) -> None:
        """Wait until `count` connections were made `times` times.

        Raises:
            TimeoutError: If they are not in time.
        """

        def are_there() -> bool:
            return sum(made >= times for made in self._times.values()) >= count

        with self._changed:
            if not self._changed.wait_for(are_there, _PATIENCE_SECONDS):
                raise TimeoutError(f"{count} agents did not connect in {_PATIENCE_SECONDS:g} s")


def measure(effort: Effort) -> list[Figure]:
    """Return the seconds from the broker's death to the last of the agents."""
    agents = effort.jobs(_AGENTS)
    took: list[float] = []
    count = _Count()
    with _house_with(agents) as (house, settings), ExitStack() as stack:
        for one in settings:
            bus = PahoBus(one)
            for topic in (OFFER, GRANT, ACK):
                bus.subscribe(topic, agent=one.name)
            bus.start(partial(_note, count, one.name))
            stack.callback(bus.stop)
        count.wait(agents, 1)
        for repeat in range(effort.repeats):
            house.wait_ready()
            before = time.perf_counter()
            os.kill(_broker_of(house), signal.SIGKILL)
            count.wait(agents, 2 + repeat)
            took.append(time.perf_counter() - before)
    return [Figure(f"reconnect: {agents} agents after a broker's death", "s", tuple(took), "< 10")]


def _broker_of(house: RunningHouse) -> int:
    pid = house.component("broker").pid
    if pid is None:
        raise TimeoutError("the broker does not run")
    return pid


def _note(count: _Count, name: str, what: BusInput) -> None:
    if isinstance(what, Connected):
        count.note(name)


@contextmanager
def _house_with(agents: int) -> Iterator[tuple[RunningHouse, list[BusSettings]]]:
    with TemporaryDirectory(prefix="idlehands-bench-", ignore_cleanup_errors=True) as folder:
        home = open_home(Path(folder) / "house")
        furnish(home, agents=0)
        names = [f"crowd-{number:03d}" for number in range(agents)]
        for name in names:
            pki.issue(home, name, Role.AGENT, Path(folder) / name)
        with start_house(home.path, AgentOptions(count=0)) as house:
            where = house.home.broker_address
            yield house, [BusSettings.parse(where, Path(folder) / name) for name in names]
