"""Which certificates a house has issued: `pki/issued.json`.

Knows names, roles, serial numbers, expiry and public keys, no private ones. The
ACL is made from it, so a name in here is a name that the broker lets in.
"""

import enum
import re
from pathlib import Path

import msgspec

from idlehands.house.files import make_private_folder, write_private
from idlehands.house.home import HouseError
from schemas.names import NAME_PATTERN

_NAME = re.compile(NAME_PATTERN)


class Role(enum.StrEnum):
    """What a certificate is for; the broker's ACL gives each its rights."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    AGENT = "agent"
    #: A process of the HQ host: `hq`, `web` or `search`.
    SERVICE = "service"
    #: The broker's own server certificate; no client can use it.
    BROKER = "broker"


#: Names that only the house itself gives out.
RESERVED = {"hq": Role.SERVICE, "web": Role.SERVICE, "search": Role.SERVICE, "broker": Role.BROKER}
#: As whom the house attacks itself at a start; it has an agent's rights, and no certificate is kept.
SELF_CHECK = "self-check"


class InvalidName(HouseError):
    """A name that no certificate may carry."""


class NameTaken(HouseError):
    """A certificate of that name was issued before."""


class NameRevoked(HouseError):
    """A name whose certificates were revoked; only a person lets it in again."""


class Issued(msgspec.Struct, frozen=True):
    """One issued certificate: the newest of its name."""

    name: str
    role: Role
    #: Hexadecimal: it has more bits than JSON numbers keep.
    serial: str
    #: Unix seconds.
    expires: int
    #: Ed25519, 64 hexadecimal digits: verifies what its holder signs; "" when unknown.
    signing_key: str = ""
    #: X25519, 64 hexadecimal digits: seals what only its holder may read; "" when unknown.
    sealing_key: str = ""
    #: Unix seconds; 0 when it was issued before this was noted.
    issued_at: int = 0
    #: Serial number and expiry of older ones that still connect: a revocation must reach them too.
    earlier: dict[str, int] = {}


def check_name(name: str) -> str:
    """Return `name` if a certificate may carry it. Only checked names ever become paths.

    Raises:
        InvalidName: If not.
    """
    if not _NAME.fullmatch(name):
        raise InvalidName(
            f"{name[:80]!r} cannot be a name: 1 to 32 lower-case letters, digits and hyphens, "
            "not beginning with a hyphen."
        )
    return name


def check_role(name: str, role: Role) -> None:
    """Check that `name` is not reserved for another role.

    Raises:
        NameTaken: If it is.
    """
    if name == SELF_CHECK:
        raise NameTaken(f"{name!r} is who the house says to be when it tests itself. Choose another name.")
    if (role in (Role.SERVICE, Role.BROKER)) != (name in RESERVED) or RESERVED.get(name, role) is not role:
        raise NameTaken(
            f"{name!r} with role {role.value} is not given out: the names {', '.join(sorted(RESERVED))} "
            "are kept for the house's own processes, and they have no others. Choose another name."
        )


def read_issued(pki: Path) -> dict[str, Issued]:
    """Return what was issued, by name; empty before the first.

    Raises:
        HouseError: If the registry cannot be understood.
    """
    file = pki / "issued.json"
    try:
        entries = msgspec.json.decode(file.read_bytes(), type=list[Issued])
    except FileNotFoundError:
        return {}
    except msgspec.DecodeError as error:
        raise HouseError(f"{file} cannot be understood: {error}. Restore it from a backup.") from error
    # Names become topics and ACL lines: one that was edited in by hand is checked like any other.
    return {check_name(entry.name): entry for entry in entries}


def write_issued(pki: Path, issued: dict[str, Issued]) -> None:
    """Replace the registry, whole or not at all, and then HQ's copy of it.

    HQ reads its copy at once: whose results count follows from it.
    """
    write_private(pki / "issued.json", _text_of(issued))
    publish_issued(pki, issued)


def publish_issued(pki: Path, issued: dict[str, Issued]) -> None:
    """Bring the copy in HQ's folder up to date. In containers HQ does not see the CA's folder."""
    file = pki.parent / "hq" / "principals.json"
    text = _text_of(issued)
    if not file.exists() or file.read_bytes() != text:
        make_private_folder(file.parent)
        write_private(file, text)


def _text_of(issued: dict[str, Issued]) -> bytes:
    entries = sorted(issued.values(), key=lambda entry: entry.name)
    return msgspec.json.format(msgspec.json.encode(entries)) + b"\n"
