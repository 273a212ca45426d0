"""What the benchmarks run on: a house with real processes, a client, no-op jobs, agents of their own."""

import contextlib
import hashlib
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bus.settings import BusSettings
from idlehands.client import Client, connect
from idlehands.house.components import AgentOptions, agent_command
from idlehands.house.furnish import furnish
from idlehands.house.home import COMMAND_LINE, Home, open_home
from idlehands.house.running import RunningHouse, start_house
from schemas.specs import JobSpec, Needs, ScriptRef

#: A no-op runner never opens the bundle: any name of the right form will do.
_SCRIPT = ScriptRef(bundle=hashlib.sha256(b"noop").hexdigest(), entry="noop.py", name="noop")


@dataclass(frozen=True)
class Effort:
    """How much is measured. The smallest that runs everything once is `TINY`."""

    repeats: int = 5
    #: Multiplies the number of jobs.
    scale: float = 1.0
    #: Seconds over which an idle agent is watched.
    idle_seconds: float = 30.0
    #: Jobs that wait when draining is measured.
    queued: int = 20_000

    def jobs(self, count: int) -> int:
        """Return `count` jobs at this scale, at least two."""
        return max(2, round(count * self.scale))


TINY = Effort(repeats=1, scale=0.01, idle_seconds=0.5, queued=100)


def noop_specs(count: int, *, agent: str | None = None) -> list[JobSpec]:
    """Return specs of jobs that do nothing, each with a parameter of its own."""
    return [
        JobSpec(script=_SCRIPT, params={"trial": number}, needs=Needs(agent=agent)) for number in range(count)
    ]


@contextlib.contextmanager
def running_house(*, agents: int, runner: str = "noop") -> Iterator[RunningHouse]:
    """Hold a new house with so many agents in a folder of its own, and remove both at the end.

    Raises:
        HouseError: If it does not come up.
    """
    with tempfile.TemporaryDirectory(prefix="idlehands-bench-", ignore_cleanup_errors=True) as folder:
        home = open_home(Path(folder) / "house")
        # Issued before the broker starts, so that agents that come later are let in.
        furnish(home, agents=2)
        with start_house(home.path, AgentOptions(count=agents, runner=runner)) as house:
            yield house


@contextlib.contextmanager
def connected(house: RunningHouse) -> Iterator[Client]:
    """Hold a client that HQ answers.

    Raises:
        HqUnreachable: If HQ does not answer.
    """
    home = house.home
    with connect(BusSettings.parse(home.broker_address, home.client(COMMAND_LINE))) as client:
        client.ping()
        yield client


def agent_names(home: Home) -> list[str]:
    """Return the names of the two agents that every benchmark's house has certificates for."""
    return furnish(home, agents=2)


@contextlib.contextmanager
def own_agent(
    home: Home, name: str, runner: str = "noop", environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Hold an agent that this process started itself, as the supervisor would."""
    command = agent_command(home, name, AgentOptions(runner=runner))
    with open(home.logs / f"{name}.log", "ab") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=os.environ | (environment or {})
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)


def wait_agents(client: Client, count: int, timeout_seconds: float = 30) -> None:
    """Wait until HQ has heard from so many agents.

    Raises:
        TimeoutError: If it has not in time.
    """
    deadline = time.monotonic() + timeout_seconds
    while sum(agent["fresh"] for agent in client.status()["agents"]) < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"HQ has not heard from {count} agents in {timeout_seconds:g} s")
        time.sleep(0.05)


def wait_all_ended(client: Client, timeout_seconds: float = 300) -> None:
    """Wait until HQ has no live job.

    Raises:
        TimeoutError: If some live on.
    """
    deadline = time.monotonic() + timeout_seconds
    while jobs := client.status()["jobs"]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"these jobs have not ended in {timeout_seconds:g} s: {jobs}")
        time.sleep(0.2)  # each look walks over all jobs in HQ
