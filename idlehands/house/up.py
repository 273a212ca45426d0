"""`idlehands up`: one supervisor per house, on ports that are free, with all that it needs.

Everything that can be known to fail is found out here, before the first
process starts.
"""

import contextlib
import socket
import time
from collections.abc import Callable, Iterator

from idlehands.house.audit import act_as
from idlehands.house.components import AgentOptions, build_components
from idlehands.house.files import LockTaken, locked
from idlehands.house.furnish import database_uri_file, external_database, furnish
from idlehands.house.home import Home, HouseError
from idlehands.house.leash import Leash
from idlehands.house.page_pairings import PagePairings
from idlehands.house.renewal import Renewal
from idlehands.house.status import read_status
from idlehands.house.supervisor import Supervisor

#: Longer than a leash takes to stop what a killed supervisor left.
_STOPPING_SECONDS = 12.0


def up(home: Home, options: AgentOptions | None = None, say: Callable[[str], None] | None = None) -> int:
    """Run the house in the foreground until SIGTERM, SIGINT or SIGHUP; return the exit code 0.

    Safe to call after any crash. Call it in the main thread.

    Args:
        home: The house.
        options: Which agents run on this machine; one by default.
        say: Takes each line for the terminal; printed by default.

    Raises:
        HouseError: If the house is up already, broker or database are missing, a port is taken, the
            broker lets strangers in, or a process ends again and again before it was ever ready.
    """
    options, say = options or AgentOptions(), say or _print
    act_as("house", "house")
    with alone(home) as lock:
        agents = furnish(home, agents=options.count, say=say)
        components = build_components(home, agents, options)
        check_ports(home)
        _check_external_database()
        uri = database_uri_file(home).read_text().strip()
        say(f"Starting the house in {home.path} ...")
        leash = Leash(lock)
        try:
            with Renewal(home, agents, say), PagePairings(home):
                Supervisor(home, components, leash, uri, say).run()
        finally:
            leash.close()
    return 0


@contextlib.contextmanager
def alone(home: Home) -> Iterator[int]:
    """Be the only supervisor of `home`, after what a killed one left has been stopped.

    Yields:
        The descriptor of the lock, for the leash.

    Raises:
        HouseError: If the house is up already.
    """
    deadline = time.monotonic() + _STOPPING_SECONDS
    with contextlib.ExitStack() as stack:
        while True:
            try:
                lock = stack.enter_context(locked(home.run / "lock", wait=False))
                break
            except LockTaken:
                running = read_status(home)
                if running.up:
                    raise HouseError(
                        f"The house in {home.path} is up already (process {running.pid}, {running.page}). "
                        "`idlehands status` shows it. For another house set IDLEHANDS_HOME to another folder."
                    ) from None
                # What a killed supervisor left is still being stopped, or somebody is looking at the lock.
                if time.monotonic() > deadline:
                    raise HouseError(
                        f"Another process holds the house in {home.path} and does not come up. "
                        f"Find it with `fuser {home.run / 'lock'}` and stop it."
                    ) from None
                time.sleep(0.1)
        # A status that a killed supervisor left would be taken for ours.
        (home.run / "status.json").unlink(missing_ok=True)
        yield lock


def check_ports(home: Home) -> None:
    """Check that the house's ports are free.

    Raises:
        HouseError: If one is taken.
    """
    ports = home.settings.ports
    addresses = {"broker": (home.settings.address, ports.broker), "web": (home.settings.address, ports.web)}
    if external_database() is None:
        addresses["mongodb"] = ("127.0.0.1", ports.mongodb)
    for name, (host, port) in addresses.items():
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as attempt:
            # As the servers do: a connection that is only winding down does not count.
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                attempt.bind((host, port))
            except OSError as error:
                raise HouseError(
                    f"The {name} cannot listen on {host} port {port}: {error.strerror}. "
                    f"Stop what uses it, or change `{name}` under `ports` in {home.path / 'house.json'}."
                ) from error


def _check_external_database() -> None:
    uri = external_database()
    if uri is None:
        return
    from pymongo import MongoClient
    from pymongo.errors import PyMongoError

    try:
        client: MongoClient[dict[str, object]] = MongoClient(uri, serverSelectionTimeoutMS=5000)
        with contextlib.closing(client):
            client.admin.command("ping")
    except PyMongoError as error:
        raise HouseError(
            f"The database of IDLEHANDS_MONGODB cannot be used: {str(error)[:300]}. "
            "Start it or correct the URI; unset IDLEHANDS_MONGODB to let the house run its own."
        ) from error


def _print(line: str) -> None:
    print(line, flush=True)
