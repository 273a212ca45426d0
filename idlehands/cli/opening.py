"""Which house is meant, and the connection to it.

On the HQ host the house is the one in `IDLEHANDS_HOME`. On a machine that has
joined a house (`idlehands join`) it is that one. Elsewhere `IDLEHANDS_BROKER`
(HOST:PORT) and `IDLEHANDS_CERTIFICATE` (the directory that `idlehands cert
issue` wrote) name it.
"""

import os
from pathlib import Path

from bus.settings import BusSettings
from idlehands.cli.exits import USAGE, Stop
from idlehands.client import Client, connect


def find_settings() -> BusSettings:
    """Return where the broker is and who we are.

    Raises:
        HouseError: If there is no house here and none was named.
        Stop: If only half of it was named.
    """
    broker = os.environ.get("IDLEHANDS_BROKER", "")
    certificate = os.environ.get("IDLEHANDS_CERTIFICATE", "")
    if broker and certificate:
        return BusSettings.parse(broker, Path(certificate).expanduser())
    if broker or certificate:
        raise Stop(
            USAGE,
            "Set both IDLEHANDS_BROKER (HOST:PORT) and IDLEHANDS_CERTIFICATE (the directory with ca.pem, "
            "cert.pem and key.pem), or neither to use the house on this machine.",
        )
    from idlehands.house.home import COMMAND_LINE, read_home
    from idlehands.pairing.joined import has_joined, joined_folder, read_joined

    if has_joined():
        return BusSettings.parse(read_joined().broker, joined_folder())
    home = read_home()
    return BusSettings.parse(home.broker_address, home.client(COMMAND_LINE))


def open_client() -> Client:
    """Return a connected client of the house that is meant.

    Raises:
        HqUnreachable: If the broker does not answer.
        HouseError: If there is no house.
    """
    return connect(find_settings())
