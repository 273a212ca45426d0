"""Shutting somebody out: certificate, tokens and page, live connections included.

And the larger step: a new CA for the house, with which everybody is out who does
not get a new certificate.
"""

import contextlib
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from idlehands.house import broker, pki, tokens
from idlehands.house.furnish import furnish
from idlehands.house.home import COMMAND_LINE, Home, HouseError
from idlehands.house.login import end_sessions
from idlehands.house.registry import RESERVED, Issued, Role, check_name, read_issued
from idlehands.house.status import read_status
from idlehands.house.trusting import author_key_file

#: What lies in a certificate's folder and proves who somebody is.
_CREDENTIALS = ("cert.pem", "key.pem", "sign.key", "seal.key", "token")
#: Hold no certificate, or are told apart.
_NOT_RESTARTED = ("mongod", "broker")


@dataclass(frozen=True)
class Expelled:
    """What was taken from somebody."""

    name: str
    role: Role
    tokens: int
    sessions: int
    #: Whether the broker ran, so that live connections were dropped.
    dropped: bool
    #: The folder with new credentials, if the name is this command line's own.
    renewed: Path | None = None


def expel(home: Home, name: str) -> Expelled:
    """Shut `name` out at once: no certificate, token, session or connection of it works any more.

    Safe to repeat after a crash. All other connections are dropped as well and are back
    within about a second.

    Raises:
        HouseError: If nobody has that name, it is a process of the house, or the broker does not end.
    """
    entry = pki.revoke(home, name)
    removed = tokens.remove(home, lambda token: token.name == name)
    sessions = end_sessions(home, name)
    for folder in (home.client(name), home.agent(name)):
        for file in _CREDENTIALS:
            (folder / file).unlink(missing_ok=True)
    renewed = None
    if name == COMMAND_LINE:
        # Without it nobody could use the house from its own machine.
        renewed = home.client(COMMAND_LINE)
        pki.issue(home, name, entry.role, renewed)
        tokens.ensure(home, tokens.TokenRole.OPERATOR, name, renewed / "token")
    dropped = broker.shut_out(home)
    # An agent of this machine has its keys in memory.
    end_processes(home, lambda part: part == f"agent-{name}")
    return Expelled(name, entry.role, len(removed), sessions, dropped, renewed)


def own_names(home: Home) -> set[str]:
    """Return the names of the house's own processes, of its command line and of this machine's agents."""
    agents = home.path / "agents"
    local = (
        {folder.name for folder in agents.iterdir() if (folder / "cert.pem").exists()}
        if agents.exists()
        else set()
    )
    # With `health` the broker's container looks after itself.
    health = {"health"} if (home.broker / "health").exists() else set()
    return {*RESERVED, COMMAND_LINE, *local, *health}


def others(home: Home) -> list[Issued]:
    """Return who has a certificate and lives elsewhere: a rotation shuts them out."""
    own = own_names(home)
    return [entry for name, entry in sorted(read_issued(home.pki).items()) if name not in own]


def rotate(home: Home) -> list[Issued]:
    """Give the house a new CA, and its own processes new certificates and keys; return whom that shut out.

    Processes that run are ended, and `up` starts them again with what is new. REST tokens and
    page logins stay. Safe to repeat: what an interrupted rotation left, the next start completes.

    Raises:
        HouseError: If something cannot be read or written.
    """
    gone, own = others(home), own_names(home)
    agents = sorted(name for name in own if (home.agent(name) / "cert.pem").exists())
    folders = [home.service(name) for name in RESERVED]
    folders += [home.client(COMMAND_LINE), *(home.agent(check_name(name)) for name in agents)]
    try:
        pki.rotate(home)
        for folder in folders:
            for file in ("cert.pem", "sign.key", "seal.key"):
                (folder / file).unlink(missing_ok=True)
        author_key_file(home).unlink(missing_ok=True)
        # What else was signed with the old CA in the broker's folder is made again at its start.
        shutil.rmtree(home.broker / "health", ignore_errors=True)
    except OSError as error:
        raise HouseError(f"The CA cannot be replaced: {error.strerror or error}. Repeat it.") from error
    furnish(home, agents=0)
    for name in agents:
        pki.ensure(home, name, Role.AGENT, home.agent(name))
    pki.ensure(home, "broker", Role.BROKER, home.broker)
    broker.shut_out(home)
    end_processes(home, lambda part: part not in _NOT_RESTARTED)
    return gone


def end_processes(home: Home, is_meant: Callable[[str], bool]) -> None:
    """End processes of the house by name; its supervisor starts them again."""
    for part in read_status(home).components:
        if part.pid is not None and is_meant(part.name):
            with contextlib.suppress(ProcessLookupError):
                os.kill(part.pid, signal.SIGTERM)
