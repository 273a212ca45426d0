"""`python -m idlehands.house.containers`: what `compose.yaml` needs before its services can start.

    keys       the database's key file, and the URI with its password
    database   the replica set of one, and its user (over MongoDB's localhost exception)
    furnish    everything else: settings, CA, certificates, tokens, the broker's configuration
    closed     nothing: it proves that the broker lets nobody in without a certificate

Each is safe to repeat and runs at every start. The folder is an ordinary house
(`idlehands.house.home`); here only the addresses differ: inside, services find
each other by name; outside, the machine publishes other ports.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from idlehands.house import broker, mongod, pki, probe, tokens
from idlehands.house.audit import act_as
from idlehands.house.files import make_private_folder, write_private
from idlehands.house.furnish import furnish
from idlehands.house.home import COMMAND_LINE, RESTORING, Home, HouseError, Ports, Settings, default_home_path
from idlehands.house.intruder import attack_broker
from idlehands.house.registry import Role, check_name, check_role

_DATABASE_SECONDS = 60.0
_ALREADY_INITIALISED, _UNAUTHORIZED = 23, 13


def main(argv: list[str] | None = None) -> int:
    """Run one step and return its exit code."""
    options = _parse(argv)
    path = default_home_path()
    try:
        match options.step:
            case "keys":
                make_keys(path, options.database)
            case "database":
                make_database(path, at=options.at, member=options.database)
            case "furnish":
                furnish_containers(path, options)
            case "closed":
                prove_closed(path, options.broker)
    except (HouseError, mongod.MongodNotReady) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Error: {path} cannot be written: {error}. Is the volume this user's?", file=sys.stderr)
        return 1
    return 0


def make_keys(path: Path, database: str) -> None:
    """Make key file and password of the database at `database` (HOST:PORT) where they are missing."""
    folder = make_private_folder(path / "mongodb")
    port = int(database.rpartition(":")[2])
    # Only its files are wanted: the command line is in compose.yaml.
    command = mongod.prepare(folder, port, mongod=Path("mongod"))
    write_private(command.uri_file, command.uri.replace(f"@127.0.0.1:{port}/", f"@{database}/"))


def make_database(path: Path, *, at: str, member: str) -> None:
    """Make replica set and user of the running mongod. Run it where the database is at 127.0.0.1.

    Args:
        path: The house.
        at: Where it is reached from here, HOST:PORT on loopback.
        member: Where everybody else reaches it, HOST:PORT.

    Raises:
        MongodNotReady: If it does not become usable in time.
    """
    uri = (path / "mongodb" / "uri").read_text().strip()
    local = uri.replace(f"@{urlsplit(uri).netloc.rpartition('@')[2]}/", f"@{at}/")
    _initiate(at, member)
    mongod.ensure_ready(local, timeout_seconds=_DATABASE_SECONDS)


def _initiate(at: str, member: str) -> None:
    """Wait until the replica set is initiated, by us if need be."""
    from pymongo import MongoClient
    from pymongo.errors import OperationFailure, PyMongoError

    from idlehands.house.replica_set import REPLICA_SET

    wanted = {"_id": REPLICA_SET, "version": 1, "members": [{"_id": 0, "host": member}]}
    deadline = time.monotonic() + _DATABASE_SECONDS
    seen = "nothing answered"
    client: MongoClient[dict[str, Any]] = MongoClient(
        f"mongodb://{at}/", directConnection=True, serverSelectionTimeoutMS=1000
    )
    with client:
        while time.monotonic() < deadline:
            try:
                if "setName" in client.admin.command("hello"):
                    return
                client.admin.command("replSetInitiate", wanted)
            except OperationFailure as error:
                # One that was initiated before and is only starting: it will have its name soon.
                if error.code not in (_ALREADY_INITIALISED, _UNAUTHORIZED):
                    raise mongod.MongodNotReady(f"The replica set cannot be made: {error}.") from error
            except PyMongoError as error:
                seen = str(error)[:200]
            time.sleep(0.2)
    raise mongod.MongodNotReady(f"The database at {at} was not ready in time: {seen}.")


def furnish_containers(path: Path, options: argparse.Namespace) -> None:
    """Make or renew everything that the services read from the house's folder.

    Raises:
        HouseError: If something cannot be read or written, or the agent's name cannot be one.
    """
    if (path / RESTORING).exists():
        raise HouseError("A restore was interrupted: run it again before the house starts.")
    agent = check_name(options.agent)
    check_role(agent, Role.AGENT)
    ports = Ports(options.broker_port, int(options.database.rpartition(":")[2]), options.web_port)
    home = Home(path, Settings(ports, agent, options.address))
    act_as("house", "house")
    for folder in (home.path, home.pki, home.broker, home.logs, home.run):
        make_private_folder(folder)
    furnish(home, agents=0)
    pki.ensure(home, agent, Role.AGENT, home.agent(agent))
    tokens.ensure(home, tokens.TokenRole.AGENT, agent, home.agent(agent) / "token")
    # With this the health check of the broker's own container looks whether it lets people in.
    pki.ensure(home, "health", Role.VIEWER, home.broker / "health")
    _configure_broker(home, int(options.broker.rpartition(":")[2]))
    # Last: with it the folder is a house.
    write_private(path / "house.json", msgspec.json.format(msgspec.json.encode(home.settings)) + b"\n")


def _configure_broker(home: Home, port: int) -> None:
    """Write ACL and configuration for a broker that listens on `port` inside its container."""
    inside = msgspec.structs.replace(home.settings.ports, broker=port)
    # Its network is the containers' own; what leaves the machine, compose.yaml publishes.
    settings = msgspec.structs.replace(home.settings, ports=inside, address="0.0.0.0")  # noqa: S104
    broker.prepare(Home(home.path, settings), Path("mosquitto"))
    file = home.broker / "mosquitto.conf"
    # Its folder is mounted read-only, and a container needs no process id.
    lines = [line for line in file.read_text().splitlines() if not line.startswith("pid_file ")]
    write_private(file, "\n".join(lines) + "\n")


def prove_closed(path: Path, address: str) -> None:
    """Check that the broker at `address` (HOST:PORT) lets in who has a certificate, and nobody else.

    Raises:
        HouseError: If it is not so. Then the house must not run.
    """
    host, _, port = address.rpartition(":")
    home = Home(path, Settings(Ports(int(port), 0, 0), "closed", host))
    if not probe.accepts(home, home.client(COMMAND_LINE)):
        raise HouseError(
            f"The broker at {address} does not let in a certificate of this house. Is it another house's "
            "broker, or one that runs since before the last `setup`? `docker compose restart broker`."
        )
    if not attack_broker(home):
        raise HouseError(f"The broker at {address} ended while it was tried out. Look at its log.")


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m idlehands.house.containers")
    steps = parser.add_subparsers(dest="step", required=True)
    for name in ("keys", "database", "furnish", "closed"):
        step = steps.add_parser(name)
        if name != "closed":
            step.add_argument(
                "--database", required=True, metavar="HOST:PORT", help="as the services reach it"
            )
        if name == "database":
            step.add_argument("--at", required=True, metavar="HOST:PORT", help="as it is reached from here")
        if name in ("furnish", "closed"):
            step.add_argument("--broker", required=True, metavar="HOST:PORT", help="as services reach it")
        if name == "furnish":
            step.add_argument("--agent", required=True, metavar="NAME", help="the agent on this machine")
            step.add_argument("--address", required=True, help="where the machine publishes the ports")
            step.add_argument("--broker-port", required=True, type=int, help="published port of the broker")
            step.add_argument("--web-port", required=True, type=int, help="published port of the page")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
