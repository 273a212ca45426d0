"""An agent that has nothing to do: its memory, its processor time, and how soon it is ready.

Ready means that HQ has answered its first heartbeat. The agent is the real
one, with the runner for scripts.
"""

import contextlib
import time

from benchmarks.figures import Figure
from benchmarks.processes import read_cpu_seconds, read_pss_mb, read_rss_mb
from benchmarks.setting import Effort, agent_names, connected, own_agent, running_house
from bus.port import Inbound
from bus.topics import ACK
from idlehands.client import Client
from idlehands.house.home import Home

_SETTLING_SECONDS = 3.0
_SAMPLES = 5


def measure(effort: Effort) -> list[Figure]:
    """Return memory, share of a core, and seconds from exec to the first accepted heartbeat."""
    ready: list[float] = []
    watched: list[tuple[float, float, float]] = []
    with running_house(agents=0) as house, connected(house) as client:
        name = agent_names(house.home)[0]
        for number in range(effort.repeats):
            with contextlib.ExitStack() as stack:
                process, seconds = _start(house.home, client, name, stack)
                ready.append(seconds)
                if number == 0:
                    watched = _watch(process, effort)
    share, memory, resident = (tuple(column) for column in zip(*watched, strict=True))
    return [
        Figure("idle agent: exec to first heartbeat accepted", "s", tuple(ready), "< 0.6"),
        Figure("idle agent: memory (PSS)", "MB", memory, "< 30"),
        Figure("idle agent: memory (RSS)", "MB", resident),
        Figure("idle agent: processor time", "% of a core", share, "< 0.2"),
    ]


def _start(home: Home, client: Client, name: str, stack: contextlib.ExitStack) -> tuple[int, float]:
    with client.watch((ACK, {"agent": name})) as feed:
        client.ping()
        before = time.perf_counter()
        process = stack.enter_context(own_agent(home, name, runner="subprocess"))
        while True:
            what = feed.get(30)
            if what is None:
                raise TimeoutError(f"HQ has not answered the agent {name} in 30 s")
            if isinstance(what, Inbound) and what.data.seq is not None and not what.data.refused:
                return process.pid, time.perf_counter() - before


def _watch(pid: int, effort: Effort) -> list[tuple[float, float, float]]:
    """Return (percent of a core, PSS, RSS) several times over."""
    time.sleep(min(_SETTLING_SECONDS, effort.idle_seconds))
    watched = []
    # Each sample is long enough to hold heartbeats in their right share: one in ten seconds.
    for _ in range(min(effort.repeats, _SAMPLES)):
        used, began = read_cpu_seconds(pid), time.perf_counter()
        time.sleep(effort.idle_seconds)
        share = (read_cpu_seconds(pid) - used) / (time.perf_counter() - began) * 100
        watched.append((share, read_pss_mb(pid), read_rss_mb(pid)))
    return watched
