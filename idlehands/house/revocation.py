"""Who was shut out: `pki/revoked.json`, and the revocation list that the broker reads.

An entry per serial number, for ever: a certificate that was revoked stays so,
also when its name was issued again.
"""

import datetime
import time
from pathlib import Path

import msgspec

from idlehands.house.files import write_private
from idlehands.house.home import HouseError
from idlehands.house.registry import Issued, Role


class Revoked(msgspec.Struct, frozen=True):
    """One certificate that was revoked."""

    name: str
    role: Role
    #: Hexadecimal.
    serial: str
    #: Unix seconds.
    expires: int
    revoked_at: int


def read_revoked(pki: Path) -> list[Revoked]:
    """Return what was revoked, the oldest first.

    Raises:
        HouseError: If the file cannot be understood.
    """
    file = pki / "revoked.json"
    try:
        return msgspec.json.decode(file.read_bytes(), type=list[Revoked])
    except FileNotFoundError:
        return []
    except msgspec.DecodeError as error:
        raise HouseError(f"{file} cannot be understood: {error}. Restore it from a backup.") from error


def write_revoked(pki: Path, revoked: list[Revoked]) -> None:
    """Replace the file, whole or not at all."""
    write_private(pki / "revoked.json", msgspec.json.format(msgspec.json.encode(revoked)) + b"\n")


def add_all(revoked: list[Revoked], entry: Issued) -> list[Revoked]:
    """Return `revoked` with every certificate of `entry` that may still connect. Safe to repeat."""
    known, now = {one.serial for one in revoked}, int(time.time())
    serials = entry.earlier | {entry.serial: entry.expires}
    return [
        *revoked,
        *(
            Revoked(entry.name, entry.role, serial, expires, now)
            for serial, expires in serials.items()
            if serial not in known
        ),
    ]


def in_the_list(revoked: list[Revoked]) -> list[tuple[int, datetime.datetime]]:
    """Return what the revocation list says: serial numbers, and since when."""
    return [
        (int(one.serial, 16), datetime.datetime.fromtimestamp(one.revoked_at, datetime.UTC))
        for one in revoked
    ]
