"""What a house needs before its processes start: certificates, tokens, the database's URI.

Everything here is safe to repeat and to interrupt; it runs at every start and
renews what is about to expire.
"""

import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from idlehands.house import mongod, pki, tokens
from idlehands.house.files import make_private_folder, write_private
from idlehands.house.home import COMMAND_LINE, Home, HouseError
from idlehands.house.registry import RESERVED, Role, publish_issued, read_issued
from idlehands.house.serving import ensure_web_certificate
from idlehands.house.trusting import TrustListUnusable, ensure_author

SERVICES = ("hq", "web", "search")


def furnish(home: Home, *, agents: int, say: Callable[[str], None] | None = None) -> list[str]:
    """Issue what is missing for the services, the command line and `agents` agents of this machine.

    Args:
        home: The house.
        agents: How many.
        say: Takes a line for each agent that cannot run. Without it, one such agent is an error.

    Returns:
        The names of the agents that can run.

    Raises:
        HouseError: If something cannot be read or written.
    """
    pki.ensure_authority(home)
    ensure_author(home)
    for service in SERVICES:
        pki.ensure(home, service, Role.SERVICE, home.service(service))
    if home.is_https:
        ensure_web_certificate(home)
    pki.ensure(home, COMMAND_LINE, Role.OPERATOR, home.client(COMMAND_LINE))
    tokens.ensure(home, tokens.TokenRole.OPERATOR, COMMAND_LINE, home.client(COMMAND_LINE) / "token")
    names = [name for name in _agent_names(home, agents) if _ensure_agent(home, name, say)]
    # Of an older house, or a restored one, there is none yet.
    publish_issued(home.pki, read_issued(home.pki))
    return names


def _ensure_agent(home: Home, name: str, say: Callable[[str], None] | None) -> bool:
    """Tell whether the agent can run. What its owner wrote wrongly stops it, and nobody else."""
    try:
        pki.ensure(home, name, Role.AGENT, home.agent(name))
    except TrustListUnusable as error:
        if say is None:
            raise
        say(f"The agent {name} does not run: {error} Then start the house again.")
        return False
    tokens.ensure(home, tokens.TokenRole.AGENT, name, home.agent(name) / "token")
    return True


def external_database() -> str | None:
    """Return the URI in `IDLEHANDS_MONGODB` with a database name, None when it is not set.

    Raises:
        HouseError: If it is no MongoDB URI.
    """
    uri = os.environ.get("IDLEHANDS_MONGODB", "").strip()
    if not uri:
        return None
    parts = urlsplit(uri)
    if parts.scheme not in ("mongodb", "mongodb+srv") or not parts.netloc:
        raise HouseError(
            "IDLEHANDS_MONGODB is not a MongoDB URI. It looks like "
            "mongodb://user:password@host:27017/idlehands?replicaSet=name; "
            "unset it to let the house run a database of its own."
        )
    if parts.path in ("", "/"):
        parts = parts._replace(path=f"/{mongod.DATABASE}")
    return urlunsplit(parts)


def database_uri_file(home: Home) -> Path:
    """Return the file with the URI of the database in use, written anew if it is an external one.

    Raises:
        HouseError: If `IDLEHANDS_MONGODB` is no MongoDB URI.
    """
    external = external_database()
    if external is None:
        return home.mongodb / "uri"
    # Beside the house's own URI file, which keeps the password of the house's own database.
    file = make_private_folder(home.mongodb) / "external-uri"
    write_private(file, external)
    return file


def _agent_names(home: Home, count: int) -> list[str]:
    first = home.settings.machine
    issued = read_issued(home.pki)
    # A machine that is called like a service or like somebody's client: its agent gets another name.
    if first in RESERVED or (first in issued and issued[first].role is not Role.AGENT):
        first = f"{first[:22]}-agent"
    return [first if number == 1 else f"{first}-{number}" for number in range(1, count + 1)]
