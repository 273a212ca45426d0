"""A house started from Python, in processes of its own: for the demo, the benchmarks and the tests.

Runs the same `up` as the command line does. Output goes to `logs/up.log`.
"""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from idlehands.house.components import AgentOptions
from idlehands.house.home import Home, HouseError, open_home
from idlehands.house.logs import last_lines, open_log
from idlehands.house.status import ComponentStatus, HouseStatus, read_status


@dataclass
class RunningHouse:
    """A house that is up. A context manager that stops it.

    Attributes:
        home: Its folders, addresses and certificates.
        process: The supervisor.
        tie: Our end of its standard input: it stops when this end is closed.
    """

    home: Home
    process: subprocess.Popen[bytes]
    tie: int = -1

    def __enter__(self) -> "RunningHouse":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def status(self) -> HouseStatus:
        """Return what runs now, with process ids to kill and the URLs to use."""
        return read_status(self.home)

    def component(self, name: str) -> ComponentStatus:
        """Return `broker`, `mongod`, `hq`, `search`, `web` or `agent-NAME`.

        Raises:
            KeyError: If there is no such component now.
        """
        for part in self.status().components:
            if part.name == name:
                return part
        raise KeyError(name)

    def wait_ready(self, timeout_seconds: float = 90) -> None:
        """Wait until every component is ready.

        Raises:
            HouseError: If the house ended, or was not ready in time; with its last words.
        """
        deadline = time.monotonic() + timeout_seconds
        while True:
            # Asked before the status, so that a house that ends just now is not waited for.
            ended = self.process.poll() is not None
            status = self.status()
            # An earlier house in this folder does not count.
            if status.ready and status.pid == self.process.pid:
                return
            if ended or time.monotonic() > deadline:
                waiting = [part.name for part in status.components if part.state != "ready"]
                why = "ended" if ended else f"was not ready in {timeout_seconds:g} s (waiting for {waiting})"
                raise HouseError(
                    f"The house in {self.home.path} {why}. Its last words:\n"
                    f"{last_lines(self.home.logs / 'up.log')}"
                )
            time.sleep(0.05)

    def stop(self, timeout_seconds: float = 30) -> int:
        """Stop everything in order and return the exit code. Safe to repeat."""
        if self.process.poll() is None:
            self.process.terminate()
        if self.tie >= 0:
            os.close(self.tie)
            self.tie = -1
        try:
            return self.process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            # What it leaves is stopped by its leash.
            self.process.kill()
            return self.process.wait()


def start_house(
    path: Path | None = None,
    options: AgentOptions | None = None,
    *,
    wait_seconds: float = 90,
    environment: dict[str, str] | None = None,
) -> RunningHouse:
    """Start the house in the folder `path` and return it when every component is ready.

    Args:
        path: Its `IDLEHANDS_HOME`; the default one when left out.
        options: The agents of this machine; one by default.
        wait_seconds: How long the start may take; 0 returns at once.
        environment: Added to the environment of all its processes.

    Raises:
        HouseError: If it does not come up; nothing is left running then.
    """
    home = open_home(path)
    options = options or AgentOptions()
    command = [sys.executable, "-P", "-m", "idlehands.house", "up", "--tied", "--agents", str(options.count)]
    if options.slots is not None:
        command += ["--slots", str(options.slots)]
    if options.runner is not None:
        command += ["--runner", options.runner]
    if options.guest is None:
        command += ["--guests"]
    log = open_log(home.logs / "up.log")
    # Nobody writes into it. It ends with us, however we end: then nobody else would stop the house.
    reading, tie = os.pipe()
    try:
        process = subprocess.Popen(
            command,
            stdin=reading,
            stdout=log,
            stderr=log,
            env=os.environ | (environment or {}) | {"IDLEHANDS_HOME": str(home.path)},
            # Ctrl-C at a terminal is for whoever started us; it stops the house in its own time.
            start_new_session=True,
        )
    except OSError:
        os.close(tie)
        raise
    finally:
        os.close(log)
        os.close(reading)
    house = RunningHouse(home, process, tie)
    if wait_seconds:
        try:
            house.wait_ready(wait_seconds)
        except BaseException:
            house.stop()
            raise
    return house
