"""The connection of a command to the house that is meant; keeps a joined machine's certificate new."""

import contextlib
import time
from pathlib import Path

from bus.certificate_files import (
    RENEW_SECONDS,
    install,
    remember_rest,
    remembered_rest,
    seconds_left,
)
from bus.settings import BusSettings, BusSettingsError
from idlehands.cli.exits import REFUSED, UNREACHABLE, USAGE, Stop, say
from idlehands.client import Client, connect
from idlehands.client.errors import ClientError
from idlehands.finding import Found, HalfNamed, NeverUp, find_house

#: HQ's state is kept by the broker: it comes at once, or HQ is not there.
_HEAR_SECONDS = 1.0


def find_settings() -> Found:
    """Return where the broker is and who we are.

    Raises:
        HouseError: If there is no house here and none was named.
        Stop: If only half of it was named, or the house here was never up.
    """
    try:
        return find_house()
    except HalfNamed as error:
        raise Stop(USAGE, str(error)) from None
    except NeverUp as error:
        raise Stop(UNREACHABLE, str(error)) from None


def open_client() -> Client:
    """Return a connected client of the house that is meant.

    Raises:
        HqUnreachable: If the broker does not answer.
        HouseError: If there is no house.
    """
    found = find_settings()
    renew_expired(found.settings.certificate)
    client = connect(found.settings, https_only=found.is_https)
    keep_joined(found.settings.certificate, client)
    return client


def _is_https(folder: Path) -> bool:
    return Found(BusSettings("", 0, folder)).is_https


def renew_expired(folder: Path) -> None:
    """Fetch the next certificate of a machine that joined and was away until its own had expired."""
    from idlehands.client.rest import Rest
    from idlehands.pairing.joined import joined_folder, read_joined

    try:
        if folder != joined_folder() or seconds_left(folder, time.time()) > 0:
            return
    except BusSettingsError:
        # The connection says better what is wrong with it.
        return
    try:
        url, https_only = remembered_rest(folder), read_joined().https
        with contextlib.closing(Rest(url, folder / "token", https_only=https_only)) as rest:
            install(folder, str(rest.get("/certificate")["certificate"]))
    except (ClientError, BusSettingsError) as error:
        raise Stop(
            REFUSED,
            f"The certificate in {folder} has expired and could not be renewed: {error}. Pair this machine "
            f"anew: `idlehands pair --name {read_joined().name} --replace` on the HQ host, and here "
            f"`idlehands join` after removing {folder}.",
        ) from None


def keep_joined(folder: Path, client: Client) -> None:
    """Note for a machine that joined where REST is now, and fetch its next certificate when it is time.

    The next command uses both. Says it when the certificate cannot be fetched. Nothing on other machines.
    """
    from idlehands.pairing.joined import joined_folder

    if folder != joined_folder():
        return
    announced = client.announced_rest(_HEAR_SECONDS)
    # Who owns the broker could name a server without TLS, so that the certificate is never renewed.
    if announced.startswith("https://") or not _is_https(folder):
        remember_rest(folder, announced)
    try:
        if seconds_left(folder, time.time()) > RENEW_SECONDS:
            return
        install(folder, client.read_certificate())
    except (ClientError, BusSettingsError) as error:
        say(f"The certificate in {folder} expires soon and could not be renewed: {error}")
