"""Which house is meant, for commands and programs alike.

On the HQ host the house is the one in `IDLEHANDS_HOME`. On a machine that has
joined a house (`idlehands join`) it is that one. Elsewhere `IDLEHANDS_BROKER`
(HOST:PORT) and `IDLEHANDS_CERTIFICATE` (the directory that `idlehands cert
issue` wrote) name it.
"""

import os
from pathlib import Path

from msgspec import Struct

from bus.settings import BusSettings
from idlehands.client.errors import ClientError
from idlehands.house.home import COMMAND_LINE, Home, HouseError, read_home
from idlehands.pairing.joined import has_joined, joined_folder, read_joined

#: The variable with the file of an author's key.
AUTHOR_KEY = "IDLEHANDS_AUTHOR_KEY"


class HalfNamed(ClientError):
    """Only one of the two variables that name a house is set."""


class NeverUp(ClientError):
    """The house of this machine has no certificates yet."""


class Found(Struct, frozen=True):
    """A house, and who we are there."""

    settings: BusSettings
    #: Only on the HQ host: where the house lives.
    home: Home | None = None

    @property
    def is_https(self) -> bool:
        """Tell whether REST of the house is known to be https."""
        folder = self.settings.certificate
        if has_joined() and folder == joined_folder():
            return read_joined().https
        try:
            home = self.home or read_home()
        except HouseError:
            return False
        return folder == home.client(COMMAND_LINE) and home.is_https

    @property
    def author_key(self) -> Path:
        """Return the file of the key that calls are signed with: one's own, or on the HQ host the house's."""
        named = os.environ.get(AUTHOR_KEY)
        if named:
            return Path(named).expanduser()
        if self.home is not None:
            return self.home.service("hq") / "author.key"
        return self.settings.certificate / "author.key"

    @property
    def own_agents(self) -> frozenset[str]:
        """Return the agents of this very machine: what they send, this machine's own user wrote."""
        if self.home is None:
            return frozenset()
        folder = self.home.agent("x").parent
        try:
            return frozenset(entry.name for entry in os.scandir(folder) if entry.is_dir())
        except OSError:
            return frozenset()


def find_house(broker: str | None = None, certificate: Path | str | None = None) -> Found:
    """Return where the broker is and who we are.

    Args:
        broker: HOST:PORT; with `certificate`, instead of looking.
        certificate: The directory with ca.pem, cert.pem and key.pem.

    Raises:
        HouseError: If there is no house here and none was named.
        HalfNamed: If only half of it was named.
        NeverUp: If the house here was never up.
        BusSettingsError: If what was named cannot be an address.
    """
    broker = broker or os.environ.get("IDLEHANDS_BROKER", "")
    certificate = str(certificate or os.environ.get("IDLEHANDS_CERTIFICATE", ""))
    if broker and certificate:
        return Found(BusSettings.parse(broker, Path(certificate).expanduser()))
    if broker or certificate:
        raise HalfNamed(
            "Set both IDLEHANDS_BROKER (HOST:PORT) and IDLEHANDS_CERTIFICATE (the directory with ca.pem, "
            "cert.pem and key.pem), or neither to use the house on this machine."
        )
    if has_joined():
        return Found(BusSettings.parse(read_joined().broker, joined_folder()))
    home = read_home()
    folder = home.client(COMMAND_LINE)
    if not (folder / "cert.pem").exists():
        raise NeverUp(f"The house in {home.path} was never up. Start it with `idlehands up`.")
    return Found(BusSettings.parse(home.broker_address, folder), home)
