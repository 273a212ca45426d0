"""A house of one agent in a temporary folder: its own CA, broker, blobs and HQ's keys.

Made anew for each part of the suite, so that parts can run side by side and
none inherits anything. There is no HQ in it: `desk` plays that.
"""

import contextlib
import secrets
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from bus.settings import BusSettings
from idlehands.conformance.blobs import BlobServer
from idlehands.house import broker, pki, probe
from idlehands.house.files import write_private
from idlehands.house.home import Home, HouseError, open_home
from idlehands.house.registry import Role, read_issued
from idlehands.house.trusting import author_key_file, ensure_author

#: What the agent under test is called.
AGENT = "under-test"
_START_SECONDS = 20.0
_CHOOSING = threading.Lock()


class Stand:
    """Where an agent is tried."""

    def __init__(self, home: Home, blobs: BlobServer) -> None:
        self.home = home
        self.blobs = blobs
        #: Where scripts leave their traces.
        self.traces = home.path / "traces"

    @property
    def certificate(self) -> Path:
        """The agent's folder, with its `token` for REST."""
        return self.home.agent(AGENT)

    @property
    def agent_home(self) -> Path:
        """Where the agent may keep what it keeps over a restart."""
        return self.home.path / "agent-home"

    @property
    def agent_key(self) -> str:
        """The public key that its results must be signed with."""
        return read_issued(self.home.pki)[AGENT].signing_key

    @property
    def author_key(self) -> Path:
        """The key of the house as an author of scripts."""
        return author_key_file(self.home)

    @property
    def hq_key(self) -> Path:
        """With which HQ signs grants."""
        return self.home.service("hq") / "sign.key"

    @property
    def hq_settings(self) -> BusSettings:
        """How HQ reaches the broker."""
        return BusSettings.parse(self.home.broker_address, self.home.service("hq"))


@contextlib.contextmanager
def standing(folder: Path) -> Iterator[Stand]:
    """Stand a house up in `folder` and end it afterwards.

    Raises:
        HouseError: If mosquitto is missing or does not start.
    """
    mosquitto = broker.find_mosquitto()
    if mosquitto is None:
        raise HouseError(
            "The suite needs a broker of its own, and mosquitto is not installed. Debian and Ubuntu: "
            "`apt install mosquitto`; macOS: `brew install mosquitto`."
        )
    with contextlib.ExitStack() as stack:
        # One after another: a port that was chosen is in use before the next is chosen.
        with _CHOOSING:
            home = open_home(folder)
            pki.ensure_authority(home)
            ensure_author(home)
            pki.ensure(home, "hq", Role.SERVICE, home.service("hq"))
            pki.ensure(home, AGENT, Role.AGENT, home.agent(AGENT))
            token = secrets.token_urlsafe(24)
            write_private(home.agent(AGENT) / "token", token + "\n")
            stand = Stand(home, stack.enter_context(BlobServer(token)))
            stand.traces.mkdir()
            stand.agent_home.mkdir()
            stack.enter_context(_broker(home, broker.prepare(home, mosquitto)))
        yield stand


@contextlib.contextmanager
def _broker(home: Home, command: broker.Mosquitto) -> Iterator[None]:
    file = home.logs / "broker.log"
    with file.open("ab") as log:
        process = subprocess.Popen(command.argv, stdin=subprocess.DEVNULL, stderr=log)
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not probe.accepts(home, home.service("hq")):
            if process.poll() is not None or time.monotonic() > deadline:
                raise HouseError(f"The suite's own broker does not start: {file.read_text().strip()[-500:]}")
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
